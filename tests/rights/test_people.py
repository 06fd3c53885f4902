"""What the buttons of Airflow come to in a real browser. The main path of each person is in tests/e2e: there it has an end."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from local.airflow_api import wait
from tests.browser import Browser
from tests.rights.conftest import Ask
from tests.rights.scene import Scene

pytestmark = pytest.mark.timeout(1500)
REFUSED = "You do not have permission to perform this action."


def open_form(page: Page) -> None:
    page.get_by_test_id("trigger-dag-button").click()
    page.get_by_role("dialog").wait_for()


def press_trigger(page: Page) -> int:
    """Send the form; the status that came back."""
    with page.expect_response(lambda got: got.request.method == "POST" and got.url.endswith("/dagRuns")) as answer:
        page.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True).click()
    return answer.value.status


def test_sam_opens_the_form_of_retrain(browser: Browser) -> None:
    page = browser.page("sam", "/dags/flights_retrain")
    open_form(page)
    expect(page.get_by_role("dialog").get_by_text("Reason", exact=False).first).to_be_visible()


@pytest.mark.parametrize("person", ["sam", "vic"])
def test_a_press_on_the_trigger_of_train_starts_nothing(person: str, scene: Scene, browser: Browser) -> None:
    before = scene.snapshot()
    page = browser.page(person, "/dags/flights_train")
    open_form(page)
    assert press_trigger(page) == 403
    expect(page.get_by_text(REFUSED).first).to_be_visible()
    assert scene.changes(before) == {}


def test_a_press_on_the_switch_of_train_pauses_nothing(scene: Scene, browser: Browser) -> None:
    before = scene.snapshot()
    page = browser.page("vic", "/dags/flights_train")
    with page.expect_response(lambda got: got.request.method == "PATCH") as answer:
        page.locator("[data-scope=switch][data-part=control]").first.click()
    assert answer.value.status == 403
    assert scene.changes(before) == {}


def test_rita_answers_a_question(scene: Scene, browser: Browser) -> None:
    run = scene.questions[1]
    path = f"/dags/flights_approve/dagRuns/{run}/taskInstances/decide/-1/hitlDetails"
    page = browser.page("rita", f"/dags/flights_approve/runs/{run}/tasks/decide/required_actions")
    with page.expect_response(lambda got: got.request.method == "PATCH" and "hitlDetails" in got.url) as answer:
        page.get_by_role("button", name="Reject").click()
    assert answer.value.status == 200
    given: dict[str, Any] = wait("the answer", lambda: _answered(scene, path), 180)
    assert given["responded_by_user"]["name"] == "rita"


def _answered(scene: Scene, path: str) -> dict[str, Any] | None:
    found = scene.admin.get(path)
    return dict(found) if found["response_received"] else None


def test_everyone_sees_the_pages_of_our_plugin_in_the_navigation(by_token: Ask) -> None:
    assert by_token("vic", ("GET", "/api/v2/plugins", None))[0] == 200


def test_no_dag_is_broken(scene: Scene) -> None:
    wait("that all files can be parsed", lambda: not scene.admin.get("/importErrors")["import_errors"], 300)


def test_a_retrain_without_a_reason_is_refused(by_token: Ask) -> None:
    status, _ = by_token("sam", ("POST", "/api/v2/dags/flights_retrain/dagRuns", {"logical_date": None, "conf": {}}))
    assert status == 400


def test_a_right_on_a_locked_dag_that_was_given_by_hand_goes_with_the_next_parse(scene: Scene, by_token: Ask) -> None:
    right = {"action": {"name": "can_edit"}, "resource": {"name": "DAG:flights_train"}}
    assert scene.fab("PATCH", "/roles/Viewer", {"name": "Viewer", "actions": [right]}) == 200
    token = scene.values("flights_train")["file_token"]
    assert by_token("admin", ("PUT", f"/api/v2/parseDagFile/{token}", None))[0] < 300
    wait("the right to be gone", lambda: right not in _viewer(by_token), 300)


def _viewer(by_token: Ask) -> list[Any]:
    import json

    rights: list[Any] = json.loads(by_token("admin", ("GET", "/auth/fab/v1/roles/Viewer", None))[1])["actions"]
    return rights


def test_a_wrong_password_is_refused(by_token: Ask) -> None:
    assert by_token(None, ("POST", "/auth/token", {"username": "rita", "password": "wrong"}))[0] == 401
