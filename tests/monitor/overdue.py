"""Runs of `flights_deliver` that end, fail, are cleared and hang, in Airflow's own code on a database of its own.

What the scheduler does with a deadline that has passed is done here at once, and what the triggerer does with its callback.

Usage: python overdue.py DAGS_FOLDER RESULT
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.callback import TriggererCallback
from airflow.models.dagrun import DagRun
from airflow.models.deadline import Deadline
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import clear_task_instances
from airflow.triggers.callback import CallbackTrigger
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

from windtunnel.orchestration import alerting

DAG = "flights_deliver"


def parsed(folder: Path) -> None:
    """Parse the folder as the DAG processor does."""
    alerting._code.cache_clear()
    bag = DagBag(dag_folder=folder, bundle_path=folder, bundle_name="dags-folder")
    assert bag.import_errors == {}, bag.import_errors
    sync_bag_to_db(bag, "dags-folder", None)


def started(run_id: str) -> str:
    """Start a run; when it would be told of, if ever."""
    now = datetime.now(UTC)
    with create_session() as session:
        serialized = SerializedDagModel.get(DAG, session=session)
        assert serialized
        dag = serialized.dag
        run = dag.create_dagrun(
            run_id=run_id,
            run_after=now,
            run_type=DagRunType.ASSET_TRIGGERED,
            triggered_by=DagRunTriggeredByType.ASSET,
            state=DagRunState.QUEUED,
            start_date=now,
            session=session,
        )
        assert run.created_dag_version_id
        run.verify_integrity(dag_version_id=run.created_dag_version_id, session=session)
        run.set_state(DagRunState.RUNNING)
        session.flush()
        found = session.scalars(select(Deadline).where(Deadline.dagrun_id == run.id)).all()
        assert len(found) < 2
        return str(found[0].deadline_time - now) if found else ""


def changed(run_id: str, **values: Any) -> None:
    """Change a run as time would."""
    with create_session() as session:
        run = session.scalars(select(DagRun).where(DagRun.run_id == run_id)).one()
        for name, value in values.items():
            setattr(run, name, value)


def cleared(run_id: str) -> str:
    """Clear a run as a person does; its state then."""
    with create_session() as session:
        run = session.scalars(select(DagRun).where(DagRun.run_id == run_id)).one()
        tasks = run.get_task_instances(session=session)
        assert tasks
        for task in tasks:
            task.state = TaskInstanceState.SUCCESS
        clear_task_instances(tasks, session)
        return str(run.state)


def overdue(run_id: str) -> dict[str, Any]:
    """Let a run's deadline pass; what the callback says."""
    with create_session() as session:
        deadline = session.scalars(select(Deadline).join(DagRun).where(DagRun.run_id == run_id)).one()
        deadline.deadline_time = datetime.now(UTC) - timedelta(seconds=1)
        deadline.handle_miss(session)
    with create_session() as session:
        missed = select(TriggererCallback).join(Deadline).join(DagRun).where(DagRun.run_id == run_id)
        callback = session.scalars(missed).one()
        assert callback.trigger.classpath == "airflow.triggers.callback.CallbackTrigger"
        trigger = CallbackTrigger(**callback.trigger.kwargs)
    return asyncio.run(_last(trigger))


async def _last(trigger: CallbackTrigger) -> dict[str, Any]:
    *_, last = [event async for event in trigger.run()]
    said: dict[str, Any] = last.payload
    return said


def main(folder: Path, result: Path) -> None:
    now = datetime.now(UTC)
    told: dict[str, Any] = {}
    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]
    parsed(folder)
    told["first"] = started("first")
    changed("first", state="success", start_date=now - timedelta(seconds=90), end_date=now - timedelta(seconds=60))
    told["second"] = started("second")
    page = folder / "deliver.py"
    page.write_text(page.read_text().replace("# deliver: ", "# deliver, as edited: "))
    parsed(folder)
    told["edited"] = started("edited")
    told["cleared"] = cleared("second")
    changed("second", state="failed")
    told["failed"] = overdue("second")
    changed("edited", start_date=now - timedelta(hours=3))
    told["hangs"] = overdue("edited")
    result.write_text(json.dumps(told, default=str))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
