"""Application: the ASGI side of the model server. Predictions and /ping are answered by hand, the rest by FastAPI.

FastAPI is imported with the first request that needs it: an endpoint that only predicts starts in a third of the time.
"""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple, cast

import orjson

from windtunnel.serving.answer import Answer, answer, answer_one
from windtunnel.serving.load import Model
from windtunnel.serving.parse import TABLES
from windtunnel.serving.refusal import Refusal
from windtunnel.serving.table import LEAST_CSV
from windtunnel.serving.traffic import Traffic
from windtunnel.serving.vitals import Vitals

LARGEST_BODY = 6 * 1024 * 1024
"""Bytes; what SageMaker passes on to a real-time endpoint."""

INLINE_BODY = LEAST_CSV
"""Bytes; from it on a request is answered in a thread, so that /ping is never late. Below, a thread costs more.

It is also where Arrow begins to read: neither its import, of 0.1 s, nor its work holds up the others.
"""

BODY_SECONDS = 30
"""For a body to arrive; whoever sends slower holds a connection that others need."""

ANSWERS = {"/invocations": answer, "/batch": answer, "/stream": answer_one}
"""What answers a POST to each path."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _Given(NamedTuple):
    """What a request's headers say."""

    content_type: str = ""
    accept: str | None = None
    length: int = 0


class Application:
    """The server of one model.

    Args:
        model: Answers.
        vitals: Counts the answers, where somebody watches.
    """

    def __init__(self, model: Model, vitals: Vitals | None = None) -> None:
        self._model = model
        self._note = vitals.note if vitals is not None else None
        self.traffic = Traffic()
        self._pages: asyncio.Future[Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's request, as ASGI has it."""
        path = scope["path"]
        if path in ANSWERS:
            await self._predictions(scope, receive, send)
        elif path == "/ping" and scope["method"] == "GET":
            await _send(send, 503 if self.traffic.leaving else 200, b"", [])
        else:
            if self._pages is None:
                self._pages = asyncio.get_running_loop().run_in_executor(None, _pages, self._model, self.traffic)
            pages = await self._pages
            await pages(scope, receive, send)

    async def _predictions(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status, kind, rows = 200, "application/json", 0
        try:
            given = _given(scope)
            body = await _body(receive, given.length)
            if body is None:  # the client has gone
                return
            found = await self._answer(scope["path"], body, given)
            content, kind, rows = found
        except Refusal as refusal:
            status, content = refusal.status, orjson.dumps(refusal.body())
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer and the log the reason
            traceback.print_exc(file=sys.stderr)
            failed = Refusal(500, f"The server failed: {type(error).__name__}. Its log has the reason.")
            status, content = failed.status, orjson.dumps(failed.body())
        headers = [(b"content-type", kind.encode())]
        if status == 405:
            headers.append((b"allow", b"POST"))
        if self.traffic.draining:
            headers.append((b"connection", b"close"))
        await _send(send, status, content, headers)
        self.traffic.note(scope["path"], status, rows, time.perf_counter() - started)

    async def _answer(self, path: str, body: bytes, given: _Given) -> Answer:
        arguments = (self._model, body, given.content_type, given.accept, self._note)
        if len(body) >= INLINE_BODY or given.content_type in TABLES:
            return await asyncio.get_running_loop().run_in_executor(None, ANSWERS[path], *arguments)
        return ANSWERS[path](*arguments)


async def _send(send: Send, status: int, content: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers.append((b"content-length", b"%d" % len(content)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _pages(model: Model, traffic: Traffic) -> Any:
    from windtunnel.serving.pages import pages

    return pages(model, traffic)


def _given(scope: Scope) -> _Given:
    if scope["method"] != "POST":
        asked = f"{scope['method']} {scope['path']}"
        raise Refusal(405, f"`{asked}` is not answered. Allowed: POST. GET /docs tells more.", asked, "POST")
    content_type, accept, length = "", None, 0
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value.decode("latin-1")
        elif name == b"accept":
            accept = value.decode("latin-1")
        elif name == b"content-length":
            length = int(value)  # the HTTP parser has let only digits through
        elif name == b"content-encoding" and value.lower() != b"identity":
            found = value.decode("latin-1")
            raise Refusal(415, f"Content-Encoding `{found}` is not read. Send the body as it is.", found, "identity")
    return _Given(content_type, accept, length)


async def _body(receive: Receive, length: int) -> bytes | None:
    """The body, read no further than allowed; None if the client left before its end."""
    if length > LARGEST_BODY:
        raise _too_large()
    message = await _in_time(receive)
    if not message.get("more_body", False) and message["type"] == "http.request":
        return bytes(message.get("body", b""))
    body = bytearray()
    while message["type"] == "http.request":
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            raise _too_large()
        if not message.get("more_body", False):
            return bytes(body)
        message = await _in_time(receive)
    return None


async def _in_time(receive: Receive) -> MutableMapping[str, Any]:
    """The next part of a body. Not `asyncio.timeout`: it costs a tenth of a small request."""
    loop, task = asyncio.get_running_loop(), cast("asyncio.Task[None]", asyncio.current_task())
    until = loop.time() + BODY_SECONDS
    patience = loop.call_at(until, task.cancel)
    try:
        return await receive()
    except asyncio.CancelledError:
        if loop.time() < until:  # somebody else ends this task
            raise
        task.uncancel()
        allowed = f"{BODY_SECONDS} seconds between two parts"
        raise Refusal(408, f"The body did not arrive; allowed are {allowed}. Send again.", allowed=allowed) from None
    finally:
        patience.cancel()


def _too_large() -> Refusal:
    allowed = f"{LARGEST_BODY} bytes"
    return Refusal(413, f"The body is larger than {allowed}. Send fewer rows at a time.", allowed=allowed)
