"""Runs the rollback DAG in Airflow, on a database of its own, and writes how it ended. Started by test_rollback_dag.py.

Usage: python rollback_dag.py DAG_FILE FORM RESULT
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

from airflow.sdk import DAG


def main(dag_file: str, form: str, result: str) -> None:
    made: dict[str, Any] = {}
    keep: Any = DAG.__exit__

    def noted(dag: DAG, *ending: Any) -> None:
        made[dag.dag_id] = dag
        keep(dag, *ending)

    DAG.__exit__ = noted  # type: ignore[method-assign]
    runpy.run_path(dag_file)
    run = made["flights_rollback"].test(run_conf=json.loads(form))
    tasks = {task.task_id: task for task in run.get_task_instances()}
    told = {
        "state": run.state,
        "tasks": {name: task.state for name, task in tasks.items()},
        "proof": tasks["prove"].xcom_pull(task_ids="prove"),
    }
    Path(result).write_text(json.dumps(told, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
