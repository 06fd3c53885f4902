"""Runs a model's DAG in Airflow, on a database of its own, and tells how it ended.

Usage: python in_airflow.py DAG_FILE FORM RESULT
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

from local.place import ROOT


def run_dag(name: str, form: dict[str, Any], home: Path) -> tuple[dict[str, Any], str]:
    """The run of `dags/<name>.py` with a form: its state, the state and the result of each task; and the log."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(ROOT)]),
    }
    result = home / "ended.json"
    program = [__file__, str(ROOT / f"dags/{name}.py"), json.dumps(form), str(result)]
    said = ""
    for command in (["-m", "airflow", "db", "migrate"], program):
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, timeout=240)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-4000:]
    return json.loads(result.read_text()), said


def main(dag_file: str, form: str, result: str) -> None:
    from airflow.sdk import DAG

    made: dict[str, Any] = {}
    keep: Any = DAG.__exit__

    def noted(dag: DAG, *ending: Any) -> None:
        made[dag.dag_id] = dag
        keep(dag, *ending)

    DAG.__exit__ = noted  # type: ignore[method-assign]
    runpy.run_path(dag_file)
    wanted = made[f"flights_{Path(dag_file).stem}"]
    wanted.deadline = None  # DAG.test of Airflow 3.3.1 takes it for the id of a stored one and fails
    run = wanted.test(run_conf=json.loads(form))
    tasks = {task.task_id: task for task in run.get_task_instances()}
    told = {
        "state": run.state,
        "tasks": {name: task.state for name, task in tasks.items()},
        "made": {name: task.xcom_pull(task_ids=name) for name, task in tasks.items()},
    }
    Path(result).write_text(json.dumps(told, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
