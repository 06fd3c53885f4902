"""Each person's way through the pages, in a browser: from the models to what they came for.

Right after the journey, before other tests of this folder leave failed runs behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import FrameLocator, Page

from tests.browser import Browser, pictured
from tests.e2e.journey import MODEL, Journey

pytestmark = [pytest.mark.timeout(1500), pytest.mark.usefixtures("journey")]
HOME = f"/windtunnel/models/{MODEL}"


def ours(page: Page) -> FrameLocator:
    """The part of Airflow's window that is ours."""
    return page.frame_locator("iframe[title=Models]")


def at(path: str) -> str:
    """Where a page of ours is inside Airflow's window."""
    return f"/plugin/models?view={quote(path, safe='')}"


@pytest.fixture
def vic(browser: Browser) -> Iterator[Page]:
    """The page of all models, as the viewer sees it; whatever it shows, it asks nobody outside and complains of nothing."""
    page = browser.page("vic", "/plugin/models")
    yield page
    assert browser.seen(page).outside == []
    assert browser.seen(page).errors == []
    page.context.close()


def test_vic_sees_at_a_glance_that_nothing_is_wrong_and_why(vic: Page) -> None:
    row = ours(vic).locator("tbody tr").first
    row.get_by_role("link", name=MODEL, exact=True).wait_for()
    text = row.inner_text()
    for said in ("V1.1.0", "ignore", "Nothing to do for V1.1.0", "until 2013-06-01"):
        assert said in text
    assert "failed" not in text
    assert ours(vic).get_by_text("Nothing is wrong.").is_visible()
    pictured(vic, "models")


def test_vic_reads_the_drift_report_inside_airflow(vic: Page, browser: Browser) -> None:
    ours(vic).locator("tbody tr").first.get_by_role("link", name=MODEL, exact=True).click()
    ours(vic).get_by_role("heading", name="What was live when").wait_for()
    pictured(vic, "model")
    ours(vic).get_by_role("link", name="Drift and quality", exact=True).click()
    report = ours(vic).frame_locator("iframe[title^='Drift report of 2013-05-01']")
    report.get_by_text("Nothing to do for V1.1.0").first.wait_for()
    pictured(vic, "drift")
    page = browser.page("vic", at(f"{HOME}/dossiers/V1.1.0"), dark=True)
    ours(page).get_by_text("These are the bytes that were recorded").wait_for()
    ours(page).frame_locator("iframe[title='Dossier of V1.1.0']").get_by_role("heading").first.wait_for()
    assert browser.seen(page).errors == []
    pictured(page, "dossier-dark")
    page.context.close()


def test_vic_follows_one_answer_back_to_the_rows_that_taught_it(vic: Page) -> None:
    ours(vic).locator("tbody tr").first.get_by_role("link", name=MODEL, exact=True).click()
    ours(vic).get_by_role("link", name="One prediction").click()
    ours(vic).get_by_label("Id of the prediction").fill("2013-05-01-EWR-US1219")
    ours(vic).get_by_role("button", name="Look it up").click()
    chain = ours(vic).locator("ol.chain")
    chain.wait_for()
    for said in ("answered -7.57", "The truth was 1", "V1.1.0", "Approved by rita", "2013-01", "2013-03"):
        assert said in chain.inner_text(), said
    assert "2013-04:" not in chain.inner_text(), "April judged it and did not teach it"
    pictured(vic, "lineage")


def test_a_run_has_a_tab_with_the_dossier_it_made(journey: Journey, browser: Browser) -> None:
    admin = journey.stack.airflow()
    (shadowing, *_) = admin.runs(f"{MODEL}_shadow")
    page = browser.page("vic", f"/dags/{MODEL}_shadow/runs/{shadowing['dag_run_id']}")
    page.get_by_role("link", name="Dossier").click()
    tab = page.frame_locator("iframe[title=Dossier]")
    tab.get_by_text("These are the bytes that were recorded").wait_for()
    pictured(page, "dossier-tab")
    page.goto(f"{browser.url}/dags/{MODEL}_ingest")
    page.get_by_role("link", name="Model", exact=True).click()
    page.frame_locator("iframe[title=Model]").get_by_role("heading", name="Ingestions").wait_for()
    page.context.close()


def answered(browser: Browser, run_id: str, version: str, note: str) -> None:
    """Rita finds the question on the page of all models, looks at the dossier beside it, and says yes."""
    page = browser.page("rita", "/plugin/models")
    ours(page).get_by_text("1 question waits for you.").wait_for()
    pictured(page, "waiting")
    ours(page).get_by_role("link", name=f"FORCED. Release {version} of {MODEL}?").click()
    page.wait_for_url(f"**/runs/{quote(run_id, safe='')}/tasks/decide/required_actions")
    page.locator("#element_note").fill(note)
    pictured(page, "question")
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Approve", exact=False).first.wait_for()
    page.context.close()
