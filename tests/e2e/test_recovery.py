"""Airflow's database is lost: a version that waited for its reviewer is asked about again, and nothing twice."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from local import services, supervisor
from local.airflow_api import AirflowApi, ended, wait
from local.environment import own
from local.health import sign_in
from local.place import ROOT, Place
from tests import flown
from tests.release.dossiers import waiting
from tests.stack import RUNS, Stack, free_place
from windtunnel.__main__ import main
from windtunnel.aws import lake, ledger, objects
from windtunnel.aws.feed import documents
from windtunnel.core.contracts import Dossier

pytestmark = pytest.mark.timeout(900)
MODEL, DAG = "flights", "flights_approve"


@pytest.fixture(scope="module")
def where() -> Iterator[Place]:
    """A place of these tests' own, with this process as one of its tasks would be; stopped whatever happened."""
    found = free_place(RUNS / str(os.getpid()) / "lost")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in own(found, os.environ).items():
            patch.setenv(name, value)
        flown.forget()
        yield found
        supervisor.stop(found)
    flown.forget()


def parsed(where: Place) -> AirflowApi:
    """Airflow as Admin, once it knows all DAGs of the model."""
    admin = Stack(where).airflow()
    names = {f"{MODEL}_{file.stem}" for file in (ROOT / "dags").glob("*.py")}
    wait("all DAGs", lambda: names <= {dag["dag_id"] for dag in admin.get("/dags", limit=100)["dags"]}, 300)
    return admin


@pytest.fixture
def reconcile(
    where: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """The command as a person; its exit code and what it said."""

    def as_person(*words: str, person: str = "admin") -> tuple[int, str]:
        monkeypatch.setenv("WINDTUNNEL_AIRFLOW_TOKEN", sign_in(where, person))
        flown.forget()
        code = main(["reconcile", MODEL, "--airflow", where.web_url, *words])
        told = capsys.readouterr()
        return code, told.out + told.err

    return as_person


def put_before(admin: AirflowApi, dossier: Dossier) -> None:
    """The event that `shadow` makes at its end."""
    (asset,) = [each for each in admin.get("/assets", limit=100)["assets"] if each["name"] == f"dossier:{MODEL}"]
    admin.post("/assets/events", {"asset_id": asset["id"], "extra": dossier.to_json()})


def applied(reconcile: Callable[..., tuple[int, str]], created: int, *words: str) -> str:
    """What it says when it creates so many events."""
    code, said = reconcile("--apply", *words)
    assert (code, f"Events created: {created}." in said) == (0, True), said
    return said


def asks(admin: AirflowApi, known: set[str]) -> dict[str, Any]:
    """The run beside the known ones, once its question is open."""

    def others() -> list[dict[str, Any]]:
        return [run for run in admin.runs(DAG) if run["dag_run_id"] not in known]

    run: dict[str, Any] = wait("the run", others, 180)[0]
    wait("the question", lambda: admin.state(run, "decide") == "awaiting_input", 300)
    return run


def version_of(admin: AirflowApi, run: dict[str, Any]) -> str:
    """What a run asks about."""
    detail = admin.get(f"/dags/{DAG}/dagRuns/{run['dag_run_id']}/taskInstances/decide/-1/hitlDetails")
    return str(detail["subject"].split()[1])


class Lossy(httpx.HTTPTransport):
    """A network that loses the reply to every POST."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.method == "POST":
            raise httpx.ReadTimeout("The reply was lost.", request=request)
        return response


def lose_the_database(where: Place) -> None:
    """Stop everything, remove Airflow's database, start everything; the embedded AWS keeps what it has."""
    services.down(where)
    for file in (where.home / "airflow").glob("airflow.db*"):
        file.unlink()
    services.up(where)


def test_a_question_that_was_open_is_asked_again_and_its_answer_recorded(
    where: Place, reconcile: Callable[..., tuple[int, str]]
) -> None:
    services.up(where)
    lake.ensure()
    ledger.ensure()
    dossier = waiting()
    version = dossier.registered.version
    lose_the_database(where)
    admin = parsed(where)
    assert admin.runs(DAG) == []

    code, said = reconcile(person="vic")
    assert code == 0, said
    assert f"{version}  awaiting-approval since" in said
    assert f"With `--apply` an event of `dossier:{MODEL}` starts `{DAG}`." in said
    assert f"Paused: {MODEL}_ingest." in said
    assert "Events that `--apply` would create: 1." in said
    code, said = reconcile("--apply", person="rita")
    assert code == 1
    assert "Allowed: the token of somebody who may create events of assets" in said
    assert admin.runs(DAG) == []

    admin.pause(DAG)
    assert f"`{DAG}` is paused, and an event that comes meanwhile is lost." in applied(reconcile, 0)
    put_before(admin, dossier)  # is lost indeed, and not taken for a question
    admin.pause(DAG, paused=False)
    applied(reconcile, 1)
    applied(reconcile, 0)  # at once, while the run may wait in the queue

    run = asks(admin, set())
    asked = admin.get(f"/dags/{DAG}/dagRuns/{run['dag_run_id']}/taskInstances/decide/-1/hitlDetails")
    assert (asked["subject"], asked["body"]) == (f"Release {version} of {MODEL}?", dossier.summary)
    assert f"`{DAG}` has it under way: run `{run['dag_run_id']}`." in applied(reconcile, 0)
    assert f'"{version}"' in objects.get(documents.address(MODEL, "model.json")).decode(), "the pages know it again"

    rita = Stack(where).airflow("rita")
    rita.decide(run, "decide", "Approve", note="Read before and after.")
    wait("its end", lambda: ended(rita.run(run)), 300)
    entry = next(each for each in ledger.history(MODEL, version).entries if each.state == "approved")
    assert (entry.by, entry.why) == ("rita", "Read before and after.")
    assert entry.evidence["dossier_sha256"] == dossier.sha256
    applied(reconcile, 0)
    assert len(admin.runs(DAG)) == 1


def test_what_airflow_has_of_a_version_is_not_created_again(
    where: Place, reconcile: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two versions wait: each is asked about in a run of its own, whatever becomes of replies and runs."""
    admin, older, newer = Stack(where).airflow(), waiting(tag=2), waiting(tag=2)
    known = {run["dag_run_id"] for run in admin.runs(DAG)}
    with monkeypatch.context() as lossy:
        lossy.setattr(httpx, "Client", partial(httpx.Client, transport=Lossy()))
        said = applied(reconcile, 1)
    assert f"{newer.registered.version} goes to `{DAG}` first. Repeat when its question is open." in said
    first = asks(admin, known)
    assert older.registered.version in applied(reconcile, 1)
    second = asks(admin, {*known, first["dag_run_id"]})
    assert [version_of(admin, run) for run in (first, second)] == [
        newer.registered.version,
        older.registered.version,
    ]

    admin.patch(f"/dags/{DAG}/dagRuns/{second['dag_run_id']}", {"state": "failed"})
    wait("its end", lambda: ended(admin.run(second)), 300)
    said, state = applied(reconcile, 0), admin.run(second)["state"]
    assert f"run `{second['dag_run_id']}` of `{DAG}` ended as `{state}`." in said, said

    admin.pause(DAG)
    with sqlite3.connect(where.home / "airflow" / "airflow.db", timeout=60) as database:
        change = "update dag_run set state = 'queued', start_date = null where run_id = ?"
        assert database.execute(change, (second["dag_run_id"],)).rowcount == 1
    said = applied(reconcile, 0)
    assert f"A run of `{DAG}` waits in the queue, and Airflow cannot say for which version." in said
    assert f"`{DAG}` has it under way: run `{first['dag_run_id']}`." in said, "the others are seen all the same"
    assert {run["dag_run_id"] for run in admin.runs(DAG)} == {*known, first["dag_run_id"], second["dag_run_id"]}

    assert f"Turned on: {DAG}, {MODEL}_ingest." in applied(reconcile, 0, "--turn-on")
    assert not admin.get(f"/dags/{MODEL}_ingest")["is_paused"]
