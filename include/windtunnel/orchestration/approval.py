"""The question to a reviewer: asked until an answer keeps the rules, or until its time is over.

Airflow keeps one question per try of a task and its text cannot be changed, so an answer that breaks a rule ends the
try: the next one asks anew and says why. What was asked, refused and answered lies in the task's state store, which all
tries of a task share; this is the only part of the project that needs Airflow 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Context, Param, RetryDecision, RetryPolicy

from windtunnel.core.approval import Choice, broken_rule
from windtunnel.core.contracts import Answer, Dossier

ANSWER = "answer"
"""XCom key of the answer, a `contracts.Answer`; there is none when the question expired."""

MOST_TRIES = 1_000
_UNTIL, _REFUSED, _DECIDED = "until", "refused", "decided"
_EXPIRED = "Expired"
_KEPT = timedelta(days=400)
"""Longer than any question stays open; Airflow's own default is 30 days."""


class AnswerRefused(Exception):
    """An answer broke a rule; the message says which."""


class _AskAgain(RetryPolicy):
    """A refused answer is asked for again at once; anything else follows the task's own delays."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - the interface
        max_tries: int,  # noqa: ARG002
        context: Context | None = None,  # noqa: ARG002
    ) -> RetryDecision:
        if isinstance(exception, AnswerRefused):
            return RetryDecision.retry(timedelta(seconds=1), reason=str(exception))
        return RetryDecision.default()


class Approval(ApprovalOperator):
    """Airflow's ApprovalOperator, bound to a dossier: it knows who may not answer, and what an answer must say.

    Args:
        dossier: A `contracts.Dossier`, as JSON.
        open_for: From the first asking; asking again does not prolong it.
        yes: Task that stands behind a yes; the others behind this one are skipped.
        no: Task that stands behind a no.
        expired: Task that stands behind a question without an answer.
    """

    template_fields: Sequence[str] = (*ApprovalOperator.template_fields, "dossier")

    def __init__(self, *, dossier: Any, open_for: timedelta, yes: str, no: str, expired: str, **arguments: Any) -> None:
        note = Param("", type=["null", "string"], title="Note", description="Goes on record. A no needs one.")
        super().__init__(
            response_timeout=open_for,
            params={"note": note},
            execution_timeout=None,
            retries=MOST_TRIES,
            retry_policy=_AskAgain(),
            **arguments,
        )
        self.dossier = dossier
        self.open_for = open_for
        self.yes = yes
        self.no = no
        self.expired = expired

    def execute(self, context: Context) -> Any:
        """Ask, or go on where an answer was given to an earlier try."""
        store = context["task_state_store"]
        decided = store.get(_DECIDED)
        if isinstance(decided, dict):
            return self._go_on(context, decided)
        now = datetime.now(UTC)
        until = str(store.get(_UNTIL) or (now + self.open_for).isoformat())
        store.set(_UNTIL, until, retention=_KEPT)
        self.response_timeout = max(datetime.fromisoformat(until) - now, timedelta(seconds=1))
        self.body = Dossier.from_json(self.dossier).summary
        if refused := store.get(_REFUSED):
            self.subject = f"{self.subject} (asked again)"
            self.body = f"> **Asked again: the last answer was not recorded.** {refused}\n\n{self.body}"
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Take the answer if it keeps the rules, else ask again."""
        store = context["task_state_store"]
        if event.get("error_type") == "timeout":
            decided: dict[str, Any] = {"choice": _EXPIRED}
        else:
            taken = HITLOperator.execute_complete(self, context, event)
            note = (taken["params_input"].get("note") or "").strip()
            answer = Answer(by=event["responded_by_user"]["name"], at=event["responded_at"], note=note)
            chosen = taken["chosen_options"][0]
            choice: Choice = "yes" if chosen == self.APPROVE else "no"
            if rule := broken_rule(Dossier.from_json(self.dossier).registered, choice, answer):
                said = f"`{answer.by}` answered {chosen}. {rule}"
                store.set(_REFUSED, said, retention=_KEPT)
                raise AnswerRefused(said)
            decided = {"choice": chosen, "answer": answer.to_json()}
        store.set(_DECIDED, decided, retention=_KEPT)
        return self._go_on(context, decided)

    def _go_on(self, context: Context, decided: dict[str, Any]) -> None:
        """Keep the answer for the tasks behind, and skip all of them but one."""
        self.log.info("Decided: %s", decided)
        if answer := decided.get("answer"):
            context["ti"].xcom_push(key=ANSWER, value=answer)
        behind = {self.APPROVE: self.yes, self.REJECT: self.no, _EXPIRED: self.expired}
        self.skip_all_except(context["ti"], behind[decided["choice"]])
