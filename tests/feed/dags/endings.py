"""DAGs that end well, badly and with nothing to do, each with the last task of ours. As a program it runs them all.

Usage: python endings.py RESULT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from airflow.sdk import dag

from windtunnel.core.errors import SourceMissing
from windtunnel.orchestration import showing
from windtunnel.orchestration.defaults import TASK_DEFAULTS
from windtunnel.orchestration.stage import stage

CASES = ("good", "skipped", "failed", "not-shown", "early")


def _ends(case: str) -> Any:
    @dag(dag_id=f"flights_{case}", schedule=None, default_args=TASK_DEFAULTS)
    def flow() -> None:
        @stage
        def first() -> Any:
            return None if case == "skipped" else {"case": case}

        @stage
        def second(given: Any) -> Any:
            if case == "failed":
                raise SourceMissing("There is nothing.")
            return given

        @stage
        def third(given: Any) -> Any:
            return given

        begun = first()
        third(second(begun))
        showing.show("nobodys" if case == "not-shown" else "flights", after=begun if case == "early" else None)

    return flow()


DAGS = [_ends(case) for case in CASES]


def main(result: str) -> None:
    """Run every DAG; note how the run and its tasks ended."""
    told = {}
    for case, one in zip(CASES, DAGS, strict=True):
        run = one.test()
        tasks = {task.task_id: task.state for task in run.get_task_instances()}
        told[case] = {"state": run.state, "tasks": tasks}
    Path(result).write_text(json.dumps(told, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
