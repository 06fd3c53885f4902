"""What lies between an outbox and its channels: a server on a port of its own that passes on, refuses, loses or hangs."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, get_args
from urllib.parse import parse_qs

from local.ports import unused

Behaviour = Literal["take", "refuse", "busy", "broken", "lose", "drop", "gateway", "lost at gateway", "slow", "dead"]
BEHAVIOURS: tuple[Behaviour, ...] = get_args(Behaviour)
KNOWN: frozenset[Behaviour] = frozenset({"take", "refuse", "busy", "broken", "dead"})
"""Those after which the sender knows whether the message arrived."""
_ARRIVES = {"take", "drop", "gateway", "slow"}
_STATUS = {"refuse": 404, "busy": 429, "broken": 500, "gateway": 502, "lost at gateway": 504}
SLOW_SECONDS = 1.0


class Wire:
    """One channel's server.

    Args:
        take: What arrives goes here: body and headers in, status and answer out.
        notice: Which requests carry a message; the others are always passed on.
        excuse: What it answers when it takes nothing.
    """

    def __init__(
        self,
        take: Callable[[bytes, Any], tuple[int, bytes]],
        notice: Callable[[bytes], bool] = lambda _: True,
        excuse: bytes = b"no",
    ) -> None:
        self.take = take
        self.notice = notice
        self.excuse = excuse
        self.port = unused(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.next: deque[Behaviour] = deque()
        "What becomes of the next messages; after them all are taken."
        self.done: list[Behaviour] = []
        self._server: ThreadingHTTPServer | None = None

    def up(self) -> None:
        """Listen."""
        if self._server is None:
            self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
            self._server.daemon_threads = True
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        """Listen no more: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        wire = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                how: Behaviour = (wire.next.popleft() if wire.next else "take") if wire.notice(body) else "take"
                if wire.notice(body):
                    wire.done.append(how)
                status, answer = wire.take(body, self.headers) if how in _ARRIVES else (0, wire.excuse)
                if how in {"drop", "lose"}:
                    self.close_connection = True
                    return
                if how == "slow":
                    threading.Event().wait(SLOW_SECONDS)
                self.send_response(_STATUS.get(how, status))
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """The test says what matters."""

        return Handler


@contextmanager
def slack() -> Iterator[tuple[Wire, list[str]]]:
    """A channel like Slack's, and the texts it shows."""
    shown: list[str] = []

    def take(body: bytes, _: Any) -> tuple[int, bytes]:
        shown.append(json.loads(body)["text"])
        return 200, b"ok"

    wire = Wire(take)
    wire.up()
    yield wire, shown
    wire.down()


@contextmanager
def sns(behind: str, noticed: bytes = b"Action=Publish") -> Iterator[tuple[Wire, list[str]]]:
    """The SNS of an embedded AWS, and the messages it was given."""
    given: list[str] = []

    def take(body: bytes, headers: Any) -> tuple[int, bytes]:
        kept = {name: value for name, value in headers.items() if name.lower() not in {"host", "content-length"}}
        request = urllib.request.Request(behind, body, kept, method="POST")  # noqa: S310 - our own address
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
                said = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        if b"Action=Publish" in body:
            given.append(json.loads(parse_qs(body.decode())["Message"][0])["default"])
        return said

    excuse = b"<ErrorResponse><Error><Code>Excuse</Code><Message>Not now.</Message></Error></ErrorResponse>"
    wire = Wire(take, lambda body: noticed in body, excuse)
    wire.up()
    yield wire, given
    wire.down()
