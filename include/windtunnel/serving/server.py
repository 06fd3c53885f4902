"""The process of the model server: load, listen, and leave without losing a request."""

from __future__ import annotations

import asyncio
import socket
from types import FrameType

import uvicorn

from windtunnel.ml.container import Container
from windtunnel.serving.application import Application
from windtunnel.serving.load import load
from windtunnel.serving.protocol import Protocol
from windtunnel.serving.traffic import Traffic
from windtunnel.serving.vitals import Vitals

IDLE_SECONDS = 65
"""A connection may be idle for; longer than the 60 s of AWS's load balancers, which would else meet a closed one."""

NOTICE_SECONDS = 1.0
"""For a balancer to see that /ping says 503, and then for kept connections to be told to close."""

DRAIN_SECONDS = 25
"""For the last answers."""


def serve(container: Container) -> None:
    """Load the container's model and answer requests until SIGTERM.

    Raises:
        ArtefactInvalid: The model is not what it should be; the server never starts to listen.
    """
    print(f"serve `{container.model}` on {container.host}:{container.port}", flush=True)
    model = load(container.model, container.artefact_sha256)
    print(f"loaded `{model.artefact.signature.model}` artefact `{model.artefact.sha256}`", flush=True)
    vitals = None
    if container.endpoint is not None:
        vitals = Vitals(model.artefact.signature.answers, container.endpoint, container.version)
        vitals.print_every(container.vitals_seconds)
    application = Application(model, vitals)
    Draining(configured(application, container.host, container.port), application.traffic).run()


def configured(application: Application, host: str, port: int) -> uvicorn.Config:
    """How uvicorn serves the application at an address."""
    return uvicorn.Config(
        application,
        host=host,
        port=port,
        loop="uvloop",
        http=Protocol,
        lifespan="off",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody asks who asks; and `Protocol` meets the application itself
        log_level="warning",
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


class Draining(uvicorn.Server):
    """A server that is asked to stop by a signal and loses no request by it.

    At first only /ping tells, so that balancers look elsewhere. Then nobody new is let in, and whoever kept a connection
    is asked to close it with his next answer: a connection that the server closes may have a request on its way.
    """

    def __init__(self, config: uvicorn.Config, traffic: Traffic) -> None:
        super().__init__(config)
        self._traffic = traffic

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal begins the notice; a second one ends at once."""
        if self._traffic.leaving or not self.started:
            super().handle_exit(sig, frame)
            return
        self._traffic.leaving = True
        asyncio.get_running_loop().call_later(NOTICE_SECONDS, super().handle_exit, sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen no more, let kept connections end by themselves, then end the others after their answers."""
        for server in self.servers:
            server.close()
        self._traffic.draining = True
        await asyncio.sleep(NOTICE_SECONDS)
        await super().shutdown(sockets)
