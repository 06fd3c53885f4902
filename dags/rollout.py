"""# rollout: an approved version -> live, or back

**What.** Checks the evidence once more, then lets SageMaker move the traffic in steps, each watched by four alarms: share
of 5xx, 99th percentile of latency, unusable answers, shifted answers. Any of them, or silence, turns it back. At the end
the endpoint is read back: config, weights, capture, and the golden rows answered as they were offline. From then on
standing alarms and a dashboard watch it.

**Reads.** The version of the event `approved:<model>`, its dossier, the ledger.

**Writes.** Alarms and the dashboard, a SageMaker model, an endpoint config, the endpoint `windtunnel-<model>`, the ledger,
an event of `live:<model>`.

**When it fails.** `deploy` prints each step, `prove` says why a release was turned back; what was in service before still
is. A version that was turned back does not come again by itself. To go back by hand: the `rollback` DAG.

**Owner.** Locked: a recorded approval starts it, nobody stops it.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag

from windtunnel.core.catalog import model_specs
from windtunnel.core.contracts import ApprovedVersion, Release, Watch
from windtunnel.core.spec import ModelSpec
from windtunnel.orchestration import assets, links, showing, trigger
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.operators import Deployment
from windtunnel.orchestration.stage import stage


def rollout(spec: ModelSpec) -> None:
    # A shadow of the next version may have the lease: this one waits its turn, ten minutes at a time.
    turns = spec.shadow.most_minutes // 10 + 6
    version = links.Version(spec.name)

    @dag(**dag_arguments("rollout", spec), schedule=assets.approved(spec.name), doc_md=__doc__)
    def flow() -> None:
        @stage(retries=turns, link=version)
        def begin() -> Any:
            from windtunnel.stages.begin import begin

            approved = ApprovedVersion.from_json(trigger.newest(assets.approved(spec.name)))
            return begin(approved, owner=trigger.owner("rollout"))

        def move_traffic(release: Release) -> Watch | None:
            from windtunnel.stages.deploy import deploy

            return deploy(release)

        @stage(outlets=[assets.live(spec.name)], link=version)
        def prove(release: dict[str, Any]) -> Any:
            from windtunnel.stages.prove import prove

            return prove(Release.from_json(release))

        @stage(link=links.Model(spec.name))
        def guard() -> Any:
            from windtunnel.stages.guard import guard

            return guard(spec.name)

        release = begin()
        deploy = Deployment(task_id="deploy", release=release, deploy=move_traffic)
        deploy >> prove(release) >> guard()
        showing.show(spec.name)

    flow()


for _spec in model_specs():
    rollout(_spec)
