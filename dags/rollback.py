"""# rollback: an earlier version -> live again

**What.** Brings back the last good version, or the one named in the form, with the endpoint config it was proved with,
and proves it. A rollout that is under way is turned back first. The drift reports go back with it: they compare with the
version that the ledger says is live.

**Reads.** The form, the ledger.

**Writes.** Alarms, the endpoint `windtunnel-<model>`, the ledger (the version left is `rolled-back`), an event of
`live:<model>`.

**When it fails.** The message says what the endpoint serves now. Trigger it again; docs/runbooks/rollback.md has the rest.

**Owner.** Admin only: started with a form, or by `python -m windtunnel rollback <model>` when Airflow is away.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag

from windtunnel.core.catalog import model_specs
from windtunnel.core.contracts import Release, Watch
from windtunnel.core.spec import ModelSpec
from windtunnel.orchestration import assets, form, links, showing, trigger
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.operators import Deployment
from windtunnel.orchestration.stage import stage

last_good: dict[str, Any] = {"type": ["null", "string"], "pattern": r"^(V\d+\.\d+\.\d+)?$"}
fields = {
    "version": Param(
        None,
        **last_good,
        title="Version",
        description_md="Such as `V1.1.0`; empty: what the ledger calls the last good one.",
    ),
    "reason": form.reason("Goes on record with both versions."),
}


def rollback(spec: ModelSpec) -> None:
    version = links.Version(spec.name)

    @dag(
        **dag_arguments("rollback", spec),
        schedule=None,
        doc_md=__doc__,
        params=fields,
    )
    def flow() -> None:
        @stage(link=version)
        def recall() -> Any:
            from windtunnel.stages.recall import recall

            asked = form.given(fields)
            owner = trigger.owner("rollback")
            return recall(spec.name, asked["version"] or None, trigger.person(), asked["reason"], owner)

        def move_traffic(release: Release) -> Watch | None:
            from windtunnel.stages.deploy import deploy

            return deploy(release)

        @stage(outlets=[assets.live(spec.name)], link=version)
        def prove(release: dict[str, Any]) -> Any:
            from windtunnel.stages.prove import prove

            return prove(Release.from_json(release))

        release = recall()
        deploy = Deployment(task_id="deploy", release=release, deploy=move_traffic)
        deploy >> prove(release)
        showing.show(spec.name)

    flow()


for _spec in model_specs():
    rollback(_spec)
