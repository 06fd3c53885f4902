"""Processes of a running copy: found by a variable in their environment, ended with all that they started.

Parents and process groups do not find them: Airflow puts each task into a group of its own, and what outlives its
parent is handed to init. The variable is inherited by everything and, with SPT_NOENV, survives a changed title.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterable

OWNER = (
    "WINDTUNNEL_RUN"  # its value is the folder of state; never part of `make env`, or it would mark a person's shell
)
SERVICE = "WINDTUNNEL_SERVICE"

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def belonging(home: Path, service: str | None = None) -> set[int]:
    """Ids of the living processes of a copy, or of one of its services, without the caller and its ancestors."""
    wanted = {f"{OWNER}={home}"}
    if service:
        wanted.add(f"{SERVICE}={service}")
    marked = _marked_by_proc(wanted) if sys.platform == "linux" else marked_by_ps(wanted)
    return marked - _lineage()


def below(root: int) -> set[int]:
    """Ids of all living descendants of a process."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents().items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    rest = [root]
    while rest:
        for pid in children.get(rest.pop(), []):
            if pid not in found:
                found.add(pid)
                rest.append(pid)
    return found


def alive(pid: int) -> bool:
    """Whether a process exists and is more than an entry that waits to be reaped."""
    return pid in _parents()


def memory_mb(pid: int) -> float:
    """Proportional memory of a process in megabytes: pages shared by n processes count 1/n; 0 where unknown."""
    try:
        rows = Path("/proc", str(pid), "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(row.split()[1]) for row in rows if row.startswith("Pss:")) / 1024


def end(pids: Iterable[int], grace_seconds: float) -> None:
    """SIGTERM, then SIGKILL to those still there after the grace; returns when they are gone or beyond reach."""
    rest = set(pids)
    for sign, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 5.0)):
        for pid in rest:
            send(pid, sign)
        until = time.monotonic() + seconds
        while rest and time.monotonic() < until:
            reap()
            rest &= set(_parents())
            if rest:
                time.sleep(0.05)
        if not rest:
            return


def send(pid: int, sign: int) -> None:
    """Send a signal to a process that may just have ended."""
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return


def reap() -> None:
    """Collect children that have ended, adopted ones included."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent ends (Linux; elsewhere nothing)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(sign: int, parent: int) -> None:
    """Have the kernel send this process a signal when its parent ends (Linux; elsewhere nothing)."""
    _prctl(_PR_SET_PDEATHSIG, sign)
    if sys.platform == "linux" and os.getppid() != parent:  # it ended before the call above
        os.kill(os.getpid(), sign)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _parents() -> dict[int, int]:
    """Process id to parent id of all living processes; those that only wait to be reaped are left out."""
    if sys.platform != "linux":
        return parents_by_ps()
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The name in parentheses may hold spaces and parentheses itself.
                state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state not in "ZX":
                found[int(entry.name)] = int(parent)
    return found


def parents_by_ps() -> dict[int, int]:
    """The same from `ps`, for systems without /proc."""
    rows = (line.split() for line in _ps("ax", "-o", "pid=", "-o", "ppid=", "-o", "stat="))
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}


def _marked_by_proc(wanted: set[str]) -> set[int]:
    found = set()
    for pid in _parents():
        try:
            variables = Path("/proc", str(pid), "environ").read_bytes()
        except OSError:  # ended meanwhile, or another person's
            continue
        if wanted <= set(variables.decode(errors="replace").split("\0")):
            found.add(pid)
    return found


def marked_by_ps(wanted: set[str]) -> set[int]:
    """Processes with these variables, from `ps`, for systems without /proc."""
    rows = (line.split() for line in _ps("axeww", "-o", "pid=", "-o", "command="))
    return {int(words[0]) for words in rows if wanted <= set(words)}


def _ps(*options: str) -> list[str]:
    return subprocess.run(
        ["ps", *options], stdout=subprocess.PIPE, text=True, errors="replace", check=True
    ).stdout.splitlines()


def _lineage() -> set[int]:
    parents = _parents()
    found = set()
    pid = os.getpid()
    while pid and pid not in found:
        found.add(pid)
        pid = parents.get(pid, 0)
    return found
