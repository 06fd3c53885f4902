"""The last task of a DAG that changes what the pages show: it writes their documents, however the run went.

A teardown of Airflow: it runs when everything else has ended, failed or skipped; what it does itself neither fails a run
that is good nor saves one that is not. Tried on 3.3.1, see decision record 0031.
"""

from __future__ import annotations

from pkgutil import resolve_name
from typing import Any

from windtunnel.orchestration import alerting, links
from windtunnel.orchestration.stage import stage

_SHOW = "windtunnel.stages.show:show"
"""By name: this module is parsed with every DAG and knows the words of core alone."""


def show(model: str, after: Any = None) -> None:
    """Show a model on the pages when the DAG that is being made has done everything else.

    Args:
        model: Name of the model.
        after: Show it once more as soon as this task has ended; for one that others wait long after.
    """

    def shown() -> Any:
        return {"generation": resolve_name(_SHOW)(model).generation}

    def task(task_id: str) -> Any:
        # Nobody is woken for a page that is late: whatever runs next, or tonight's monitor, shows the same.
        asked = {"task_id": task_id, "on_failure_callback": alerting.stale}
        return stage(link=links.Model(model), **asked)(shown)().as_teardown()

    last = task("show")
    leaves = [other for other in last.operator.dag.tasks if not other.downstream_list and other is not last.operator]
    leaves >> last
    if after is not None:
        after >> task("show_now")
