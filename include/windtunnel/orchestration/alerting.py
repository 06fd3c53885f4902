"""What Airflow itself has to tell people: a task that failed for good, and a run that hangs. Both go to the outbox.

Deadlines of Airflow 3.3.1, as tried: one counted from `queued_at` makes clearing a run fail, so ours count from the
average runtime; one that stays the same while its DAG changes is lost, so ours carry the digest of the code; one of a run
that failed fires all the same, so `hangs` looks at the run first. Decision record 0029 has the sources.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from urllib.parse import quote

from airflow.sdk import Context, get_current_context
from airflow.sdk.configuration import conf
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from windtunnel.core.contracts import Alert
from windtunnel.core.settings import settings

log = logging.getLogger(__name__)

PAGES = frozenset({"rollout", "rollback"})
"""Stages whose failure may leave clients with the wrong answers: somebody gets up for them."""

LONGER_THAN_USUAL: Mapping[str, timedelta] = {
    "ingest": timedelta(hours=2),
    "train": timedelta(hours=4),
    "shadow": timedelta(hours=30),  # a shadow may stand for a day, and the one before it for minutes
    "rollout": timedelta(hours=4),
    "rollback": timedelta(hours=2),
    "monitor": timedelta(hours=2),
    "deliver": timedelta(hours=1),
    "housekeeping": timedelta(hours=3),
}
"""How much longer than usual a run may take before it hangs. `approve` waits for people, `retrain` is one step."""

_TELL = "windtunnel.stages.alert:tell"
"""By name, as Airflow keeps callbacks: this module is parsed with every DAG and knows the words of core alone."""

_PACKAGE = Path(__file__).parents[1]
_REASON_CHARACTERS = 500


def deadline(stage: str) -> DeadlineAlert | None:
    """When runs of a stage hang: so much later than they end on average. The first run has no average and no deadline."""
    if stage not in LONGER_THAN_USUAL:
        return None
    longer = LONGER_THAN_USUAL[stage]
    return DeadlineAlert(
        reference=DeadlineReference.AVERAGE_RUNTIME(max_runs=10, min_runs=1),
        interval=longer,
        # In the triggerer: a run that hangs may be holding the last worker.
        callback=AsyncCallback(hangs, {"longer_seconds": int(longer.total_seconds()), "code": _code()}),
    )


def link() -> str:
    """Where a browser finds the present run."""
    run = get_current_context()["dag_run"]
    return _link(run.dag_id, run.run_id)


def failed(context: Context) -> None:
    """`on_failure_callback` of every task: tell of the run, once, whichever of its tasks failed for good. Never raises."""
    run, task = context["dag_run"], context["ti"].task_id
    model, _, stage = run.dag_id.rpartition("_")
    reason = str(context.get("exception") or "Airflow lost the task.")
    said = Alert(
        model=model,
        key=f"failed/{run.dag_id}/{run.run_id}",
        severity="page" if stage in PAGES else "warning",
        title=f"{model}: {stage} failed at {task}",
        text=f"{reason[:_REASON_CHARACTERS]}\nThe page of the DAG says what to do: docs/runbooks/alerts.md.",
        link=f"{_link(run.dag_id, run.run_id)}/tasks/{task}",
    )
    _tell(said)


def stale(context: Context) -> None:
    """`on_failure_callback` of the task that shows a model: tell that its pages are late. Never raises."""
    run, task = context["dag_run"], context["ti"].task_id
    model = run.dag_id.rpartition("_")[0]
    reason = str(context.get("exception") or "Airflow lost the task.")
    said = Alert(
        model=model,
        key=f"stale/{run.dag_id}/{run.run_id}",
        severity="warning",
        title=f"{model}: the pages do not show the last run",
        text=f"{reason[:_REASON_CHARACTERS]}\nThe next run shows it too, or `python -m windtunnel show {model}`.",
        link=f"{_link(run.dag_id, run.run_id)}/tasks/{task}",
    )
    _tell(said)


async def hangs(context: dict[str, Any], longer_seconds: int, code: str) -> str:
    """Callback of a deadline: tell of a run that is still at it.

    Args:
        context: `dag_run`, as the API describes it.
        longer_seconds: How much longer than usual it takes.
        code: Digest of the code it was parsed from.

    Returns:
        What was done, for Airflow's record of the callback.
    """
    del code
    run = context["dag_run"]
    dag_id, run_id, began = run["dag_id"], run["dag_run_id"], run["start_date"]
    hours = (datetime.now(UTC) - datetime.fromisoformat(began)) / timedelta(hours=1) if began else 0.0
    # One that waits in the queue holds nothing up; one that was cleared began anew.
    if run["state"] != "running" or hours < longer_seconds / 3600 / 2:
        return f"Not told: `{run_id}` of `{dag_id}` is `{run['state']}` since {began}."
    model, _, stage = dag_id.rpartition("_")
    said = Alert(
        model=model,
        key=f"hangs/{dag_id}/{run_id}",
        severity="page" if stage in PAGES else "warning",
        title=f"{model}: {stage} hangs, {hours:.1f} h so far",
        text=f"It runs {longer_seconds / 3600:g} h longer than usual. See which task it waits for; nothing was stopped.",
        link=_link(dag_id, run_id),
    )
    return f"{'Told' if await asyncio.to_thread(_tell, said) else 'Could not be told'}: {said.title}"


def _tell(said: Alert) -> bool:
    try:
        resolve_name(_TELL)(said)
    except Exception:
        # What failed or hangs already is not made worse by those who tell of it.
        log.exception("Nobody was told of `%s`: %s", said.key, said.title)
        return False
    return True


def _link(dag_id: str, run_id: str) -> str:
    return f"{settings().airflow_url}/dags/{dag_id}/runs/{quote(run_id, safe='')}"


@cache
def _code() -> str:
    """Digest of everything that a DAG is parsed from."""
    folders = [_PACKAGE / part for part in ("core", "orchestration", "models")]
    sources = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    sources += sorted(Path(conf.get("core", "dags_folder")).glob("*.py"))
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
