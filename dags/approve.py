"""# approve: a dossier -> a reviewer's answer

**What.** Shows the verdict, the figures and the link to the dossier, and waits for a reviewer's yes or no. The answer is
bound to the digest of the page that was read. Who asked for the version may not answer; a no needs a reason, and so does
a yes to what was forced: an answer without is not recorded, and the question is asked again and says why.

**Reads.** The newest dossier of the events `dossier:<model>`; older ones expire.

**Writes.** The answer in the ledger and in the Model Registry: who, when, why, which dossier; after a yes an event of
`approved:<model>`, which starts the rollout. Without an answer in the spec's time the question expires.

**When it fails.** Nothing is released without a recorded yes. `ReleaseRefused`: the dossier's bytes changed. Clear the
failed task; the answer is kept.

**Owner.** Reviewers: answer under *Required Actions*.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import XComArg, dag

from windtunnel.core.catalog import model_specs
from windtunnel.core.contracts import Answer, Dossier
from windtunnel.core.spec import ModelSpec
from windtunnel.orchestration import assets, trigger
from windtunnel.orchestration.approval import ANSWER, Approval
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.stage import stage


def approve(spec: ModelSpec) -> None:
    days = spec.approval.days

    @dag(**dag_arguments("approve", spec), schedule=assets.dossier(spec.name), doc_md=__doc__)
    def flow() -> None:
        @stage
        def present() -> Any:
            from windtunnel.stages.present import present

            *superseded, newest = [Dossier.from_json(event) for event in trigger.events(assets.dossier(spec.name))]
            return present(newest, superseded)

        @stage(outlets=[assets.approved(spec.name)])
        def record_yes(dossier: dict[str, Any], given: dict[str, Any]) -> Any:
            from windtunnel.stages.approve import approve

            return approve(Dossier.from_json(dossier), Answer.from_json(given))

        @stage
        def record_no(dossier: dict[str, Any], given: dict[str, Any]) -> Any:
            from windtunnel.stages.approve import reject

            return reject(Dossier.from_json(dossier), Answer.from_json(given))

        @stage
        def record_expired(dossier: dict[str, Any]) -> Any:
            from windtunnel.stages.approve import expire

            return expire(Dossier.from_json(dossier), f"Nobody answered within {days} days.")

        dossier = present()
        decide = Approval(
            task_id="decide",
            subject=f"Release this version of {spec.name}?",
            dossier=dossier,
            open_for=timedelta(days=days),
            yes="record_yes",
            no="record_no",
            expired="record_expired",
        )
        given = XComArg(decide, ANSWER)
        decide >> [record_yes(dossier, given), record_no(dossier, given), record_expired(dossier)]

    flow()


for _spec in model_specs():
    approve(_spec)
