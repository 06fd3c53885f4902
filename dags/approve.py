"""# approve: a dossier -> a reviewer's answer

**What.** Shows the verdict, the figures and the link to the dossier, and waits for a reviewer's yes or no. The answer is
bound to the digest of the page that was read. Who asked for the version may not answer; a no needs a reason, and so does
a yes to what was forced: such an answer is not recorded, and the next run asks again and says why.

**Reads.** The newest dossier of the events `dossier:<model>`; those of older versions expire.

**Writes.** The answer in the ledger and in the Model Registry: who, when, why, which dossier; after a yes an event of
`approved:<model>`, which starts the rollout. Without an answer in the spec's time the question expires.

**When it fails.** Nothing is released without a recorded yes. `ReleaseRefused`: the dossier's bytes changed. Clear the
failed task; the answer is kept.

**Owner.** Reviewers: answer under *Required Actions*.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import XComArg, dag

from windtunnel.core.catalog import model_specs
from windtunnel.core.contracts import Answer, Dossier
from windtunnel.core.spec import ModelSpec
from windtunnel.orchestration import assets, links, showing, trigger
from windtunnel.orchestration.approval import ANSWER, RULE, Approval
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.stage import stage


def approve(spec: ModelSpec) -> None:
    dossier = links.Dossier(spec.name)

    @dag(
        # Several questions at a time: one that waits for a reviewer must not keep the next from being asked.
        **{**dag_arguments("approve", spec), "max_active_runs": 8},
        schedule=assets.dossier(spec.name),
        doc_md=__doc__,
    )
    def flow() -> None:
        @stage(link=dossier)
        def present() -> Any:
            from windtunnel.stages.present import present

            asked = present([Dossier.from_json(event) for event in trigger.events(assets.dossier(spec.name))])
            return asked and {"dossier": asked[0], "until": asked[1].isoformat()}

        @stage(outlets=[assets.approved(spec.name)], link=dossier)
        def record_yes(asked: dict[str, Any], given: dict[str, Any]) -> Any:
            from windtunnel.stages.approve import approve

            return approve(Dossier.from_json(asked["dossier"]), Answer.from_json(given))

        @stage
        def record_no(asked: dict[str, Any], given: dict[str, Any]) -> Any:
            from windtunnel.stages.approve import reject

            return reject(Dossier.from_json(asked["dossier"]), Answer.from_json(given))

        @stage
        def record_expired(asked: dict[str, Any]) -> Any:
            from windtunnel.stages.approve import expire

            return expire(Dossier.from_json(asked["dossier"]), f"Nobody answered within {spec.approval.days} days.")

        # The event starts this DAG anew: Airflow does not change the text of a question that was asked.
        @stage(outlets=[assets.dossier(spec.name)])
        def ask_again(asked: dict[str, Any], rule: str) -> Any:
            from windtunnel.stages.present import ask_again

            return ask_again(Dossier.from_json(asked["dossier"]), rule)

        asked = present()
        decide = Approval(
            task_id="decide",
            asked=asked,
            yes="record_yes",
            no="record_no",
            refused="ask_again",
            expired="record_expired",
            link=dossier,
        )
        answer, rule = XComArg(decide, ANSWER), XComArg(decide, RULE)
        decide >> [record_yes(asked, answer), record_no(asked, answer), record_expired(asked), ask_again(asked, rule)]
        showing.show(spec.name, after=asked)

    flow()


for _spec in model_specs():
    approve(_spec)
