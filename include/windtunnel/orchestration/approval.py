"""The question to a reviewer: one question, one answer, and one task behind it for each thing that can come of it.

Airflow 3.3.1 keeps the text of a question as it was first written, also over retries. A question that must be asked
again and say why is therefore asked by another run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Context, Param

from windtunnel.core.approval import Choice, broken_rule
from windtunnel.core.contracts import Answer, Dossier
from windtunnel.orchestration.links import Page

ANSWER = "answer"
"""XCom key of the answer, a `contracts.Answer`; there is none when the question expired."""
RULE = "rule"
"""XCom key of the rule that the answer broke, a sentence."""

_DECIDED = "decided"
_KEPT = timedelta(days=400)


class Approval(ApprovalOperator):
    """Airflow's ApprovalOperator, bound to a dossier: it knows who may not answer, and what an answer must say.

    Args:
        asked: `dossier`, a `contracts.Dossier` as JSON, and `until`, when the question expires.
        yes: Task that stands behind a yes; the others behind this one are skipped.
        no: Task that stands behind a no.
        refused: Task that stands behind an answer that breaks a rule.
        expired: Task that stands behind a question without an answer.
        link: The page of what is asked about, there while the question is open.
    """

    template_fields: Sequence[str] = (*ApprovalOperator.template_fields, "asked")

    def __init__(
        self, *, asked: Any, yes: str, no: str, refused: str, expired: str, link: Page, **arguments: Any
    ) -> None:
        note = Param("", type=["null", "string"], title="Note", description="Goes on record. A no needs one.")
        super().__init__(subject="Release this version?", params={"note": note}, execution_timeout=None, **arguments)
        self.asked = asked
        self.operator_extra_links = (link,)
        self.behind = {"yes": yes, "no": no, "refused": refused, "expired": expired}

    def execute(self, context: Context) -> Any:
        """Ask, or go on where an earlier try had the answer already."""
        decided = context["task_state_store"].get(_DECIDED)
        if isinstance(decided, dict):
            return self._go_on(context, decided)
        dossier = self._dossier
        registered = dossier.registered
        forced = "FORCED. " if registered.gate.forced_by else ""
        self.subject = f"{forced}Release {registered.version} of {registered.model}?"
        self.body = dossier.summary
        left = datetime.fromisoformat(self.asked["until"]) - datetime.now(UTC)
        self.response_timeout = max(left, timedelta(seconds=1))
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Take the answer, and say what comes of it."""
        decided: dict[str, Any]
        if event.get("error_type") == "timeout":
            decided = {"come": "expired"}
        else:
            taken = HITLOperator.execute_complete(self, context, event)
            note = (taken["params_input"].get("note") or "").strip()
            answer = Answer(by=event["responded_by_user"]["name"], at=event["responded_at"], note=note)
            choice: Choice = "yes" if taken["chosen_options"] == [self.APPROVE] else "no"
            rule = broken_rule(self._dossier.registered, choice, answer)
            decided = {"come": "refused" if rule else choice, ANSWER: answer.to_json(), RULE: rule}
        # A try that dies from here on is followed by one that does not ask again.
        context["task_state_store"].set(_DECIDED, decided, retention=_KEPT)
        return self._go_on(context, decided)

    @property
    def _dossier(self) -> Dossier:
        return Dossier.from_json(self.asked["dossier"])

    def _go_on(self, context: Context, decided: dict[str, Any]) -> None:
        """Keep the answer for the tasks behind, and skip all of them but one."""
        answer = decided.get(ANSWER)
        by = f" by {answer['by']}" if answer else ""
        self.log.info("decide: %s%s%s", decided["come"], by, f". {decided[RULE]}" if decided.get(RULE) else "")
        for key in (ANSWER, RULE):
            if value := decided.get(key):
                context["ti"].xcom_push(key=key, value=value)
        self.skip_all_except(context["ti"], self.behind[decided["come"]])
