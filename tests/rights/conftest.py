"""One scene for all tests of rights, and the two ways to it: with a Bearer token, and from a signed-in browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.place import ROOT
from tests.browser import Browser
from tests.rights.scene import Scene, parsed, signed_in
from tests.rights.table import PEOPLE
from tests.stack import Stack

Answer = tuple[int, str]
Call = tuple[str, str, Any]
"Method, path and body."
Ask = Callable[[str | None, Call], Answer]

FETCH = """async ([method, path, body]) => {
  const json = body === null ? {} : {headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)};
  const answer = await fetch(path, {method, ...json});
  return [answer.status, await answer.text()];
}"""


@pytest.fixture(scope="session")
def scene(stack: Stack) -> Iterator[Scene]:
    """Runs, questions and values to call on."""
    yield from parsed(stack, {file.stem for file in (ROOT / "dags").glob("*.py")})


@pytest.fixture(scope="session")
def by_token(stack: Stack) -> Iterator[Ask]:
    """Ask with a Bearer token."""
    clients = {person: signed_in(stack, person) for person in PEOPLE}

    def ask(person: str | None, call: Call) -> Answer:
        method, path, body = call
        answer = clients[person].request(method, path, json=body)
        return answer.status_code, answer.text

    yield ask
    for client in clients.values():
        client.close()


@pytest.fixture(scope="session")
def by_browser(browser: Browser) -> Ask:
    """Ask from a page, as the buttons of the UI do: its cookie says who asks."""
    pages = {person: browser.page(person, "/api/v2/version", kept=True) for person in PEOPLE}

    def ask(person: str | None, call: Call) -> Answer:
        status, text = pages[person].evaluate(FETCH, list(call))
        return status, text

    return ask
