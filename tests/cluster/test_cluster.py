"""`make cluster`: the journey on PostgreSQL, Redis and two Celery workers, one of which is killed in the middle.

It takes a quarter of an hour, because Airflow waits five minutes for the heartbeat of a task that is gone; the nightly
lane runs it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from local import ports, processes, services, stores, supervisor, workers
from local.airflow_api import AirflowApi, wait
from local.environment import environment
from local.place import ROOT, Place
from tests.stack import Stack, free_place, main_process

pytestmark = pytest.mark.timeout(2400)

SERVERS = {"postgres", "redis", "aws", "api-server"}
CLIENTS = {"scheduler", "dag-processor", "triggerer", "worker-1", "worker-2"}
CUT = ("flights_shadow", "rehearse")
"""The task that dies with its worker: it holds the staging endpoint under a lease."""


@pytest.fixture(scope="module")
def where() -> Iterator[Place]:
    """A cluster of its own; stopped at the end whatever happened."""
    found = free_place(ROOT / ".windtunnel" / "tests" / str(os.getpid()) / "cluster")
    try:
        services.cluster(found)
        yield found
    finally:
        supervisor.stop(found)


def test_it_runs_what_docker_compose_runs_with_the_databases_of_debian(where: Place) -> None:
    assert set(supervisor.states(where)) == SERVERS | CLIENTS
    given = environment(where, {**os.environ, **stores.addresses(where)})
    assert workers.silent(where, given) == []
    assert given["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert given["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql")
    assert not (where.home / "airflow" / "airflow.db").exists()


def test_its_databases_want_their_passwords(where: Place) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(host="127.0.0.1", port=where.postgres_port, user="airflow", dbname="airflow", password="guess")
    asked = subprocess.run(["redis-cli", "-p", str(where.redis_port), "keys", "*"], capture_output=True, text=True)
    assert "NOAUTH" in asked.stdout


def test_the_journey_passes_although_a_worker_is_killed_in_the_middle(where: Place, tmp_path: Path) -> None:
    airflow = Stack(where).airflow()
    printed = tmp_path / "demo.log"
    with printed.open("wb") as log:
        demo = subprocess.Popen(
            [sys.executable, "-m", "local.demo"],
            cwd=ROOT,
            env=environment(where, os.environ) | {"PYTHONPATH": f"{ROOT / 'include'}:{ROOT}"},
            stdout=log,
            stderr=log,
        )
    try:
        run, pid = wait("the task that is to die", lambda: _running(airflow, demo), 900, every=0.1)
        killed = _kill_its_worker(where, pid)
        assert demo.wait(1800) == 0, printed.read_text()
    finally:
        demo.kill()

    (again,) = [task for task in airflow.tasks(run) if task["task_id"] == CUT[1]]
    assert (again["state"], again["try_number"]) == ("success", 2)
    assert re.search(r"live endpoint, \d,\d{3} flights of May +[\d.]+", printed.read_text())
    assert _ledger(where, "V1.1.0") == [
        *("allocated", "registered", "rehearsed", "shadowed", "awaiting-approval", "approved", "releasing", "live")
    ]
    given = environment(where, {**os.environ, **stores.addresses(where)})
    assert workers.silent(where, given) == [], f"{killed} came back"


def test_it_ends_and_leaves_nothing_behind(where: Place) -> None:
    services.down(where)
    assert processes.belonging(where.home) == set()
    for port in (where.web_port, where.aws_port, where.postgres_port, where.redis_port):
        assert ports.free(port)
    ended = (where.logs / "postgres.log").read_text()
    assert ended.rstrip().endswith("database system is shut down")


def _running(airflow: AirflowApi, demo: subprocess.Popen[bytes]) -> tuple[dict[str, Any], int] | None:
    """The run and the process of the task, once it is at work."""
    assert demo.poll() is None, "the demo ended before its time"
    dag, name = CUT
    for run in airflow.runs(dag):
        for task in airflow.tasks(run):
            if task["task_id"] == name and task["state"] == "running" and task["pid"]:
                return run, int(task["pid"])
    return None


def _kill_its_worker(where: Place, pid: int) -> str:
    """Kill the worker that a process belongs to, as by `kill -9`, and see everything of it end."""
    (worker,) = [name for name in workers.WORKERS if pid in processes.belonging(where.home, name)]
    before = processes.belonging(where.home, worker)
    os.kill(main_process(where, worker), signal.SIGKILL)
    wait("the end of its task", lambda: not processes.alive(pid), 10, every=0.1)
    wait("the end of its processes", lambda: not before & processes.belonging(where.home, worker), 20, every=0.1)
    return worker


def _ledger(where: Place, version: str) -> list[str]:
    """The states that a version went through."""
    done = subprocess.run(
        [sys.executable, "-m", "windtunnel", "history", "flights", version, "--json"],
        env=environment(where) | {"PYTHONPATH": str(ROOT / "include")},
        capture_output=True,
        text=True,
        check=True,
    )
    return [entry["state"] for entry in json.loads(done.stdout)["entries"]]
