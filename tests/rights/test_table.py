"""docs/rights.md, cell by cell: what it allows is taken, what it forbids is refused and leaves no trace."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.rights.conftest import Answer, Ask, Call
from tests.rights.scene import MODEL, ON_ADMIN, SCHEDULED, Scene
from tests.rights.table import LOCKED, PEOPLE, Row, rows
from windtunnel.orchestration.people import ACCESS, ROLES

pytestmark = pytest.mark.timeout(1500)
ROWS = [row for row in rows() if row.answers]
EMPTY_HANDED = {
    "PATCH /api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskGroupInstances/{group_id}": 404,
    "PATCH /api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskGroupInstances/{group_id}/dry_run": 404,
    "PATCH /api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails": 404,
    "DELETE /api/v2/assets/{asset_id}/queuedEvents": 404,
    "DELETE /api/v2/dags/{dag_id}/assets/queuedEvents": 404,
    "DELETE /api/v2/dags/{dag_id}/assets/{asset_id}/queuedEvents": 404,
}
"Taken from whoever may, with nothing there to take effect on: no groups of tasks, no question, and no event waits for a paused DAG."


def named(row: Row) -> str:
    return f"{row.section}: {row.what}"


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_each_person_may_do_what_the_row_says(row: Row, scene: Scene, by_token: Ask, by_browser: Ask) -> None:
    """Those who may not ask first, while everything is there; then those who may, Admin last."""
    dags, before = scene.dags(row), scene.snapshot()
    call = row.call(scene.values(dags[ROWS.index(row) % len(dags)]))  # from row to row another
    for person in (person for person in PEOPLE if row.answers[person] == "no"):
        for ask in (by_token, by_browser):
            answer = ask(person, call)
            assert refused(person, call, answer), f"{person} {call}: {answer}"
    assert scene.changes(before) == {}, f"{row.what}: refused, and yet something changed"
    may = [person for person in reversed(PEOPLE) if row.answers[person] == "yes"]
    if may:
        take(row, scene, may, (by_token, by_browser))


def take(row: Row, scene: Scene, may: list[str | None], ways: tuple[Ask, ...]) -> None:
    """The first of those who may gets what the row says; the others and the second way are let through."""
    dag = ON_ADMIN if row.section == LOCKED else scene.dags(row)[0]
    if row.method != "GET":
        prepare(row, scene, dag)
    call, first = row.call(scene.values(dag)), True
    for person in may:
        for ask in ways:
            status, text = ask(person, call)
            assert status not in (401, 403), f"{person} {call}: {status} {text}"
            assert not first or taken(row, dag, status, text), f"{person} {call}: {status} {text}"
            first = False
    if row.method != "GET" and row.section not in (*ACCESS, LOCKED):
        scene.things()


def prepare(row: Row, scene: Scene, dag: str) -> None:
    if "{dag_id}" in row.path + (row.body or ""):
        scene.renew(dag)
    if "{backfill_id}" in row.path:
        scene.backfill(SCHEDULED if row.section == LOCKED else dag)


def refused(person: str | None, call: Call, answer: Answer) -> bool:
    """Turned away as a whole, or entry by entry, or with nothing found that one may touch."""
    status, text = answer
    if status != 200:
        stranger = person is None or call[1].startswith("/execution/")  # which knows tasks, and no person's cookie
        return status == 403 or (stranger and status == 401)
    body: Any = json.loads(text)
    if "dags" in body:
        return not body["dags"]
    results = [result for result in body.values() if result] if isinstance(body, dict) else []
    return bool(results) and all(
        not result["success"] and {error["status_code"] for error in result["errors"]} == {403} for result in results
    )


def taken(row: Row, dag: str, status: int, text: str) -> bool:
    if expected := EMPTY_HANDED.get(row.route):
        return status == expected
    if row.route == "POST /api/v2/backfills" and dag == f"{MODEL}_retrain":
        return status in (409, 422)
    if status == 200 and "actions" in (row.body or ""):
        return '"errors":[{' not in text
    return 200 <= status < 300


def test_a_dag_is_locked_unless_people_have_a_part_in_it(scene: Scene) -> None:
    assert set(scene.paused) - set(scene.locked) == {f"{MODEL}_{stage}" for stage in ACCESS}
    assert {f"{MODEL}_{stage}" for stage in ("train", "shadow", "rollout", "rollback", "monitor")} <= set(scene.locked)


def test_no_role_has_a_right_of_its_own_on_a_locked_dag_or_on_all_dags(scene: Scene, by_token: Ask) -> None:
    """The rows ask one of the locked DAGs each; that the others answer alike is read from the roles."""
    roles = json.loads(by_token("admin", ("GET", "/auth/fab/v1/roles?limit=100", None))[1])["roles"]
    rights = {
        (role["name"], right["action"]["name"], right["resource"]["name"])
        for role in roles
        if role["name"] in {"Viewer", *ROLES}
        for right in role["actions"]
    }
    assert {role for role, _, _ in rights} == {"Viewer", *ROLES}
    of_locked = {right for right in rights if right[2].partition(":")[2] in scene.locked}
    assert of_locked == set()
    assert {right for right in rights if right[2] == "DAGs" and right[1] not in ("can_read", "menu_access")} == set()
