"""# approve: a registered version -> a reviewer's answer

**What.** Shows what the version is made of and how it did, and waits for a reviewer's yes or no.

**Reads.** The version of the event `registered:<model>`.

**Writes.** The answer with the version in the Model Registry: who, when, the note; after a yes an event of
`approved:<model>`, which starts the rollout.

**When it fails.** Nothing is released without a recorded yes. Clear the failed task; the answer is kept.

**Owner.** Reviewers: answer under *Required Actions*.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, TriggerRule, XComArg, dag, get_current_context

from windtunnel.core.catalog import model_specs
from windtunnel.core.contracts import Answer, RegisteredVersion
from windtunnel.core.spec import ModelSpec
from windtunnel.orchestration import assets, trigger
from windtunnel.orchestration.approval import ANSWER, Approval
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.stage import stage


def approve(spec: ModelSpec) -> None:
    @dag(**dag_arguments("approve", spec), schedule=assets.registered(spec.name), doc_md=__doc__)
    def flow() -> None:
        @stage(multiple_outputs=True)
        def present() -> Any:
            from windtunnel.stages.present import present

            version = RegisteredVersion.from_json(trigger.newest(assets.registered(spec.name)))
            return {"version": version, "summary": present(version)}

        @stage(outlets=[assets.approved(spec.name)])
        def record_yes(version: dict[str, Any], given: dict[str, Any]) -> Any:
            from windtunnel.stages.approve import approve

            return approve(RegisteredVersion.from_json(version), Answer.from_json(given))

        # A no skips what stands directly behind the question, so this one stands behind the yes and fetches the rest.
        @stage(trigger_rule=TriggerRule.ALL_SKIPPED)
        def record_no() -> Any:
            from windtunnel.stages.approve import reject

            task = get_current_context()["ti"]
            version = RegisteredVersion.from_json(task.xcom_pull(task_ids="present", key="version"))
            return reject(version, Answer.from_json(task.xcom_pull(task_ids="decide", key=ANSWER)))

        presented = present()
        decide = Approval(
            task_id="decide",
            subject=f"Release this version of {spec.name}?",
            body=presented["summary"],
            params={"note": Param("", type=["null", "string"], title="Note", description="Goes on record.")},
            execution_timeout=None,
        )
        presented["version"] >> decide
        record_yes(presented["version"], XComArg(decide, ANSWER)) >> record_no()

    flow()


for _spec in model_specs():
    approve(_spec)
