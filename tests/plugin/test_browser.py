"""The pages inside Airflow's own window: navigation, addresses, light and dark, keyboard, and what axe says of each."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FrameLocator, Page

from tests.browser import Browser
from tests.plugin import planted
from tests.plugin.conftest import Pages

AXE = Axe()
VIEWS = {
    "models": "/models",
    "model": "/models/seen",
    "version": "/models/seen/versions/V1.1.1",
    "compare": "/models/seen/compare?left=V1.1.0&right=V1.1.2",
    "lineage": "/models/seen/lineage?id=none",
    "dossier": "/models/seen/dossiers/V1.1.1",
    "drift": "/models/seen/drift",
    "data": "/models/seen/data?window=2026-02",
    "fault": "/models/nothing",
}


@pytest.fixture(scope="module")
def seen(pages: Pages) -> Pages:
    """The model `seen`: something of everything that a page can show."""
    body = b"<!doctype html><html lang=en><title>Report</title><main><h1>Report</h1><p>All is well.</main>"
    reports = {
        kind: planted.report(kind, pages.put_object(f"reports/seen/{kind}.html", body), f"{kind} of one")
        for kind in ("drift", "landed", "audited", "requests")
    }
    rejected = pages.put_object("feed/seen/rejected/1.csv", b"_row,_reasons,carrier\n7,carrier is unknown,??\n")
    windows = [planted.window(at, report=reports["drift"].id, checks=reports["requests"].id) for at in range(3)]
    windows[1] = windows[1].model_copy(update={"worse": True, "says": "damage", "drifted": ("distance",), "drift": 1.8})
    batches = [
        planted.batch(1, quarantined=1, reasons=(planted.reason("carrier is unknown", 1),), rejected=rejected),
        planted.batch(0, reports=(reports["landed"].id, reports["audited"].id)),
        planted.batch(2, published=False, tag=None, rows=None, unmet=("`dep_delay` is between -90 and 1500",)),
    ]
    versions = [
        planted.version(at, forced_by="sam" if at == 2 else None, state=state)
        for at, state in enumerate(("retired", "live", "stopped"))
    ]
    pages.put(
        planted.document(
            "seen",
            windows=tuple(windows),
            batches=tuple(batches),
            versions=tuple(reversed(versions)),
            reports=tuple(reports.values()),
            verdict=planted.verdict("retrain", "Retrain V1.1.1: two of five windows were worse than promised."),
            refused="2026-03",
            data_due="2026-05-01",
        )
    )
    return pages


@pytest.fixture
def inside(onlooker: Browser, seen: Pages) -> Iterator[Page]:  # noqa: ARG001 - what is looked at
    """The page of all models in Airflow's window, as vic sees it."""
    page = onlooker.page("vic", "/plugin/models")
    yield page
    page.context.close()


def frame(page: Page) -> FrameLocator:
    """The part of the window that is ours."""
    return page.frame_locator("iframe[title=Models]")


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_on_any_page(onlooker: Browser, dark: bool) -> None:
    page = onlooker.page("vic", "/windtunnel/models", dark=dark)
    for name, path in VIEWS.items():
        page.goto(f"{onlooker.url}/windtunnel{path}")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.classList.contains('dark')") == dark
        found = AXE.run(page, options={"resultTypes": ["violations", "passes"]})
        assert found.response["passes"], "axe looked at nothing"
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    page.context.close()


def test_everybody_finds_the_models_in_airflows_navigation(onlooker: Browser, inside: Page) -> None:
    inside.goto(f"{onlooker.url}/")
    inside.get_by_role("link", name="Models").click()
    frame(inside).get_by_role("heading", name="Models").wait_for()
    assert onlooker.seen(inside).errors == []
    assert onlooker.seen(inside).outside == []


def test_the_windows_address_follows_the_page_and_leads_back_to_it(inside: Page) -> None:
    frame(inside).get_by_role("link", name="seen", exact=True).click()
    frame(inside).get_by_role("link", name="Data", exact=True).click()
    frame(inside).get_by_role("heading", name="Ingestions").wait_for()
    assert parse_qs(urlsplit(inside.url).query) == {"view": ["/windtunnel/models/seen/data"]}
    assert urlsplit(inside.url).path == "/plugin/models"
    inside.reload()
    frame(inside).get_by_role("heading", name="Ingestions").wait_for()


def test_a_link_to_airflow_leaves_the_frame(inside: Page) -> None:
    frame(inside).get_by_role("link", name="Nothing has happened yet: ingest its first month.").first.click()
    inside.wait_for_url("**/dags/*_ingest")


def test_rejected_rows_are_downloaded_out_of_the_frame(onlooker: Browser, seen: Pages) -> None:  # noqa: ARG001
    view = quote("/windtunnel/models/seen/data?window=2026-02", safe="")
    page = onlooker.page("vic", f"/plugin/models?view={view}")
    with page.expect_download() as download:
        frame(page).get_by_role("link", name="Download them as CSV").click()
    assert download.value.suggested_filename == "seen-2026-02-rejected.csv"
    assert download.value.path().read_text().splitlines()[1] == "7,carrier is unknown,??"
    page.context.close()


def test_the_choice_of_light_or_dark_in_airflow_is_followed_at_once(inside: Page) -> None:
    frame(inside).get_by_role("heading", name="Models").wait_for()
    ours = next(one for one in inside.frames if "/windtunnel/models" in one.url)
    for theme, dark in (("dark", True), ("light", False)):
        inside.evaluate("theme => localStorage.setItem('theme', theme)", theme)
        ours.wait_for_function("dark => document.documentElement.classList.contains('dark') === dark", arg=dark)


def test_a_page_can_be_walked_with_the_keyboard_alone(onlooker: Browser, seen: Pages) -> None:  # noqa: ARG001
    page = onlooker.page("vic", "/windtunnel/models/seen/drift")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        at = page.evaluate(
            "(() => { const e = document.activeElement, s = getComputedStyle(e);"
            " return [e.tagName, e.name || e.textContent.trim().slice(0, 30), s.outlineStyle !== 'none' || e.tagName === 'IFRAME'] })()"
        )
        reached.append(at)
    unseen = [at for at in reached if not at[2] and at[0] not in ("BODY", "HTML")]
    assert not unseen, "reached with the keyboard, and nobody sees that"
    names = [(tag, name) for tag, name, _ in reached]
    assert ("SELECT", "window") in names
    assert ("SELECT", "beside") in names
    assert ("BUTTON", "Show") in names
    page.context.close()


def test_two_windows_stand_side_by_side(onlooker: Browser, seen: Pages) -> None:  # noqa: ARG001
    page = onlooker.page("vic", "/windtunnel/models/seen/drift")
    page.select_option("select[name=beside]", index=2)
    page.get_by_role("button", name="Show").click()
    page.locator("iframe[title^='Drift report of']").nth(1).wait_for()
    first, second = (box.bounding_box() for box in page.locator("iframe[title^='Drift report of']").all())
    assert first
    assert second
    assert first["y"] == second["y"]
    assert first["x"] + first["width"] <= second["x"]
    page.context.close()


def test_the_tab_of_a_dag_shows_what_it_makes(onlooker: Browser, seen: Pages) -> None:  # noqa: ARG001
    page = onlooker.page("vic", "/windtunnel/dags/seen_ingest")
    assert urlsplit(page.url).path == "/windtunnel/models/seen/data"
    page.goto(f"{onlooker.url}/windtunnel/dags/seen_monitor")
    assert urlsplit(page.url).path == "/windtunnel/models/seen/drift"
    page.goto(f"{onlooker.url}/windtunnel/dags/seen_rollout")
    assert urlsplit(page.url).path == "/windtunnel/models/seen"
    page.context.close()
