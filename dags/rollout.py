"""# rollout: an approved version -> live, and proved

**What.** Creates or updates the model's endpoint to the approved version, all at once, then reads back what it really
serves: config, weights, capture, and the golden rows answered through the endpoint as they were offline.

**Reads.** The version of the event `approved:<model>`.

**Writes.** A SageMaker model, an endpoint config, the endpoint `windtunnel-<model>`, an event of `live:<model>`.

**When it fails.** `ReleaseRefused` says what the endpoint serves instead; what was in service before still is, unless
the message says otherwise. Mend the cause and clear the run: names are the work's own, nothing is made twice.

**Owner.** Locked: a recorded approval starts it, nobody stops it.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag

from windtunnel.core.catalog import model_specs
from windtunnel.core.contracts import ApprovedVersion
from windtunnel.core.spec import ModelSpec
from windtunnel.orchestration import assets, trigger
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.operators import Deployment
from windtunnel.orchestration.stage import stage


def rollout(spec: ModelSpec) -> None:
    @dag(**dag_arguments("rollout", spec), schedule=assets.approved(spec.name), doc_md=__doc__)
    def flow() -> None:
        @stage(multiple_outputs=True)
        def prepare() -> Any:
            from windtunnel.aws.deployment import deployment

            approved = ApprovedVersion.from_json(trigger.newest(assets.approved(spec.name)))
            return {"approved": approved, "deployment": deployment(approved.registered)}

        @stage(outlets=[assets.live(spec.name)])
        def prove(approved: dict[str, Any]) -> Any:
            from windtunnel.stages.prove import prove

            return prove(ApprovedVersion.from_json(approved))

        prepared = prepare()
        deploy = Deployment(task_id="deploy", config=prepared["deployment"])
        deploy >> prove(prepared["approved"])

    flow()


for _spec in model_specs():
    rollout(_spec)
