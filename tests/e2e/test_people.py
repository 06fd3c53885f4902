"""Who may do what, asked of the running Airflow through its REST API, as each of the people."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.airflow_api import wait
from tests.stack import Stack

PEOPLE = ("admin", "dana", "sam", "rita", "vic")
STAGES = ("ingest", "retrain", "train", "approve", "rollout", "monitor")
FORBIDDEN = 403
EDITED_BY = {"ingest": {"dana"}, "retrain": {"sam"}, "approve": {"rita"}}
STARTED_BY = {"ingest": {"dana"}, "retrain": {"sam"}}
"Beside admin, who may do everything."


@pytest.fixture(scope="module")
def parsed(stack: Stack) -> Iterator[Stack]:
    """The stack once every DAG is known, with all of them paused: what is triggered here waits and does not run."""
    admin = stack.airflow()
    dags = {f"flights_{stage}" for stage in STAGES}
    wait("all DAGs", lambda: dags <= {dag["dag_id"] for dag in admin.get("/dags")["dags"]}, 120)
    before = {dag["dag_id"]: dag["is_paused"] for dag in admin.get("/dags")["dags"]}
    for dag in dags:
        admin.pause(dag)
    yield stack
    for dag in dags:
        admin.pause(dag, paused=before[dag])


def _allowed(stack: Stack, method: str, path: str, body: dict[str, object]) -> set[str]:
    """The people whose request is not turned away, whatever comes of it."""
    statuses = {person: stack.airflow(person).status(method, path, body) for person in PEOPLE}
    assert all(status < 500 for status in statuses.values()), statuses
    return {person for person, status in statuses.items() if status != FORBIDDEN}


def test_no_dag_is_broken(parsed: Stack) -> None:
    assert parsed.airflow().get("/importErrors")["import_errors"] == []


@pytest.mark.parametrize("stage", STAGES)
def test_everyone_reads(parsed: Stack, stage: str) -> None:
    for person in PEOPLE:
        assert parsed.airflow(person).status("GET", f"/dags/flights_{stage}/dagRuns") == 200, person


@pytest.mark.parametrize("stage", STAGES)
def test_a_locked_dag_is_paused_by_nobody_but_admin(parsed: Stack, stage: str) -> None:
    allowed = _allowed(parsed, "PATCH", f"/dags/flights_{stage}", {"is_paused": True})
    assert allowed == EDITED_BY.get(stage, set()) | {"admin"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_locked_dag_is_started_by_nobody_but_admin(parsed: Stack, stage: str) -> None:
    # Who may start a run is told that this is no date; nothing starts.
    before = parsed.airflow().runs(f"flights_{stage}")
    allowed = _allowed(parsed, "POST", f"/dags/flights_{stage}/dagRuns", {"logical_date": "tomorrow"})
    assert allowed == STARTED_BY.get(stage, set()) | {"admin"}
    assert parsed.airflow().runs(f"flights_{stage}") == before


def test_a_scientist_starts_a_retrain_with_a_reason(parsed: Stack) -> None:
    body = {"logical_date": None, "conf": {"reason": "The weather has changed."}}
    run = parsed.airflow("sam").post("/dags/flights_retrain/dagRuns", body)
    path = f"/dags/flights_retrain/dagRuns/{run['dag_run_id']}"
    try:
        assert run["triggering_user_name"] == "sam"
        assert _allowed(parsed, "PATCH", path, {"state": "failed"}) == {"admin"}
    finally:
        assert parsed.airflow().status("DELETE", path) == 204


def test_a_retrain_without_a_reason_is_refused(parsed: Stack) -> None:
    body: dict[str, object] = {"logical_date": None, "conf": {}}
    assert parsed.airflow("sam").status("POST", "/dags/flights_retrain/dagRuns", body) == 400


def test_nobody_but_admin_can_pretend_that_data_arrived(parsed: Stack) -> None:
    assets = parsed.airflow().get("/assets", limit=100)["assets"]
    (published,) = [asset for asset in assets if asset["name"] == "dataset:flights"]
    for person in PEOPLE[1:]:
        status = parsed.airflow(person).status("POST", "/assets/events", {"asset_id": published["id"], "extra": {}})
        assert status == FORBIDDEN, person


def test_a_wrong_password_is_refused(parsed: Stack) -> None:
    import httpx

    answer = httpx.post(
        f"{parsed.where.web_url}/auth/token", json={"username": "rita", "password": "wrong"}, trust_env=False
    )
    assert answer.status_code == 401
