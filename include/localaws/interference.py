"""The wrapper round the whole server that acts out the faults of single calls, and the address that arms them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from localaws.calls import operation_of
from localaws.faults import Fault, FaultInvalid, Faults

ADDRESS = "/_localaws/faults"
THROTTLED_S3 = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Interference:
    """Throttles a call, or drops its reply, when a fault says so; else hands it on untouched.

    Args:
        app: The server, an ASGI application.
        faults: Where faults are armed and spent.
    """

    def __init__(self, app: App, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == ADDRESS:
            await self._answer(scope, receive, send)
        elif self._faults.armed() and (operation := _operation(scope)):
            await self._interfere(operation, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        method = scope["method"]
        body = await _read(receive)
        try:
            if method == "PUT":
                self._faults.add(Fault.of(_mapping(body)))
            elif method == "DELETE":
                self._faults.clear()
            elif method != "GET":
                await _reply(send, 405, {"message": f"`{method}` on {ADDRESS}. Allowed: PUT, GET, DELETE."})
                return
        except FaultInvalid as error:
            await _reply(send, 400, {"message": str(error)})
            return
        await _reply(send, 200, {"faults": self._faults.listed()})

    async def _interfere(self, operation: str, scope: Message, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        query = scope.get("query_string", b"").decode("latin-1")
        text = f"{scope['path']}?{query}\n{body.decode('utf-8', 'replace')}"
        if self._faults.take("throttle", operation, text):
            await _throttle(operation, send)
            return
        if not self._faults.expects("drop_reply", operation, text):
            await self._app(scope, _replayed(body, receive), send)
            return
        reply: list[Message] = []

        async def keep(message: Message) -> None:
            # Copied, since a server may reuse the dictionary.
            reply.append(dict(message))

        await self._app(scope, _replayed(body, receive), keep)
        # Only a call that took effect can lose its reply: a refused one is told so, and the fault stays armed.
        if reply[0]["status"] < 300 and self._faults.take("drop_reply", operation, text):
            await _hang_up(receive, send)
            return
        for message in reply:
            await send(message)


def _operation(scope: Message) -> str | None:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return operation_of(scope["method"], scope["path"], scope.get("query_string", b"").decode("latin-1"), headers)


def _mapping(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
    except ValueError as error:
        raise FaultInvalid(f"The body is not JSON: {error}. Send one fault as a JSON object.") from error
    if not isinstance(asked, dict):
        raise FaultInvalid(f"The body is a JSON {type(asked).__name__}. Send one fault as a JSON object.")
    return asked


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once more, then what the client really does next."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


async def _throttle(operation: str, send: Send) -> None:
    if operation.startswith("s3:"):
        await _send(send, 503, THROTTLED_S3, "application/xml")
        return
    error = {"__type": "ThrottlingException", "message": "Rate exceeded"}
    await _send(send, 400, json.dumps(error).encode(), "application/x-amz-json-1.1", "ThrottlingException")


async def _reply(send: Send, status: int, answer: dict[str, Any]) -> None:
    await _send(send, status, json.dumps(answer).encode(), "application/json")


async def _send(send: Send, status: int, body: bytes, content_type: str, error: str | None = None) -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    if error:
        headers.append((b"x-amzn-errortype", error.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _hang_up(receive: Receive, send: Send) -> None:
    """Closes the connection without a byte of answer.

    ASGI has no word for that (an unanswered request becomes a 500), so uvicorn's transport is reached through the
    bound `send`; the wait lets uvicorn see the loss before this call returns.
    """
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined]
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        continue
