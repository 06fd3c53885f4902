"""docs/rights.md, cell by cell: what it allows is taken, what it forbids is refused and leaves no trace."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.rights.conftest import Answer, Ask
from tests.rights.scene import MODEL, ON_ADMIN, SCHEDULED, Scene
from tests.rights.table import LOCKED, PEOPLE, Row, rows
from windtunnel.orchestration.people import ACCESS

pytestmark = pytest.mark.timeout(300)
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
def test_with_a_token(row: Row, scene: Scene, by_token: Ask) -> None:
    check(row, scene, by_token, scene.dags(row))


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_from_a_browser(row: Row, scene: Scene, by_browser: Ask) -> None:
    dags = scene.dags(row)  # one of them: from row to row another
    check(row, scene, by_browser, [dags[ROWS.index(row) % len(dags)]])


def check(row: Row, scene: Scene, ask: Ask, dags: list[str]) -> None:
    """Those who may not ask first, while everything is there; then those who may, Admin last."""
    before = scene.snapshot()
    for dag in dags:
        call = row.call(scene.values(dag))
        for person in (person for person in PEOPLE if row.answers[person] == "no"):
            answer = ask(person, call)
            assert refused(person, answer), f"{person} {call}: {answer}"
    assert scene.snapshot() == before, f"{row.what}: refused, and yet something changed"
    may = [person for person in reversed(PEOPLE) if row.answers[person] == "yes"]
    dag = ON_ADMIN if row.section == LOCKED else scene.dags(row)[0]
    if may and row.method != "GET":
        prepare(row, scene, dag)
    for at, person in enumerate(may):
        call = row.call(scene.values(dag))
        status, text = ask(person, call)
        assert status not in (401, 403), f"{person} {call}: {status} {text}"
        if at == 0:
            assert taken(row, dag, status, text), f"{person} {call}: {status} {text}"
    if may and row.method != "GET":
        scene.things()


def prepare(row: Row, scene: Scene, dag: str) -> None:
    if "{dag_id}" in row.path + (row.body or ""):
        scene.renew(dag)
    if "{backfill_id}" in row.path:
        scene.backfill(SCHEDULED if row.section == LOCKED else dag)


def refused(person: str | None, answer: Answer) -> bool:
    """Turned away as a whole, or entry by entry, or with nothing found that one may touch."""
    status, text = answer
    if status != 200:
        return status == (401 if person is None else 403)
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
