"""DAGs that end well, badly and with nothing to do, each with the last task of ours, run in Airflow on a database of its own.

Usage: python showing_dags.py RESULT
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from local.place import ROOT

CASES = ("good", "skipped", "failed", "retried", "not-shown", "early")


def ended(home: Path) -> tuple[dict[str, Any], str]:
    """Of each case the state of the run and of its tasks; and what was logged."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(ROOT)]),
    }
    said, result = "", home / "ended.json"
    for command in (["-m", "airflow", "db", "migrate"], [__file__, str(result)]):
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, timeout=300)
        said += done.stdout + done.stderr
        assert done.returncode == 0, said[-4000:]
    return json.loads(result.read_text()), said


def main(result: str) -> None:
    """Run every case and note how it ended."""
    from airflow.sdk import dag

    from windtunnel.core.errors import SourceMissing
    from windtunnel.orchestration import showing
    from windtunnel.orchestration.stage import stage

    told = {}
    for case in CASES:

        @dag(dag_id=f"flights_{case}", schedule=None, default_args={"retries": 1, "retry_delay": 0.1})
        def flow(case: str = case) -> None:
            @stage
            def first() -> Any:
                return None if case == "skipped" else {"case": case}

            @stage
            def second(given: Any) -> Any:
                if case == "failed":
                    raise SourceMissing("There is nothing.")
                if case == "retried":
                    raise ValueError("Something.")
                return given

            @stage
            def third(given: Any) -> Any:
                return given

            begun = first()
            third(second(begun))
            showing.show("nobodys" if case == "not-shown" else "flights", after=begun if case == "early" else None)

        made = flow()
        run = made.test()
        told[case] = {
            "state": run.state,
            "tasks": {task.task_id: task.state for task in run.get_task_instances()},
        }
    Path(result).write_text(json.dumps(told, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
