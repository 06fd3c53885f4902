"""Application: the ASGI side of the model server. Predictions and /ping are answered by hand, the rest by FastAPI.

FastAPI is imported with the first request that needs it: an endpoint that only predicts starts in a third of the time.
"""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Self, cast

import orjson

from windtunnel.serving.answer import answer, answer_one
from windtunnel.serving.explain import explain
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

EXPLAIN = "/explain"

ANSWERS = {"/invocations": answer, "/batch": answer, "/stream": answer_one, EXPLAIN: explain}
"""What answers a POST to each path."""

MOST_EXPLAINED = 16
"""Explanations that are under way or wait for their turn. They have one thread of their own: predictions go first."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Given(NamedTuple):
    """What a request's headers say.

    Attributes:
        content_type: Content-Type.
        accept: Accept, None where it has none.
        length: Content-Length in bytes, None where it has none.
        encoding: Content-Encoding, where it is another than identity.
        plain: The body comes as it is and at once, neither encoded nor in chunks nor after a `100 Continue`, and nothing
            but predictions is asked for.
        explain: An explanation is asked for, where SageMaker passes on no path but /invocations.
    """

    content_type: str = ""
    accept: str | None = None
    length: int | None = None
    encoding: str | None = None
    plain: bool = True
    explain: bool = False

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> Self:
        """From headers, their names in lower case."""
        content_type, accept, length, encoding, plain, explained = "", None, None, None, True, False
        for name, value in headers:
            if name == b"content-type":
                content_type = value.decode("latin-1")
            elif name == b"accept":
                accept = value.decode("latin-1")
            elif name == b"content-length":
                length = int(value)  # the HTTP parser has let only digits through
            elif name == b"content-encoding" and value.lower() != b"identity":
                encoding, plain = value.decode("latin-1"), False
            elif name == _ATTRIBUTES and value.strip().lower() == b"explain":
                explained, plain = True, False
            elif name in _HELD_BACK:
                plain = False
        return cls(content_type, accept, length, encoding, plain, explained)


_ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
_HELD_BACK = (b"expect", b"transfer-encoding", b"upgrade")


class Reply(NamedTuple):
    """What is sent back."""

    status: int
    body: bytes
    kind: str = "application/json"
    rows: int = 0
    closes: bool = False
    "The connection ends with it."


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
        self._explaining = ThreadPoolExecutor(1, "explain")
        self._explained = 0

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

    def answered(self, path: str, body: bytes, given: Given) -> Reply:
        """The reply to a POST whose body is here."""
        started = time.perf_counter()
        return self._counted(path, started, self._reply(path, body, given))

    def late(self) -> Reply:
        """The reply to a request that did not arrive in time."""
        return _refused(_late())._replace(closes=True)

    async def _predictions(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, started = scope["path"], time.perf_counter()
        try:
            given = _asked(scope)
            body = await _body(receive, given.length or 0)
            if body is None:  # the client has gone
                return
            if path == EXPLAIN or given.explain:
                reply = await self._explain(body, given)
            elif len(body) >= INLINE_BODY or given.content_type in TABLES:
                reply = await asyncio.get_running_loop().run_in_executor(None, self._reply, path, body, given)
            else:
                reply = self._reply(path, body, given)
        except Refusal as refusal:
            reply = _refused(refusal)
        reply = self._counted(path, started, reply)
        headers = [(b"content-type", reply.kind.encode())]
        if reply.status == 405:
            headers.append((b"allow", b"POST"))
        if reply.closes:
            headers.append((b"connection", b"close"))
        await _send(send, reply.status, reply.body, headers)

    async def _explain(self, body: bytes, given: Given) -> Reply:
        if self._explained >= MOST_EXPLAINED:
            allowed = f"{MOST_EXPLAINED} at a time"
            return _refused(Refusal(429, f"Too many ask for explanations; allowed are {allowed}. Ask again later."))
        self._explained += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._explaining, self._reply, EXPLAIN, body, given)
        finally:
            self._explained -= 1

    def _reply(self, path: str, body: bytes, given: Given) -> Reply:
        try:
            return Reply(200, *ANSWERS[path](self._model, body, given.content_type, given.accept, self._note))
        except Refusal as refusal:
            return _refused(refusal)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer and the log the reason
            traceback.print_exc(file=sys.stderr)
            return _refused(Refusal(500, f"The server failed: {type(error).__name__}. Its log has the reason."))

    def _counted(self, path: str, started: float, reply: Reply) -> Reply:
        self.traffic.note(path, reply.status, reply.rows, time.perf_counter() - started)
        return reply._replace(closes=True) if self.traffic.draining else reply


async def _send(send: Send, status: int, content: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers.append((b"content-length", b"%d" % len(content)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _pages(model: Model, traffic: Traffic) -> Any:
    from windtunnel.serving.pages import pages

    return pages(model, traffic)


def _asked(scope: Scope) -> Given:
    if scope["method"] != "POST":
        asked = f"{scope['method']} {scope['path']}"
        raise Refusal(405, f"`{asked}` is not answered. Allowed: POST. GET /docs tells more.", asked, "POST")
    given = Given.of(scope["headers"])
    if (found := given.encoding) is not None:
        raise Refusal(415, f"Content-Encoding `{found}` is not read. Send the body as it is.", found, "identity")
    return given


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
        raise _late() from None
    finally:
        patience.cancel()


def _late() -> Refusal:
    allowed = f"{BODY_SECONDS} seconds"
    return Refusal(408, f"The request did not arrive in {allowed}. Send it again.", allowed=allowed)


def _refused(refusal: Refusal) -> Reply:
    return Reply(refusal.status, orjson.dumps(refusal.body()))


def _too_large() -> Refusal:
    allowed = f"{LARGEST_BODY} bytes"
    return Refusal(413, f"The body is larger than {allowed}. Send fewer rows at a time.", allowed=allowed)
