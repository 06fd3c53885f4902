"""One program of an image as a process: started, heard, waited for, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from localaws.context import Context
from localaws.guard import kill_group
from localaws.images import Image
from localaws.jobs import JobFailed
from localaws.sandbox import ROOT

# SageMaker's own grace between SIGTERM and SIGKILL.
GRACE_SECONDS = 120.0
TAIL_LINES = 20


class Ending(Enum):
    """Why a program is over."""

    EXITED = "exited"
    STOPPED = "stopped"
    TOO_LONG = "too long"


@dataclass(frozen=True)
class Launch:
    """What to start.

    Attributes:
        image: The image whose programs and interpreter are used.
        command: Command of the container: `["train"]`, `["python3", "/opt/program/x"]`.
        folder: The program's `/opt/ml`.
        log_group: CloudWatch Logs group, such as `/aws/sagemaker/TrainingJobs`.
        log_stream: Stream in the group.
        environment: What SageMaker and the request add to the container's environment.
        on_line: Called with every line the program prints, in the pumping thread.
    """

    image: Image
    command: Sequence[str]
    folder: Path
    log_group: str
    log_stream: str
    environment: dict[str, str] = field(default_factory=dict)
    on_line: Callable[[str], None] | None = None


class Program:
    """A running program. Its whole process group ends with it, with `stop`, and with this process."""

    def __init__(self, context: Context, launch: Launch) -> None:
        """Starts the program.

        Raises:
            OSError: the command cannot be executed.
        """
        engine = context.engine
        command, environment = engine.sandbox.wrapped(
            launch.folder, launch.image.command(launch.command), _environment(context, launch)
        )
        self._engine = engine
        self._on_line = launch.on_line
        self._stream = engine.shipper.open(context.logs, launch.log_group, launch.log_stream)
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        try:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=launch.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError:
            engine.shipper.close(self._stream)
            raise
        engine.guard.watch(self._process.pid)
        self._ended = threading.Event()
        threading.Thread(target=self._reap, name=f"reap-{self.pid}", daemon=True).start()
        self._pump = threading.Thread(target=self._listen, name=f"pump-{self.pid}", daemon=True)
        self._pump.start()

    @property
    def pid(self) -> int:
        """Process id, and id of the process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code as a container reports it (137 for SIGKILL); None while it runs."""
        code = self._process.returncode
        return 128 - code if code is not None and code < 0 else code

    def running(self) -> bool:
        """Whether the program has not ended."""
        return not self._ended.is_set()

    def wait(
        self, *, stop: threading.Event, limit_seconds: float | None = None, every: Callable[[], None] | None = None
    ) -> Ending:
        """Waits for the end of the program, and brings it about on `stop` or when the limit has passed.

        Args:
            stop: Asks for the end.
            limit_seconds: How long the program may run; None for no limit.
            every: Called about once a second while the program runs.
        """
        began = turn = time.monotonic()
        ending = Ending.EXITED
        while not self._ended.wait(0.1):
            now = time.monotonic()
            if stop.is_set():
                ending = Ending.STOPPED
            elif limit_seconds is not None and now - began > limit_seconds:
                ending = Ending.TOO_LONG
            if ending is not Ending.EXITED:
                self.stop(0 if self._engine.closing.is_set() else GRACE_SECONDS)
                break
            if every is not None and now - turn >= 1:
                every()
                turn = now
        self._pump.join(5)
        self._engine.shipper.close(self._stream)
        return ending

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """SIGTERM to the group; SIGKILL when it has not ended within the grace."""
        if self.running() and grace_seconds > 0:
            kill_group(self.pid, signal.SIGTERM)
            self._ended.wait(grace_seconds)
        if self.running():
            kill_group(self.pid, signal.SIGKILL)
            self._ended.wait()

    def _reap(self) -> None:
        """Waits for the leader, then ends what it left behind in its group."""
        self._process.wait()
        kill_group(self.pid, signal.SIGKILL)
        self._engine.guard.release(self.pid)
        self._ended.set()

    def _listen(self) -> None:
        if self._process.stdout is None:
            return
        for raw in self._process.stdout:
            line = raw.rstrip("\n")
            self.tail.append(line)
            self._stream.write(line)
            if self._on_line is not None:
                self._on_line(line)


def _environment(context: Context, launch: Launch) -> dict[str, str]:
    """The container's environment; nothing of ours is inherited but the language."""
    engine, image = context.engine, launch.image
    return {
        "PATH": os.pathsep.join([str(image.programs), str(image.python.parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(launch.folder),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "AWS_REGION": context.region,
        "AWS_DEFAULT_REGION": context.region,
        "AWS_ACCESS_KEY_ID": engine.account,
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_ENDPOINT_URL": engine.url,
        # So that nothing a program does can reach a real account.
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **image.environment,
        **launch.environment,
    }


def relocated(path: str, folder: Path) -> Path:
    """The real place of a path that a request gives below `/opt/ml`.

    Raises:
        JobFailed: it lies elsewhere; only `/opt/ml` is the job's own.
    """
    place = Path(os.path.normpath(path))
    if not place.is_relative_to(ROOT):
        raise JobFailed(
            f"ClientError: `{path}` is not below {ROOT}, the only folder that a job of the embedded AWS owns."
        )
    return folder / place.relative_to(ROOT)
