"""# train: dataset version or request -> candidate -> evaluated -> registered

**What.** Pins snapshot, windows, code and parameters once; trains on the snapshot's own files; judges the candidate on
newer months beside a seasonal-naive and a linear baseline; registers it, waiting for a person.

**Reads.** The dataset version of the event (for a request: the one published now).

**Writes.** `manifests/`, `jobs/`, `evaluations/`, a version in the Model Registry, an event of `registered:<model>`.

**When it fails.** The job's reason stands in the task's log, its own log in CloudWatch under the job's name. Clear from
`plan`: work that succeeded is adopted, work that failed is tried under the next name. Skipped: not enough months yet.

**Owner.** Locked: asset events start it, nobody stops it.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag

from windtunnel.core.catalog import model_specs
from windtunnel.core.contracts import DatasetVersion, TrainingPlan, TrainingRequest
from windtunnel.core.spec import ModelSpec
from windtunnel.orchestration import assets, trigger
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
            return planned and {
                "plan": planned,
                "training_job": jobs.training_job(planned),
                "evaluation_job": jobs.evaluation_job(planned),
            }

        @stage(outlets=[assets.registered(spec.name)])
        def register(plan: dict[str, Any]) -> Any:
            from windtunnel.stages.register import register

            return register(TrainingPlan.from_json(plan))

        planned = plan()
        fit = TrainingJob(task_id="train", config=planned["training_job"])
        evaluate = ProcessingJob(task_id="evaluate", config=planned["evaluation_job"])
        fit >> evaluate >> register(planned["plan"])

    flow()


for _spec in model_specs():
    train(_spec)
