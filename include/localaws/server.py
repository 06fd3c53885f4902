"""One ASGI application on one port: SageMaker and what `services/` adds to it is ours, all else is ministack's."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from localaws.calls import SCOPE
from localaws.context import Engine
from localaws.service import Operation, Route, Service
from localaws.wire import JSON, AwsError, HttpReply, HttpRequest, Invalid, NotSupported, check, operation_model, shaped

log = logging.getLogger(__name__)
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]

HEALTH = "/_localaws/health"


class Application:
    """The server. Dispatches on the service name in the signature's credential scope."""

    def __init__(self, engine: Engine, base: Asgi, services: dict[str, Service]) -> None:
        self._engine = engine
        self._base = base
        self._services = services
        self._operations: dict[str, dict[str, Operation]] = {}
        self._routes: list[tuple[re.Pattern[str], Route]] = []
        for service in services.values():
            self._operations.setdefault(service.api, {}).update(service.operations)
            self._routes += [(re.compile(pattern), route) for pattern, route in service.routes.items()]
        # Two pools: calls of a model take as long as the model does, and must not keep Describe waiting.
        self._control = ThreadPoolExecutor(16, "control")
        self._runtime = ThreadPoolExecutor(64, "runtime")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if scope["type"] == "http":
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            if scope["path"] == HEALTH:
                await _reply(send, HttpReply(200, b'{"status": "ready"}', {"content-type": "application/json"}))
                return
            signed = SCOPE.search(headers.get("authorization", ""))
            if signed and signed["service"] in self._operations:
                await self._ours(signed["service"], signed["region"], scope, headers, receive, send)
                return
        await self._base(scope, receive, send)

    async def _ours(
        self, api: str, region: str, scope: Message, headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        request = HttpRequest(
            method=scope["method"],
            path=scope.get("raw_path", scope["path"].encode()).decode("latin-1"),
            query=scope.get("query_string", b"").decode("latin-1"),
            headers=headers,
            body=await _body(receive),
        )
        pool = self._control if "x-amz-target" in headers else self._runtime
        loop = asyncio.get_running_loop()
        await _reply(send, await loop.run_in_executor(pool, self._answer, api, region, request))

    def _answer(self, api: str, region: str, request: HttpRequest) -> HttpReply:
        """Never HTML, never an empty 500: botocore retries those and reads nothing in them."""
        try:
            if target := request.headers.get("x-amz-target"):
                return self._control_plane(api, region, target.rpartition(".")[2], request)
            return self._route(region, request)
        except AwsError as error:
            return HttpReply(
                error.status,
                json.dumps(error.body()).encode(),
                {"content-type": JSON, "x-amzn-errortype": error.code, **error.headers},
            )
        except Exception as error:
            log.exception("%s %s failed", request.headers.get("x-amz-target", request.method), request.path)
            body = {"__type": "InternalFailure", "message": f"{type(error).__name__}: {error}"}
            headers = {"content-type": JSON, "x-amzn-errortype": "InternalFailure"}
            return HttpReply(500, json.dumps(body).encode(), headers)

    def _route(self, region: str, request: HttpRequest) -> HttpReply:
        for pattern, route in self._routes:
            if found := pattern.fullmatch(request.path):
                return route(self._engine.at(region), found, request)
        raise NotSupported(f"{request.method} {request.path} of sagemaker")

    def _control_plane(self, api: str, region: str, name: str, request: HttpRequest) -> HttpReply:
        operation_model(name, api)
        if name not in self._operations[api]:
            raise NotSupported(f"{api}:{name}")
        try:
            asked = json.loads(request.body or b"{}")
        except ValueError as error:
            raise AwsError("SerializationException", f"The body of {name} is not JSON: {error}.") from None
        if not isinstance(asked, dict):
            raise Invalid(f"The body of {name} must be a JSON object.")
        check(name, asked, api)
        asked = {member: value for member, value in asked.items() if value is not None}
        answer = shaped(name, self._operations[api][name](self._engine.at(region), asked), api)
        return HttpReply(200, json.dumps(answer).encode(), {"content-type": JSON})

    async def _lifespan(self, scope: Message, receive: Receive, send: Send) -> None:
        """Runs ministack's own lifespan with our recovery inside, before the first request."""

        async def say(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._engine.events.open(asyncio.get_running_loop())
                for service in self._services.values():
                    if service.recover is not None:
                        service.recover(self._engine)
            await send(message)

        await self._base(scope, receive, say)

    def resume(self) -> None:
        """Starts what was running before a restart; called when the port answers."""
        for name, service in self._services.items():
            if service.resume is not None:
                threading.Thread(
                    target=service.resume, args=(self._engine,), name=f"resume-{name}", daemon=True
                ).start()

    def close(self) -> None:
        """Ends everything that runs; called while the port still answers."""
        self._engine.closing.set()
        self._engine.jobs.close(seconds=10)
        for service in self._services.values():
            if service.close is not None:
                service.close(self._engine)
        self._engine.shipper.stop()
        self._engine.guard.close()


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _reply(send: Send, reply: HttpReply) -> None:
    headers = {"x-amzn-requestid": str(uuid.uuid4()), "content-length": str(len(reply.body)), **reply.headers}
    raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    await send({"type": "http.response.body", "body": reply.body})
