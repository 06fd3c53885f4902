"""Protocol: uvicorn's HTTP, which answers small predictions as soon as their last byte is here, without ASGI between.

A request that ASGI carries costs a scope, a task, an event and two messages: as much as reading the row and asking the
model. Everything else goes the usual way: other paths, long bodies, tables, chunks, `Expect`, whoever pipelines.

A connection also has to get on: whoever connects and says nothing, or sends a request's bytes slowly, is sent away.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from windtunnel.serving.application import ANSWERS, BODY_SECONDS, EXPLAIN, INLINE_BODY, Application, Given, Reply
from windtunnel.serving.parse import TABLES

_PATHS = {path.encode(): path for path in ANSWERS if path != EXPLAIN}


class _Asked(NamedTuple):
    """A small request whose body is on its way."""

    path: str
    given: Given
    keep: bool
    "The connection is kept for another request."


class Protocol(HttpToolsProtocol):
    """One connection; its application is an `Application`."""

    app: Application

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._asked: _Asked | None = None
        self._body = b""
        self._patience: asyncio.TimerHandle | None = None
        self._arriving = False
        self._written: tuple[Any, bytes] = (None, b"")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Whoever connects has as long for a first word as between two."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._arrived()
        self._asked = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of one request, or of several."""
        super().data_received(data)
        if self._arriving and self._patience is None:
            self._patience = self.loop.call_later(BODY_SECONDS, self._too_slow)

    def on_message_begin(self) -> None:
        """A request's first byte."""
        self._arriving = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Take a small request for predictions oneself, or leave it to ASGI, which has a patience of its own."""
        path = _PATHS.get(self.url)
        if (
            path is not None
            and self.parser.get_method() == b"POST"
            and (self.cycle is None or self.cycle.response_complete)
        ):
            given = Given.of(self.headers)
            length = given.length
            if length is not None and length < INLINE_BODY and given.plain and given.content_type not in TABLES:
                keep = self.parser.get_http_version() == "1.1" and self.parser.should_keep_alive()
                self._asked = _Asked(path, given, keep)
                return
        self._arrived()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self._asked is None:
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        """A request's last byte: answer it."""
        asked = self._asked
        self._arrived()
        if asked is None:
            super().on_message_complete()
            return
        body, self._asked, self._body = self._body, None, b""
        if not self.transport.is_closing():
            self._answer(self.app.answered(asked.path, body, asked.given), keep=asked.keep)

    def shutdown(self) -> None:
        """A request whose body is on its way is still answered."""
        if self._asked is None:
            super().shutdown()
        else:
            self._asked = self._asked._replace(keep=False)

    def pause_writing(self) -> None:
        """Whoever does not read his answers is not read."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """He reads again."""
        super().resume_writing()
        if not self.pipeline:
            self.flow.resume_reading()

    def _answer(self, reply: Reply, *, keep: bool) -> None:
        keep = keep and not reply.closes
        content = b"".join(
            (
                STATUS_LINE[reply.status],
                self._defaults(),
                b"content-type: ",
                reply.kind.encode(),
                b"\r\ncontent-length: %d\r\n" % len(reply.body),
                b"\r\n" if keep else b"connection: close\r\n\r\n",
                reply.body,
            )
        )
        self.transport.write(content)
        self.server_state.total_requests += 1
        if keep:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        else:
            self.transport.close()

    def _defaults(self) -> bytes:
        """The headers of every answer, such as the date; uvicorn makes a new list of them each second."""
        headers = self.server_state.default_headers
        if self._written[0] is not headers:
            self._written = (headers, b"".join(b"%b: %b\r\n" % header for header in headers))
        return self._written[1]

    def _too_slow(self) -> None:
        """The request did not arrive in time."""
        self._patience = None
        if self.cycle is not None and not self.cycle.response_complete:  # the request before it is answered first
            self._patience = self.loop.call_later(BODY_SECONDS, self._too_slow)
        elif not self.transport.is_closing():
            self._answer(self.app.late(), keep=False)

    def _arrived(self) -> None:
        """Nothing more is waited for."""
        self._arriving = False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
