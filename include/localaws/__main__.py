"""`python -m localaws --port 4566 --state DIR --image FILE`: starts the embedded AWS and stays until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import IO

import uvicorn

from localaws.base import mount
from localaws.context import Engine
from localaws.events import Events
from localaws.faults import Faults
from localaws.guard import Guard
from localaws.images import Image, ImageInvalid, Images
from localaws.interference import Interference
from localaws.jobs import Jobs
from localaws.logs import Shipper
from localaws.sandbox import Sandbox, SandboxUnavailable
from localaws.server import Application
from localaws.services import load
from localaws.store import Store

UNUSABLE = 2


class StartRefused(RuntimeError):
    """The port or the state folder is in use. The message says what to do."""


class Server(uvicorn.Server):
    """Says when it is ready, and lets what ran before a restart come back."""

    def __init__(self, config: uvicorn.Config, application: Application, ready: str) -> None:
        super().__init__(config)
        self._application = application
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Opens the port, after the application's own start-up."""
        await super().startup(sockets)
        if self.started:
            print(self._ready.format(seconds=time.process_time()), flush=True)
            self._application.resume()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends what runs while S3 and the rest still answer, so that logs and captures are written; then the port."""
        await asyncio.to_thread(self._application.close)
        await super().shutdown(sockets)


def main(arguments: list[str] | None = None) -> int:
    """Runs the embedded AWS.

    Returns:
        Exit code: 0 after an orderly stop, 2 when it could not start.
    """
    options = _options(arguments)
    state: Path = options.state.resolve()
    try:
        images = Images([Image.of(file) for file in options.image])
        sandbox = Sandbox.choose(options.sandbox)
        state.mkdir(parents=True, exist_ok=True)
        lock = _own(state)
        listener = _bind(options.port)
    except (ImageInvalid, SandboxUnavailable, StartRefused) as error:
        print(f"localaws: {error}", file=sys.stderr)
        return UNUSABLE
    # What jobs had on disk when the last process was killed; their programs died with it.
    shutil.rmtree(state / "jobs", ignore_errors=True)
    engine = Engine(
        account=options.account,
        port=options.port,
        state=state,
        store=Store(state / "sagemaker.sqlite"),
        images=images,
        sandbox=sandbox,
        guard=Guard(),
        jobs=Jobs(options.job_slots),
        shipper=Shipper(),
        events=Events(options.account),
        faults=Faults(),
    )
    application = Application(engine, mount(state, options.port, options.account), load())
    config = uvicorn.Config(
        Interference(application, engine.faults),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
    ready = f"localaws: {engine.url} is ready after {{seconds:.1f}} s of CPU, state in {state}, sandbox {sandbox.mode}"
    # uvicorn repeats the signal that stopped it once it is done; the handlers it finds here let us end in order.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: None)
    Server(config, application, ready).run(sockets=[listener])
    engine.store.close()
    lock.close()
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="localaws", description="An AWS on this machine that really runs SageMaker.")
    parser.add_argument("--port", type=int, default=4566, help="port on 127.0.0.1 (default 4566)")
    parser.add_argument("--state", type=Path, required=True, help="folder of everything that outlives the process")
    parser.add_argument(
        "--image", type=Path, action="append", default=[], help="JSON file of an image; may be repeated"
    )
    parser.add_argument("--sandbox", choices=["auto", "env", "bwrap"], default="auto", help="how /opt/ml is provided")
    parser.add_argument("--job-slots", type=int, default=2, help="jobs that run at a time (default 2)")
    parser.add_argument("--account", default="123456789012", help="account of everything (default 123456789012)")
    return parser.parse_args(arguments)


def _own(state: Path) -> IO[str]:
    """Holds the state folder for this process: two writers would corrupt it. The lock dies with the process."""
    lock = (state / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StartRefused(
            f"the state folder `{state}` is in use by another embedded AWS. Stop that one or give another --state."
        ) from None
    return lock


def _bind(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        # At once: of two sockets that are bound but do not listen yet, neither is refused.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise StartRefused(
            f"port `{port}` on 127.0.0.1 cannot be taken ({error.strerror}). "
            f"Stop what listens there or give another --port."
        ) from None
    return listener


if __name__ == "__main__":
    sys.exit(main())
