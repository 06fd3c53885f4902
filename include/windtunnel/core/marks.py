"""Marks before and after every shared write, where a test can kill the process.

What a task has written when it dies is decided here to the line instead of by a clock: arm one mark with
`WINDTUNNEL_KILL_AT`, and the process ends there as by `kill -9`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from windtunnel.core.settings import settings


@contextmanager
def shared_write(name: str) -> Iterator[None]:
    """Stand around one write to shared state; its marks are `before:<name>` and `after:<name>`.

    Args:
        name: `<what>.<verb>`, once in the whole project, such as `ledger.allocate`.
    """
    _reach(f"before:{name}")
    yield
    _reach(f"after:{name}")


def _reach(mark: str) -> None:
    if settings().kill_at == mark:
        os.kill(os.getpid(), signal.SIGKILL)
