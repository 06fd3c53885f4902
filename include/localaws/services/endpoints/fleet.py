"""The fleet of an endpoint: its variants, each one process per container.

InitialInstanceCount is recorded and shown, and a variant is measured by it, but on one machine each variant is one
process: more of them would share the same cores.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import urllib3

from localaws.context import Context
from localaws.services.models.containers import DIRECT
from localaws.services.models.server import ANSWER_SECONDS, ModelServer, Place, ServerFailed
from localaws.wire import Document

PASSED_ON = (
    "content-type",
    "accept",
    "x-amzn-sagemaker-custom-attributes",
    "x-amzn-sagemaker-inference-id",
)
DRAIN_SECONDS = 30.0


class FleetFailed(RuntimeError):
    """A variant never became healthy. The message is the FailureReason."""


class Variant:
    """One variant: the servers of its containers, in the order in which they answer."""

    def __init__(self, context: Context, endpoint: str, declared: Document, model: Document) -> None:
        self.name: str = declared["VariantName"]
        self.model: str = declared["ModelName"]
        self.weight = float(declared["InitialVariantWeight"])
        self._direct = model["Mode"] == DIRECT
        self._busy = 0
        self._lock = threading.Lock()
        instance = f"i-{uuid.uuid4().hex[:17]}"
        several = len(model["Containers"]) > 1
        self.servers: dict[str, ModelServer] = {}
        for index, container in enumerate(model["Containers"], start=1):
            host = container.get("ContainerHostname") or f"container-{index}"
            place = Place(
                folder=context.engine.state
                / "endpoints"
                / context.region
                / endpoint
                / f"{self.name}-{instance}-{index}",
                log_group=f"/aws/sagemaker/Endpoints/{endpoint}",
                log_stream=f"{self.name}/{instance}" + (f"/{host}" if several else ""),
                start_seconds=float(declared.get("ContainerStartupHealthCheckTimeoutInSeconds", 240)),
            )
            self.servers[host] = ModelServer(context, container, place)

    def start(self) -> None:
        """Starts all containers.

        Raises:
            FleetFailed: one of them never answered /ping.
        """
        for host, server in self.servers.items():
            which = "primary container" if len(self.servers) == 1 else f"{host} container"
            try:
                server.start()
            except ServerFailed as error:
                raise FleetFailed(
                    f"The {which} for production variant {self.name} did not pass the ping health check. "
                    f"Please check CloudWatch logs for this endpoint. {error}"
                ) from error

    def answer(
        self, body: bytes, headers: Mapping[str, str], *, host: str | None = None, seconds: float = ANSWER_SECONDS
    ) -> urllib3.BaseHTTPResponse:
        """The variant's answer to one request; of several containers each one reads what the one before wrote.

        Args:
            body: Body of the request.
            headers: Headers by lower-case name; only those a container may see are passed on.
            host: ContainerHostname to ask, for a model whose containers are asked one by one.
            seconds: How long a container may take.

        Raises:
            LookupError: no container of that host name.
            urllib3.exceptions.HTTPError: a container did not answer.
        """
        passed = {name: headers[name] for name in PASSED_ON if name in headers}
        chain = [self.servers[host or ""]] if self._direct or host is not None else list(self.servers.values())
        with self._counted():
            reply = _asked(chain[0], body, passed, seconds)
            for server in chain[1:]:
                if reply.status >= 300:
                    break
                passed["content-type"] = reply.headers.get("content-type", "application/octet-stream")
                reply = _asked(server, reply.data, passed, seconds)
            return reply

    def stop(self, grace_seconds: float) -> None:
        """Lets requests that are under way end, then the processes."""
        deadline = time.monotonic() + min(DRAIN_SECONDS, grace_seconds)
        while self._busy and time.monotonic() < deadline:
            time.sleep(0.02)
        for server in self.servers.values():
            server.stop(grace_seconds)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1


class Fleet:
    """All variants of one blueprint."""

    def __init__(self, context: Context, endpoint: str, blueprint: Document) -> None:
        def built(member: str) -> tuple[Variant, ...]:
            return tuple(
                Variant(context, endpoint, declared, blueprint["Models"][declared["ModelName"]])
                for declared in blueprint["Config"].get(member, [])
            )

        self.blueprint = blueprint
        self.config: Document = blueprint["Config"]
        self.production = built("ProductionVariants")
        self.shadows = built("ShadowProductionVariants")
        self._names = {variant.name: variant for variant in self.production}

    def start(self) -> None:
        """Starts all variants side by side; when one fails the others are ended.

        Raises:
            FleetFailed: with the first reason.
        """
        variants = [*self.production, *self.shadows]
        with ThreadPoolExecutor(len(variants), "fleet") as pool:
            starts = [pool.submit(variant.start) for variant in variants]
        reasons = [str(failure) for start in starts if (failure := start.exception()) is not None]
        if reasons:
            self.stop(0)
            raise FleetFailed(reasons[0])

    def stop(self, grace_seconds: float = DRAIN_SECONDS) -> None:
        """Ends all processes, side by side."""
        variants = [*self.production, *self.shadows]
        with ThreadPoolExecutor(len(variants), "fleet") as pool:
            list(pool.map(lambda variant: variant.stop(grace_seconds), variants))

    def chosen(self) -> Variant:
        """A production variant by weight; where all weights are zero, any."""
        if len(self.production) == 1:
            return self.production[0]
        weights = [variant.weight for variant in self.production]
        return random.choices(self.production, weights if any(weights) else None)[0]  # noqa: S311 -- shares, no secret

    def named(self, name: str) -> Variant | None:
        """A production variant by name; a shadow cannot be asked."""
        return self._names.get(name)

    def mirrored(self) -> tuple[Variant, ...]:
        """The shadows that get a copy of this request: each by its weight against that of production."""
        if not self.shadows:
            return ()
        production = sum(variant.weight for variant in self.production) or 1.0
        return tuple(shadow for shadow in self.shadows if random.random() < shadow.weight / production)  # noqa: S311

    def fault(self) -> str | None:
        """A process of the fleet that ended by itself since the start, in words."""
        for variant in self.production:
            for host, server in variant.servers.items():
                if server.deaths:
                    return f"The container {host} of production variant {variant.name} ended during the deployment."
        return None


def _asked(server: ModelServer, body: bytes, headers: Mapping[str, str], seconds: float) -> urllib3.BaseHTTPResponse:
    """One request, sent again once when the connection was closed before a byte of answer came."""
    try:
        return server.post("/invocations", body, headers, seconds)
    except urllib3.exceptions.ProtocolError:
        # A kept connection the server had just closed, or a process that ended and is being started again.
        return server.post("/invocations", body, headers, seconds)
