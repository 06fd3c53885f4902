"""Every route of the running Airflow is known to docs/rights.md, and none but those it names is open to anyone."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import closing

import pytest

from local.environment import environment
from tests.browser import Browser
from tests.rights.conftest import Ask
from tests.rights.scene import Scene, signed_in
from tests.rights.table import rows
from tests.stack import Stack

pytestmark = pytest.mark.timeout(1500)
OPEN = {row.route for row in rows() if not row.answers}
OWN = {"/login/", "/resetmypassword/form", "/userinfoeditview/form"}
"Forms of FAB that are everybody's: to sign in, and for one's own password and name."
FORMS = """
from airflow.utils.providers_configuration_loader import providers_configuration_loaded

@providers_configuration_loaded
def show():
    from airflow.providers.fab.www.app import create_app
    for rule in create_app(enable_plugins=False).url_map.iter_rules():
        if "POST" in rule.methods:
            print("form", rule.rule)

show()
"""
LOOK = """async ([method, path]) => {
  const answer = await fetch(path, {method, redirect: "manual"});
  return answer.type === "opaqueredirect" ? 302 : answer.status;
}"""


@pytest.fixture(scope="module")
def routes(stack: Stack) -> list[str]:
    """Method and path of each route: of Airflow, of FAB, and of Airflow's pages, which it does not publish."""
    from airflow.api_fastapi.core_api.routes.ui import ui_router

    found = [f"{method} {route.path}" for route in ui_router.routes for method in route.methods]  # type: ignore[attr-defined]
    for prefix in ("", "/auth"):
        with closing(signed_in(stack, "admin")) as client:
            paths = client.get(f"{prefix}/openapi.json").raise_for_status().json()["paths"]
        found += [f"{method.upper()} {prefix}{path}" for path, methods in paths.items() for method in methods]
    return found


def test_every_route_that_writes_has_a_row(routes: list[str]) -> None:
    calls = {row.route for row in rows()}
    writing = [route for route in routes if not route.startswith(("GET", "HEAD"))]
    assert len(writing) > 60, "The list of routes is not where it was."
    unknown = [route for route in writing if not any(_pattern(route).fullmatch(call) for call in calls)]
    assert unknown == [], "Say in docs/rights.md who may do this."


def test_a_row_names_a_route_that_exists(routes: list[str]) -> None:
    of_tasks = {"PATCH /execution/task-instances/{task_instance_id}/state"}
    patterns = [_pattern(route) for route in routes]
    gone = {row.route for row in rows() if not any(one.fullmatch(row.route) for one in patterns)}
    assert gone == of_tasks, "docs/rights.md speaks of something that Airflow does not have."


def test_nothing_is_read_by_somebody_who_has_not_signed_in(routes: list[str], by_token: Ask) -> None:
    reading = [route for route in routes if route.startswith("GET")]
    assert set(reading) >= OPEN
    found = {route: by_token(None, ("GET", _example(route), None))[0] for route in reading if route not in OPEN}
    assert {route: status for route, status in found.items() if status != 401} == {}


def test_what_is_open_to_anyone_is(by_token: Ask) -> None:
    assert {route: by_token(None, ("GET", _example(route), None))[0] for route in OPEN} == dict.fromkeys(OPEN, 200) | {
        route: 307 for route in OPEN if "/auth/" in route
    }


def test_a_task_is_spoken_for_by_nobody(scene: Scene, by_token: Ask) -> None:
    values = scene.values("flights_train")
    at = f"/execution/task-instances/{values['task_instance_id']}"
    calls: list[tuple[str, str, object]] = [
        ("PATCH", f"{at}/{what}", {}) for what in ("run", "state", "skip-downstream")
    ]
    calls += [("PUT", f"{at}/heartbeat", {})]
    calls += [("POST", f"/execution/xcoms/flights_train/{values['dag_run_id']}/{values['task_id']}/forged", 1)]
    calls += [("PUT", f"/execution/variables/{values['variable_key']}", {"val": "forged"})]
    before = scene.snapshot()
    for call in calls:
        assert by_token("admin", call)[0] in (401, 403, 404), call
    assert scene.changes(before) == {}


def test_forms_of_fab_are_shown_to_admin_alone(stack: Stack, scene: Scene, browser: Browser) -> None:
    forms = sorted(_forms(stack) - OWN)
    assert "/roles/edit/<pk>" in forms
    before = scene.snapshot()
    vic, nobody = (browser.page(person, "/api/v2/version") for person in ("vic", None))
    for form in forms:
        path = "/auth" + re.sub(r"<[^>]+>", "1", form)
        for page in (vic, nobody):
            for method in ("GET", "POST"):
                assert page.evaluate(LOOK, [method, path]) in (302, 400, 401, 403, 404, 405), (method, path)
    assert scene.changes(before) == {}


def _forms(stack: Stack) -> set[str]:
    told = subprocess.run(
        [sys.executable, "-c", FORMS], env=environment(stack.where), capture_output=True, text=True, check=True
    )
    return set(re.findall(r"^form (\S+)$", told.stdout, re.MULTILINE))


def _pattern(route: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]+\}", route)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))


def _example(route: str) -> str:
    return re.sub(r"\{[^}]+\}", "1", route.partition(" ")[2])
