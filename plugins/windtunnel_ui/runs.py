"""What Airflow itself knows: which DAGs there are, which are held, how their last runs ended, which questions wait."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow.utils.session import create_session

STAGES = (
    "ingest",
    "retrain",
    "train",
    "shadow",
    "approve",
    "rollout",
    "rollback",
    "monitor",
    "deliver",
    "housekeeping",
)
"""In the order of the journey; each model has a DAG `<model>_<stage>`."""

_threads = ThreadPoolExecutor(4, "windtunnel-runs")


@dataclass(frozen=True)
class Run:
    """The newest run of a DAG."""

    run_id: str
    state: str
    at: datetime | None


@dataclass(frozen=True)
class Dag:
    """One DAG of a model."""

    dag_id: str
    stage: str
    locked: bool
    "Only Admin may hold or start it."
    paused: bool
    paused_by: str | None
    last: Run | None


@dataclass(frozen=True)
class Question:
    """A question that waits for a person."""

    dag_id: str
    run_id: str
    task_id: str
    subject: str
    asked_at: datetime


@dataclass(frozen=True)
class Known:
    """What Airflow knows of one model."""

    model: str
    dags: dict[str, Dag] = field(default_factory=dict)
    "By stage."
    questions: tuple[Question, ...] = ()


async def models(readable: set[str]) -> dict[str, Known]:
    """The models that these DAGs belong to, by name, with what is known of those DAGs.

    Args:
        readable: Ids of DAGs; no other is looked at.
    """
    return await in_thread(_models, readable)


async def known(model: str, readable: set[str]) -> Known | None:
    """What Airflow knows of one model; None when none of these DAGs is its own."""
    return (await in_thread(_models, {f"{model}_{stage}" for stage in STAGES} & readable)).get(model)


async def made_by(dag_id: str, run_id: str) -> tuple[Run | None, list[dict[str, Any]]]:
    """A run, and what the asset events say that it made or, last, that started it."""
    return await in_thread(_made_by, dag_id, run_id)


async def in_thread[**P, T](work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Work with Airflow's database on a thread of ours."""
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: work(*args, **kwargs))


def split(dag_id: str) -> tuple[str, str] | None:
    """`flights_train` -> (`flights`, `train`); None for a DAG that is not ours."""
    model, _, stage = dag_id.rpartition("_")
    return (model, stage) if model and stage in STAGES else None


def _models(readable: set[str]) -> dict[str, Known]:
    from airflow.models.dag import DagModel, DagTag
    from sqlalchemy import select

    ours = {dag_id for dag_id in readable if split(dag_id)}
    if not ours:
        return {}
    with create_session() as session:
        rows = session.execute(
            select(DagModel.dag_id, DagModel.is_paused).where(DagModel.dag_id.in_(ours), DagModel.is_stale.is_(False))
        ).all()
        locked = set(session.scalars(select(DagTag.dag_id).where(DagTag.name == "locked", DagTag.dag_id.in_(ours))))
        held = [dag_id for dag_id, paused in rows if paused]
        last, holders, questions = _last_runs(session, ours), _holders(session, held), _questions(session, ours)
    found: dict[str, dict[str, Dag]] = {}
    for dag_id, paused in rows:
        model, stage = split(dag_id) or ("", "")
        dag = Dag(dag_id, stage, dag_id in locked, bool(paused), holders.get(dag_id), last.get(dag_id))
        found.setdefault(model, {})[stage] = dag
    return {
        model: Known(model, dags, tuple(q for q in questions if q.dag_id in {dag.dag_id for dag in dags.values()}))
        for model, dags in sorted(found.items())
    }


def _last_runs(session: Any, dag_ids: Iterable[str]) -> dict[str, Run]:
    from airflow.models.dagrun import DagRun
    from sqlalchemy import func, select

    newest = select(func.max(DagRun.id)).where(DagRun.dag_id.in_(dag_ids)).group_by(DagRun.dag_id)
    rows = session.execute(
        select(DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.end_date, DagRun.start_date).where(
            DagRun.id.in_(newest)
        )
    )
    return {dag_id: Run(run_id, str(state), ended or began) for dag_id, run_id, state, ended, began in rows}


def _holders(session: Any, dag_ids: list[str]) -> dict[str, str]:
    """Who paused each of these DAGs last, by Airflow's own audit log; a DAG that came paused has nobody."""
    from airflow.models.log import Log
    from sqlalchemy import select

    if not dag_ids:
        return {}
    rows = session.execute(
        select(Log.dag_id, Log.owner, Log.extra)
        .where(Log.dag_id.in_(dag_ids), Log.event.in_(("patch_dag", "paused")))
        .order_by(Log.id)
    )
    return {dag_id: owner for dag_id, owner, extra in rows if owner and _pauses(extra)}


def _pauses(extra: str | None) -> bool:
    try:
        return bool(json.loads(extra or "{}").get("is_paused", True))
    except ValueError:
        return False


def _questions(session: Any, dag_ids: Iterable[str]) -> list[Question]:
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.state import State
    from sqlalchemy import select

    rows = session.execute(
        select(
            TaskInstance.dag_id,
            TaskInstance.run_id,
            TaskInstance.task_id,
            HITLDetail.subject,
            HITLDetail.created_at,
        )
        .join(TaskInstance, TaskInstance.id == HITLDetail.ti_id)
        .where(
            HITLDetail.responded_at.is_(None),
            TaskInstance.dag_id.in_(dag_ids),
            TaskInstance.state.in_([state.value for state in State.unfinished if state]),
        )
        .order_by(HITLDetail.created_at)
    )
    return [Question(*row) for row in rows]


def _made_by(dag_id: str, run_id: str) -> tuple[Run | None, list[dict[str, Any]]]:
    from airflow.models.asset import AssetEvent
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    with create_session() as session:
        run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
        if run is None:
            return None, []
        made = session.scalars(
            select(AssetEvent)
            .where(AssetEvent.source_dag_id == dag_id, AssetEvent.source_run_id == run_id)
            .order_by(AssetEvent.id.desc())
        )
        extras = [event.extra for event in [*made, *reversed(run.consumed_asset_events)] if event.extra]
        return Run(run.run_id, str(run.state), run.end_date or run.start_date), extras
