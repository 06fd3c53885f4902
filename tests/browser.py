"""Airflow as a person sees it: a real Chromium, signed in through Airflow's own form.

Playwright drives the machine's own browser and downloads none. `browser` is one browser for the whole run of the tests;
each page has cookies of its own, and tells what it complained about and whom it asked outside of the stack.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from local.keys import passwords
from tests.stack import RUNS, Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser as Chromium
    from playwright.sync_api import BrowserContext, BrowserType, Page, StorageState

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OPEN: list[BrowserContext] = []
"""Of the test that runs now."""
PICTURES = RUNS / "pictures"
PATIENCE_MS = 60_000  # two cores carry Airflow, the browser and the other tests


@dataclass
class Seen:
    """What a page did beside showing itself.

    Attributes:
        errors: Errors on its console and exceptions that nobody caught, in order.
        outside: Addresses beyond the stack that it asked for.
    """

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


class Browser:
    """Pages of signed-in people.

    Args:
        chromium: The running browser.
        stack: Where its pages lead.
    """

    def __init__(self, chromium: Chromium, stack: Stack) -> None:
        self._chromium = chromium
        self._stack = stack
        self._signed_in: dict[str, StorageState] = {}
        self._seen: dict[Page, Seen] = {}

    @property
    def url(self) -> str:
        """Address of Airflow's UI."""
        return self._stack.where.web_url

    def page(self, person: str | None, path: str = "/", *, dark: bool = False, kept: bool = False) -> Page:
        """A new page, in a profile of its own, closed when the test has ended: Airflow's pages ask and ask while open.

        Args:
            person: Who signs in; None for somebody who has not.
            path: What it shows.
            dark: Whether the person's system is set to dark.
            kept: For pages that the next test goes on with.
        """
        context = self._context(self._cookies(person), dark)
        if not kept:
            OPEN.append(context)
        page = context.new_page()
        seen = self._seen[page] = Seen()
        page.on("console", lambda said: seen.errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("request", lambda request: self._note(seen, request.url))
        page.goto(self.url + path)
        return page

    def seen(self, page: Page) -> Seen:
        """What a page complained about and whom it asked, until now."""
        return self._seen[page]

    def _note(self, seen: Seen, url: str) -> None:
        if not url.startswith((f"{self.url}/", "data:", "blob:")):
            seen.outside.append(url)

    def _context(self, cookies: StorageState | None, dark: bool) -> BrowserContext:
        context = self._chromium.new_context(
            color_scheme="dark" if dark else "light",
            viewport={"width": 1440, "height": 900},
            storage_state=cookies,
        )
        context.set_default_timeout(PATIENCE_MS)
        return context

    def _cookies(self, person: str | None) -> StorageState | None:
        """Through the form once for each person: FAB takes five forms in 40 s and no more."""
        if person is None:
            return None
        if person not in self._signed_in:
            context = self._context(None, dark=False)
            page = context.new_page()
            page.goto(self.url)
            page.fill("#username", person)
            page.fill("#password", passwords(self._stack.where.home)[person])
            page.click("input[type=submit]")
            page.get_by_role("button", name="User", exact=True).wait_for()
            self._signed_in[person] = context.storage_state()
            context.close()
        return self._signed_in[person]


def pictured(page: Page, name: str) -> None:
    """Keep what a page shows now, for people and for the documents: `.windtunnel/tests/pictures/<name>.png`."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")


def executable() -> str | None:
    """The browser of this machine."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> Iterator[Chromium]:
    """One Chromium for all tests that ask for it; without one they are skipped, and fail where `CI` is `true`."""
    path = executable()
    if path is None:
        missing = f"No browser: none of {', '.join(NAMES)} is on the PATH. `apt-get install chromium` brings it."
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, _launched(playwright.chromium, path) as launched:
        loop = asyncio.get_running_loop()
        request.config.pluginmanager.register(_Hidden(loop))
        yield launched
        asyncio._set_running_loop(loop)
        OPEN.clear()  # they end with the browser


@pytest.fixture(scope="session")
def browser(chromium: Chromium, stack: Stack) -> Browser:
    """Pages of the running stack."""
    return Browser(chromium, stack)


def _launched(chromium: BrowserType, path: str) -> Chromium:
    return chromium.launch(executable_path=path, args=list(ARGUMENTS), timeout=PATIENCE_MS)


class _Hidden:
    """Playwright leaves its loop marked as running in this thread, and `asyncio.run` of any other test would refuse."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self) -> None:
        while OPEN:
            OPEN.pop().close()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Function) -> None:
        asyncio._set_running_loop(self._loop if "chromium" in item.fixturenames else None)
