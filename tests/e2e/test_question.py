"""The question to a reviewer on a running Airflow, through its REST API: refused, asked again with the reason, expired."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local.airflow_api import AirflowApi, ended, wait
from tests import flown
from tests.release.dossiers import waiting
from tests.stack import Stack
from windtunnel.aws import lake, ledger
from windtunnel.aws.clients import client
from windtunnel.core.contracts import Dossier

pytestmark = pytest.mark.timeout(1500)
DAG = "flights_approve"
OWN_TAG = 9
"""A generation of the model that no other test of this stack knows."""


@pytest.fixture(scope="module")
def running(stack: Stack) -> Iterator[Stack]:
    """The stack, with this process as one of its tasks would be."""
    flown.forget()
    lake.ensure()
    ledger.ensure()
    admin = stack.airflow()
    wait("the DAG", lambda: DAG in {dag["dag_id"] for dag in admin.get("/dags")["dags"]}, 300)
    yield stack
    flown.forget()


def question(airflow: AirflowApi, run: dict[str, Any]) -> dict[str, Any]:
    """What is asked in a run, once it is."""
    wait("the question", lambda: states(airflow, run).get("decide") == "awaiting_input", 300)
    path = f"/dags/{DAG}/dagRuns/{run['dag_run_id']}/taskInstances/decide/-1/hitlDetails"
    return dict(airflow.get(path))


def states(airflow: AirflowApi, run: dict[str, Any]) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in airflow.tasks(run)}


def give(airflow: AirflowApi, run: dict[str, Any], choice: str, note: str) -> dict[str, str]:
    """Answer a question and return how the tasks ended."""
    until = time.monotonic() + 180
    while not ended(airflow.run(run)):
        assert time.monotonic() < until, states(airflow, run)
        # An answer in the very second of the question can be lost by Airflow 3.3.1, which then asks anew.
        time.sleep(2)
        if not question_answered(airflow, run):
            airflow.answer(run, "decide", choice, note=note)
    return states(airflow, run)


def question_answered(airflow: AirflowApi, run: dict[str, Any]) -> bool:
    return states(airflow, run)["decide"] != "awaiting_input"


def put_before(airflow: AirflowApi, dossier: Dossier) -> dict[str, Any]:
    """Create the event of a dossier, as Admin may; the run that it starts."""
    (asset,) = [a for a in airflow.get("/assets", limit=100)["assets"] if a["name"] == "dossier:flights"]
    before = {run["dag_run_id"] for run in airflow.runs(DAG)}
    airflow.post("/assets/events", {"asset_id": asset["id"], "extra": dossier.to_json()})
    run: dict[str, Any] = wait(
        "the run", lambda: next((run for run in airflow.runs(DAG) if run["dag_run_id"] not in before), None), 120
    )
    return run


def turn_the_clock_forward(stack: Stack, run: dict[str, Any]) -> None:
    """Let the time of a question be over."""
    with sqlite3.connect(stack.where.home / "airflow" / "airflow.db", timeout=60) as database:
        changed = database.execute(
            "update task_instance set trigger_timeout = '2020-01-01 00:00:00.000000' where run_id = ? and task_id = 'decide'",
            (run["dag_run_id"],),
        )
        assert changed.rowcount == 1


def test_an_answer_that_breaks_a_rule_is_asked_for_again_until_the_question_expires(running: Stack) -> None:
    admin, rita = running.airflow(), running.airflow("rita")
    dossier = waiting(requested_by="rita", tag=OWN_TAG)
    version = dossier.registered.version

    first = put_before(admin, dossier)
    asked = question(admin, first)
    assert asked["subject"] == f"Release {version} of flights?"
    assert asked["body"] == dossier.summary
    path = f"/dags/{DAG}/dagRuns/{first['dag_run_id']}/taskInstances/decide/links"
    button = admin.get(path)["extra_links"]["Dossier"]
    assert button.endswith(f"view=%2Fwindtunnel%2Fmodels%2Fflights%2Fdossiers%2F{version}"), "open with the question"
    ended_as = give(rita, first, "Approve", "It is my own, and it is good.")
    assert (ended_as["ask_again"], ended_as["record_yes"]) == ("success", "skipped")

    second = wait("the second question", lambda: admin.started_by(DAG, first), 300)
    body = question(admin, second)["body"]
    assert body.startswith("> **Asked again: the last answer was not recorded.** Four eyes")
    assert body.endswith(dossier.summary)
    ended_as = give(admin, second, "Reject", "   ")
    assert (ended_as["ask_again"], ended_as["record_no"]) == ("success", "skipped")

    third = wait("the third question", lambda: admin.started_by(DAG, second), 300)
    assert "A no needs a reason" in question(admin, third)["body"]
    before = ledger.history("flights", version)
    assert before.record.state == "awaiting-approval"
    assert {entry.state for entry in before.entries}.isdisjoint({"approved", "rejected"})

    turn_the_clock_forward(running, third)
    wait("its end", lambda: ended(admin.run(third)), 600)
    assert admin.run(third)["state"] == "success"
    assert states(admin, third)["record_expired"] == "success"
    assert ledger.history("flights", version).entries[-1].state == "expired"
    found = client("sagemaker").describe_model_package(ModelPackageName=dossier.registered.package_arn)
    assert found["ModelApprovalStatus"] == "Rejected"
    assert found["ApprovalDescription"].startswith("Expired. Nobody answered within 14 days.")
