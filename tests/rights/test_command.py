"""`python -m windtunnel roles` against a running Airflow: puts right what was made wrong, and then changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.rights.scene import signed_in
from tests.stack import Stack
from windtunnel.__main__ import main
from windtunnel.core.settings import settings
from windtunnel.orchestration.people import ROLES

pytestmark = pytest.mark.usefixtures("scene")  # every DAG is parsed, which gives its roles their rights on it
EXTRA = ("can_edit", "DAGs")
OF_ITS_DAG = ("can_edit", "DAG:flights_retrain")
OF_A_LOCKED_DAG = ("can_edit", "DAG:flights_train")


@pytest.fixture
def fab(stack: Stack) -> Iterator[httpx.Client]:
    with closing(signed_in(stack, "admin")) as client:
        yield client


@pytest.fixture
def run(stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """The command as a person; its exit code and what it said."""

    def as_person(person: str | None) -> tuple[int, str]:
        with closing(signed_in(stack, person)) as client:
            token = client.headers.get("Authorization", "").removeprefix("Bearer ")
        monkeypatch.setenv("WINDTUNNEL_AIRFLOW_TOKEN", token)
        settings.cache_clear()
        code = main(["roles", "--airflow", stack.where.web_url])
        told = capsys.readouterr()
        return code, (told.out + told.err).strip()

    yield as_person
    monkeypatch.undo()
    settings.cache_clear()


def rights(fab: httpx.Client, role: str) -> set[tuple[str, str]]:
    found = fab.get(f"/auth/fab/v1/roles/{role}").raise_for_status().json()["actions"]
    return {(right["action"]["name"], right["resource"]["name"]) for right in found}


def give(fab: httpx.Client, role: str, *more: tuple[str, str]) -> None:
    actions = [{"action": {"name": action}, "resource": {"name": resource}} for action, resource in more]
    fab.patch(f"/auth/fab/v1/roles/{role}", json={"name": role, "actions": actions}).raise_for_status()


def roles_of(fab: httpx.Client, person: str) -> set[str]:
    found = fab.get(f"/auth/fab/v1/users/{person}").raise_for_status().json()["roles"]
    return {role["name"] for role in found}


def test_a_role_that_was_made_wrong_is_put_right(fab: httpx.Client, run: Any) -> None:
    own, people = rights(fab, "DataScientist"), {person: roles_of(fab, person) for person in ("dana", "sam", "rita")}
    assert OF_ITS_DAG in own
    give(fab, "DataScientist", EXTRA, OF_A_LOCKED_DAG)
    code, told = run("admin")
    assert (code, told) == (
        0,
        "DataScientist: taken away: can_edit on DAG:flights_train, can_edit on DAGs",
    )
    assert rights(fab, "DataScientist") == own
    assert {person: roles_of(fab, person) for person in people} == people
    assert run("admin") == (0, "All roles are as they should be.")
    names = {role["name"] for role in fab.get("/auth/fab/v1/roles?limit=100").json()["roles"]}
    assert not [name for name in names if "replaced" in name]


def test_a_run_that_was_cut_off_is_finished(fab: httpx.Client, run: Any) -> None:
    # The old role stepped aside, and the new one was not made yet.
    own = rights(fab, "Reviewer")
    give(fab, "Reviewer", EXTRA)
    aside = {"name": "Reviewer (replaced by windtunnel)", "actions": []}
    fab.patch("/auth/fab/v1/roles/Reviewer?update_mask=name", json=aside).raise_for_status()
    assert run("admin") == (0, "Reviewer: taken away: can_edit on DAGs")
    assert rights(fab, "Reviewer") == own
    assert roles_of(fab, "rita") == {"Viewer", "Reviewer"}


def test_a_role_that_is_missing_is_made_and_one_of_others_is_left_alone(fab: httpx.Client, run: Any) -> None:
    fab.post("/auth/fab/v1/roles", json={"name": "Theirs", "actions": []}).raise_for_status()
    give(fab, "Theirs", EXTRA)
    own = rights(fab, "Reviewer")
    fab.delete("/auth/fab/v1/roles/Reviewer").raise_for_status()
    try:
        code, told = run("admin")
        assert code == 0
        assert told.startswith("Reviewer: made: can_read on Website, ")
        assert rights(fab, "Reviewer") >= set(ROLES["Reviewer"])
        assert EXTRA in rights(fab, "Theirs")
    finally:
        give(fab, "Reviewer", *own)
        them = {"roles": [{"name": "Viewer"}, {"name": "Reviewer"}]}
        fab.patch("/auth/fab/v1/users/rita?update_mask=roles", json=them).raise_for_status()
        fab.delete("/auth/fab/v1/roles/Theirs").raise_for_status()


def test_whoever_may_not_edit_roles_is_told_so(run: Any) -> None:
    code, told = run("dana")
    assert code == 1
    assert told.startswith(
        "GET `/roles/DataEngineer` was answered with 403. Allowed: the token of somebody who may edit"
    )
    code, told = run(None)
    assert code == 1
    assert told.startswith("No token came in. Set `WINDTUNNEL_AIRFLOW_TOKEN`")
