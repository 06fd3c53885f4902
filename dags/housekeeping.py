"""# housekeeping: what stands around -> listed or removed; the way back -> walked; what is live -> looked at

**What.** Once a week the last good version and the live one change places on the staging endpoint and back, proved at
each step. Then it lists endpoints, endpoint configs and models of ours that no version needs, with what they cost, and
removes them when the form says so. The ledger is exported for the archive. The live endpoint is compared with what the
ledger says, and somebody is paged where they differ; its alarms and its dashboard are put right.

**Reads.** The ledger, what SageMaker holds under our names, the live endpoint's answers to its golden rows.

**Writes.** `drills/<model>/`, `ledger/<model>/`, alarms, the dashboard; with *Remove*, fewer resources in SageMaker.

**When it fails.** Serving is not touched. A drill that fails says that a rollback would fail too: look into it now.
Clear the task: each can be repeated. Skipped: there are no two versions to change yet.

**Owner.** Locked: a schedule starts it; Admin may start it with the form.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, TriggerRule, dag

from windtunnel.core.catalog import model_specs
from windtunnel.core.spec import ModelSpec
from windtunnel.orchestration import form, links, trigger
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.stage import stage

every_monday_at_five = "0 5 * * 1"
fields = {
    "remove": Param(False, type="boolean", title="Remove", description_md="No: what nobody needs is only listed.")
}


def housekeeping(spec: ModelSpec) -> None:
    @dag(
        **dag_arguments("housekeeping", spec),
        schedule=every_monday_at_five,
        doc_md=__doc__,
        params=fields,
    )
    def flow() -> None:
        @stage
        def drill() -> Any:
            from windtunnel.stages.drill import drill

            return drill(spec.name, owner=trigger.owner("drill"))

        @stage(trigger_rule=TriggerRule.NONE_FAILED)
        def sweep() -> Any:
            from windtunnel.stages.sweep import sweep

            return sweep(spec.name, owner=trigger.owner("sweep"), remove=form.given(fields)["remove"])

        # This and what follows stand alone: whatever else fails, they are done, and a failed drill still fails the run.
        @stage
        def export() -> Any:
            from windtunnel.aws import ledger

            return {"entries": len(ledger.export(spec.name))}

        @stage(link=links.Model(spec.name))
        def reconcile() -> Any:
            from windtunnel.stages.reconcile import reconcile

            return reconcile(spec.name)

        @stage
        def guard() -> Any:
            from windtunnel.stages.guard import guard

            return guard(spec.name)

        drill() >> sweep()
        export()
        reconcile()
        guard()

    flow()


for _spec in model_specs():
    housekeeping(_spec)
