"""Runs one service so that nothing of it outlives it: `python -m local.leash NAME COMMAND...`.

The supervisor restarts what ends. The leash makes that safe: it first removes what an earlier life of the service left
behind, adopts every orphan of this one, and when the service ends or is told to, ends all of them before it goes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import List, Optional

from local import processes

GRACE_SECONDS = 8.0  # Airflow's services need 1 to 5; the supervisor waits longer than this before it kills the leash


class _Told(Exception):
    """The leash was told to stop."""


def main(arguments: List[str]) -> int:
    """Run the command until it ends or a stop is asked for; its exit code, 128 + n after signal n."""
    service, command = arguments[0], arguments[1:]
    os.environ[processes.SERVICE] = service
    processes.die_with_parent(signal.SIGTERM, os.getppid())
    processes.adopt_orphans()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, _tell)
    _clear(service)
    leash = os.getpid()
    code = 0
    try:
        child = subprocess.Popen(
            command, start_new_session=True, preexec_fn=lambda: processes.die_with_parent(signal.SIGKILL, leash)
        )
        code = _wait(child.pid)
        print("[leash] {} ended with {}".format(service, code), flush=True)
    except _Told:
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, signal.SIG_IGN)
        processes.end([child.pid], GRACE_SECONDS)
    processes.end(processes.below(leash), 1.0)
    _clear(service)
    return code


def _wait(wanted: int) -> int:
    """Reap whatever ends, adopted orphans included, until the wanted child does."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == wanted:
            return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _clear(service: str) -> None:
    home = Path(os.environ[processes.OWNER])
    left = processes.belonging(home, service)
    if left:
        print("[leash] {}: ending {} left behind: {}".format(service, len(left), sorted(left)), flush=True)
        processes.end(left, 1.0)


def _tell(_sign: int, _frame: Optional[FrameType]) -> None:
    raise _Told


if __name__ == "__main__":
    started = time.monotonic()
    exit_code = main(sys.argv[1:])
    print("[leash] gone after {:.0f} s".format(time.monotonic() - started), flush=True)
    sys.exit(exit_code)
