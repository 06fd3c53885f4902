"""Every AWS service but SageMaker: ministack, mounted in this process, its state kept on disk as it changes."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from localaws import dashboards, embedded_metrics
from localaws.alarms import Alarms

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]

SWEEP_SECONDS = 5.0
# CPU. A state that takes more to write, about a thousand DynamoDB items, is left to the sweep: replies must not wait.
PROMPT_SECONDS = 0.05
# Points of metrics and lines of logs: many, large, and no loss when the last seconds are gone after a kill -9.
BULKY = frozenset({"logs", "monitoring"})
_SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
_READS = re.compile(r"(BatchGet|Describe|Filter|Get|Head|List|Lookup|Query|Scan|Search|Select|TransactGet)")


def mount(state: Path, port: int, account: str) -> Base:
    """Ministack with its state under a folder of ours.

    Args:
        state: Folder for its files.
        port: The port on which we answer for it; it puts it into the URLs it makes up.
        account: Account of callers whose access key is not a twelve-digit account.
    """
    # ministack reads these at import, and only then.
    os.environ.update(
        PERSIST_STATE="1",
        S3_PERSIST="1",
        STATE_DIR=str(state / "ministack"),
        S3_DATA_DIR=str(state / "s3"),
        GATEWAY_PORT=str(port),
        MINISTACK_HOST="127.0.0.1",
        MINISTACK_ACCOUNT_ID=account,
        # Listeners on ports of their own, which would bind 0.0.0.0.
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        LOG_LEVEL=os.environ.get("LOG_LEVEL", "WARNING"),
    )
    from ministack import app

    embedded_metrics.listen()
    dashboards.guard()
    return Base(app)


class Base:
    """Ministack's application, with what it lacks: state that survives a kill -9.

    S3 writes objects to disk at once. Of everything else ministack writes a snapshot per service when it stops, and
    only then; a Glue table that forgot its last commit would lose data that lies in S3. So the snapshot of a service is
    written before the reply to a request that changed it, and a sweep every few seconds writes what changed by the way
    (a queue that an event was delivered to) or was too large to write at once.
    """

    def __init__(self, ministack: Any) -> None:
        self._ministack = ministack
        self._changed = False
        self._seconds: dict[str, float] = {}
        self._sweeping: asyncio.Task[None] | None = None
        self._alarms = Alarms(self._mark)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        if scope["type"] == "lifespan":
            watching = asyncio.create_task(self._alarms.watch(), name="alarms")
            await self._ministack.app(scope, receive, send)
            watching.cancel()
            return
        if scope["type"] != "http":
            await self._ministack.app(scope, receive, send)
            return
        service = _changed_service(scope)
        if service is None:
            await self._ministack.app(scope, receive, send)
            return

        async def saved_first(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(service)
            await send(message)

        await self._ministack.app(scope, receive, saved_first)

    def _note(self, service: str) -> None:
        """Writes the service's state, or leaves it to the sweep."""
        self._mark()
        if service in BULKY:
            return
        name = self._ministack.SERVICE_NAME_ALIASES.get(service, service)
        config = self._ministack.SERVICE_REGISTRY.get(name)
        if config is not None:
            key = config.get("state_key", config["module"])
            if self._seconds.get(key, 0.0) < PROMPT_SECONDS:
                self._save(key)

    def _mark(self) -> None:
        """Something changed: the next sweep writes it."""
        self._changed = True
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    async def _sweep(self) -> None:
        """Writes all states while anything changes, at most a twentieth of the time."""
        pause = SWEEP_SECONDS
        while True:
            await asyncio.sleep(pause)
            if not self._changed:
                continue
            self._changed = False
            began = time.monotonic()
            for key in self._ministack._build_persistence_save_dict():
                self._save(key)
                await asyncio.sleep(0)
            pause = max(SWEEP_SECONDS, 20 * (time.monotonic() - began))

    def _save(self, key: str) -> None:
        """Writes one service's snapshot, in place of the last one; on the loop, where the state stands still."""
        from ministack.core.persistence import save_all

        snapshot = self._ministack._build_persistence_save_dict().get(key)
        if snapshot is not None:
            began = time.thread_time()
            save_all({key: snapshot})
            self._seconds[key] = time.thread_time() - began


def _changed_service(scope: Message) -> str | None:
    """The service whose snapshot a request may change; None when it only reads, or touches only an object of S3."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    signed = _SERVICE.search(headers.get(b"authorization", ""))
    if signed is None or scope["method"] in ("GET", "HEAD"):
        return None
    operation = headers.get(b"x-amz-target", "").rpartition(".")[2] or scope["path"].rpartition("/operation/")[2]
    if signed[1] == "s3":
        return None if scope["path"].strip("/").count("/") else "s3"
    return None if _READS.match(operation) else signed[1]
