"""# train: dataset version, request or verdict -> candidate -> evaluated beside the champion -> gated -> registered

**What.** Pins snapshot, windows, code and parameters once; trains on the snapshot's own files; scores the candidate, the
version in service, a seasonal-naive and a linear baseline on the same newer rows; the gate answers promote, reject or not
enough evidence; what it promotes, or a person forces, becomes a version.

**Reads.** The dataset version of the event (for the request of a person or a verdict: the one published now), the
ledger's version in service.

**Writes.** `manifests/`, `jobs/`, `evaluations/` with `gate.json`, `costs/`, a version in the ledger and in the Model
Registry, an event of `registered:<model>`.

**When it fails.** The job's reason stands in the task's log, its own log in CloudWatch under the job's name. Clear from
`plan`: work that succeeded is adopted, work that failed is tried under the next name. `plan` skipped: not enough months
yet. `register` skipped: the gate did not let the candidate on, or new data and a verdict asked for the same work and the
other run sends it on; its log says which. Nothing is to be repaired.

**Owner.** Locked: asset events start it, nobody stops it.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import TriggerRule, dag

from windtunnel.core.catalog import model_specs
from windtunnel.core.contracts import Comparison, DatasetVersion, Gated, TrainingPlan, TrainingRequest
from windtunnel.core.spec import ModelSpec
from windtunnel.orchestration import assets, links, showing, trigger
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.operators import ProcessingJob, TrainingJob
from windtunnel.orchestration.stage import stage


def train(spec: ModelSpec) -> None:
    @dag(
        # Several at a time: wishes that wait for each other would arrive as one run, which grants only the newest.
        **{**dag_arguments("train", spec), "max_active_runs": 4},
        schedule=assets.dataset(spec.name) | assets.retrain(spec.name),
        doc_md=__doc__,
    )
    def flow() -> None:
        @stage(multiple_outputs=True)
        def plan() -> Any:
            from windtunnel.aws import jobs
            from windtunnel.stages.plan import plan

            data, wish = assets.dataset(spec.name), trigger.newest_or_none(assets.retrain(spec.name))
            published = trigger.newest_or_none(data) if wish else trigger.newest(data)
            planned = plan(spec.name, DatasetVersion.optional(published), TrainingRequest.optional(wish))
            return planned and {"plan": planned, "training_job": jobs.training_job(planned)}

        @stage(multiple_outputs=True)
        def compare(plan: dict[str, Any]) -> Any:
            from windtunnel.aws import jobs
            from windtunnel.stages.compare import compare

            comparison = compare(TrainingPlan.from_json(plan))
            return {"comparison": comparison, "evaluation_job": jobs.evaluation_job(comparison)}

        @stage(link=links.Model(spec.name))
        def gate(comparison: dict[str, Any]) -> Any:
            from windtunnel.stages.gate import gate

            return gate(Comparison.from_json(comparison))

        @stage(outlets=[assets.registered(spec.name)], link=links.Version(spec.name))
        def register(gated: dict[str, Any]) -> Any:
            from windtunnel.stages.register import register

            return register(Gated.from_json(gated))

        # Also where a job failed: it was billed all the same.
        @stage(trigger_rule=TriggerRule.ALL_DONE)
        def account(plan: dict[str, Any] | None, comparison: dict[str, Any] | None) -> Any:
            from windtunnel.stages.account import account

            work = Comparison.optional(comparison) or TrainingPlan.optional(plan)
            return work and account(work)

        planned = plan()
        compared = compare(planned["plan"])
        fit = TrainingJob(task_id="train", config=planned["training_job"])
        evaluate = ProcessingJob(task_id="evaluate", config=compared["evaluation_job"])
        judged = gate(compared["comparison"])
        fit >> compared
        evaluate >> judged >> register(judged)
        [fit, evaluate] >> account(planned["plan"], compared["comparison"])
        showing.show(spec.name)

    flow()


for _spec in model_specs():
    train(_spec)
