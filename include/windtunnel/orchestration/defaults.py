"""What all DAGs share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from windtunnel.core.spec import ModelSpec
from windtunnel.orchestration import alerting
from windtunnel.orchestration.people import ACCESS, access_control

TASK_DEFAULTS: dict[str, Any] = {
    # Airflow itself loses a task now and then; every stage can be repeated.
    "retries": 3,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=1),
    "on_failure_callback": alerting.failed,
}


def dag_arguments(stage: str, spec: ModelSpec) -> dict[str, Any]:
    """The arguments of `@dag` that every DAG of a stage has: `<model>_<stage>`, one run at a time."""
    return {
        "dag_id": f"{spec.name}_{stage}",
        "tags": [spec.name, stage, "people" if stage in ACCESS else "locked"],
        "default_args": {**TASK_DEFAULTS, "owner": spec.owner},
        "access_control": access_control(stage),
        "max_active_runs": 1,
        "deadline": alerting.deadline(stage),
        # A DAG that only an event starts does nothing by being awake, and a paused one would miss the event.
        "is_paused_upon_creation": stage == "ingest",
        "catchup": False,
    }
