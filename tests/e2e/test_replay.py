"""A data engineer's way: from what Great Expectations found, over the form, to the same month once more.

After the releases in this folder: what is published anew is trained on anew.
"""

from __future__ import annotations

from typing import Any

import pytest

from local.airflow_api import ended, wait
from tests.browser import Browser, pictured
from tests.e2e.journey import MODEL, Journey
from tests.e2e.test_browsing import HOME, at, ours

pytestmark = pytest.mark.timeout(1500)


def test_dana_reads_what_great_expectations_found_and_runs_the_month_again(journey: Journey, browser: Browser) -> None:
    dana = journey.stack.airflow("dana")
    held = next(d["is_paused"] for d in dana.get("/dags")["dags"] if d["dag_id"] == f"{MODEL}_ingest")
    before = len(dana.runs(f"{MODEL}_ingest"))
    page = browser.page("dana", at(f"{HOME}/data?window=2013-02"))
    ours(page).frame_locator("iframe[title*='2013-02']").last.get_by_role("heading").first.wait_for()
    pictured(page, "data")
    ours(page).get_by_role("link", name="Run 2013-02 again").click()
    page.get_by_test_id("trigger-dag-button").click()
    page.locator("#element_month_from").click()
    page.get_by_role("option", name="2013-02", exact=True).click()
    page.get_by_role("button", name="Trigger", exact=True).last.click()
    run = wait("the run", lambda: _asked(dana.runs(f"{MODEL}_ingest")[before:]), 180)
    # Whoever triggers a DAG from its page wakes it, unless they say no: then a later month may be on its way before.
    try:
        run = wait("its end", lambda: ended(dana.run(run)) and dana.run(run), 900)
    finally:
        dana.pause(f"{MODEL}_ingest", paused=held)
    assert run["state"] == "success"
    assert dana.result(run, "publish")["window"] == {"start": "2013-02-01", "end": "2013-03-01"}
    page.context.close()


def _asked(runs: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((run for run in runs if run["run_type"] == "manual"), None)
