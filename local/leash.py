"""Runs one service so that nothing of it outlives it: `python -m local.leash NAME COMMAND...`.

The supervisor restarts what ends. The leash makes that safe: it first removes what an earlier life of the service left
behind, adopts every orphan of this one, and when the service ends or is told to, ends all of them before it goes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from local import processes

GRACE_SECONDS = 8.0  # Airflow's services need 1 to 5; the supervisor waits longer than this before it kills the leash


class _Told(Exception):
    """The leash was told to stop."""


def main(arguments: list[str]) -> int:
    """Run the command until it ends or a stop is asked for; its exit code, 128 + n after signal n."""
    service, command = arguments[0], arguments[1:]
    os.environ[processes.SERVICE] = service
    processes.die_with_parent(signal.SIGTERM, os.getppid())
    processes.adopt_orphans()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, _tell)
    leash = os.getpid()
    child: subprocess.Popen[bytes] | None = None
    code = 0
    try:
        _clear(service)
        child = subprocess.Popen(
            command, start_new_session=True, preexec_fn=lambda: processes.die_with_parent(signal.SIGKILL, leash)
        )
        code = _wait(child.pid)
        print(f"[leash] {service} ended with {code}", flush=True)
        _ignore_signals()
    except _Told:
        _ignore_signals()
        processes.end([child.pid] if child else [], GRACE_SECONDS)
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
        print(f"[leash] {service}: ending {len(left)} left behind: {sorted(left)}", flush=True)
        processes.end(left, 1.0)


def _ignore_signals() -> None:
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, signal.SIG_IGN)


def _tell(_sign: int, _frame: FrameType | None) -> None:
    raise _Told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
