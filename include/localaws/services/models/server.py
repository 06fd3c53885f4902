"""A container of a model as a process that answers HTTP on a port of its own; started again when it dies."""

from __future__ import annotations

import contextlib
import logging
import shutil
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from localaws.context import Context
from localaws.images import ImageUnknown
from localaws.programs import Launch, Program
from localaws.services.models import artefacts
from localaws.wire import Document

log = logging.getLogger(__name__)
PING_SECONDS = 2.0
PING_EVERY_SECONDS = 0.05
RETRY_EVERY_SECONDS = 0.02
START_SECONDS = 240.0
GRACE_SECONDS = 30.0
# A container's own limit on the answer to one request.
ANSWER_SECONDS = 60.0
MOST_RESTART_PAUSE_SECONDS = 10.0
CONNECTIONS = 64

_given: set[int] = set()
_giving = threading.Lock()


class ServerFailed(RuntimeError):
    """The container never became healthy. The message is for a FailureReason."""


class ServerAway(urllib3.exceptions.HTTPError):
    """The process is not there; the request was not sent."""


@dataclass(frozen=True)
class Place:
    """Where a server runs and reports.

    Attributes:
        folder: Its own folder; made at the start, removed at the stop.
        log_group: CloudWatch Logs group.
        log_stream: Stream in the group.
        environment: What the service adds to the container's environment.
        start_seconds: How long it may take to answer /ping.
    """

    folder: Path
    log_group: str
    log_stream: str
    environment: Mapping[str, str] = field(default_factory=dict)
    start_seconds: float = START_SECONDS


class ModelServer:
    """One container, served. Its requests go through a pool of kept connections."""

    def __init__(self, context: Context, container: Document, place: Place) -> None:
        self._context = context
        self._container = container
        self._place = place
        self._stopping = threading.Event()
        self._healthy = threading.Event()
        self._program: Program | None = None
        self._pool: urllib3.HTTPConnectionPool | None = None
        self.deaths = 0

    def start(self) -> None:
        """Brings the model data, starts the program and waits until it answers /ping with 200.

        Raises:
            ServerFailed: the image is unknown, the data unusable, the program ended or stayed silent.
        """
        try:
            artefacts.bring(self._context, self._container, self._place.folder / "model")
            self._launch()
        except (ImageUnknown, artefacts.ArtefactUnusable, OSError) as error:
            self.stop(0)
            raise ServerFailed(str(error)) from error
        except ServerFailed:
            self.stop(0)
            raise
        threading.Thread(target=self._supervise, name=f"serve-{self._place.folder.name}", daemon=True).start()

    def post(self, path: str, body: bytes, headers: Mapping[str, str], seconds: float) -> urllib3.BaseHTTPResponse:
        """Sends one request; waits for a container that is being started again, within the same time.

        Raises:
            ServerAway: nothing runs, and nothing came back in time: the request was not sent.
            urllib3.exceptions.HTTPError: the container broke off or took too long.
        """
        deadline = time.monotonic() + seconds
        while True:
            pool = self._pool
            if pool is not None and self.running():
                # Nothing listens where the process has just ended and that was not noticed yet.
                with contextlib.suppress(urllib3.exceptions.NewConnectionError):
                    return pool.urlopen("POST", path, body=body, headers=headers, timeout=seconds)
            if time.monotonic() > deadline or self._stopping.wait(RETRY_EVERY_SECONDS):
                raise ServerAway("The container is not running.")

    def running(self) -> bool:
        """Whether the process answers requests now."""
        return self._healthy.is_set() and self._program is not None and self._program.running()

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Ends the process and removes its folder."""
        self._stopping.set()
        self._healthy.clear()
        program, pool = self._program, self._pool
        if program is not None:
            program.stop(grace_seconds)
            program.wait(stop=self._stopping)
        if pool is not None:
            pool.close()
        shutil.rmtree(self._place.folder, ignore_errors=True)

    def _launch(self) -> None:
        image = self._context.engine.images.find(self._container["Image"])
        port = _free_port()
        program = Program(
            self._context,
            Launch(
                image=image,
                command=["serve"],
                folder=self._place.folder,
                log_group=self._place.log_group,
                log_stream=self._place.log_stream,
                environment={
                    "SAGEMAKER_BIND_TO_PORT": str(port),
                    "SM_MODEL_DIR": "/opt/ml/model",
                    **self._place.environment,
                    **self._container.get("Environment", {}),
                },
            ),
        )
        self._program = program
        pool = urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=CONNECTIONS, retries=False)
        deadline = time.monotonic() + self._place.start_seconds
        while not _answers_ping(pool):
            if not program.running():
                raise ServerFailed(f"It ended with exit code {program.exit_code}: {_last(program)}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"It did not answer /ping within {self._place.start_seconds:g} s: {_last(program)}")
            if self._stopping.wait(PING_EVERY_SECONDS):
                raise ServerFailed("It was stopped before it answered /ping.")
        if not program.running():
            # Something else answers on the port.
            raise ServerFailed(f"It ended with exit code {program.exit_code}: {_last(program)}")
        self._pool = pool
        self._healthy.set()

    def _supervise(self) -> None:
        """Starts the program again whenever it ends by itself, ever more slowly while it fails."""
        pause = 0.1
        while self._program is not None:
            began = time.monotonic()
            self._program.wait(stop=self._stopping)
            if self._stopping.is_set():
                return
            self._healthy.clear()
            self.deaths += 1
            log.warning("%s ended with %s; started again", self._place.folder.name, self._program.exit_code)
            pause = 0.1 if time.monotonic() - began > MOST_RESTART_PAUSE_SECONDS else pause * 2
            if self._stopping.wait(min(pause, MOST_RESTART_PAUSE_SECONDS)):
                return
            try:
                self._launch()
            except (ServerFailed, OSError) as error:
                log.warning("%s did not come back: %s", self._place.folder.name, error)


def _answers_ping(pool: urllib3.HTTPConnectionPool) -> bool:
    try:
        return pool.urlopen("GET", "/ping", timeout=PING_SECONDS).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _last(program: Program) -> str:
    lines = [line for line in program.tail if line.strip()]
    return " | ".join(lines[-5:]) or "it printed nothing."


def _free_port() -> int:
    """A port that nothing listens on, given to nobody else of this process."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        with _giving:
            if port not in _given:
                _given.add(port)
                return port
