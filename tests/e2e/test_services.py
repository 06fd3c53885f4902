"""`make up` and `make down` on the real services: what is killed comes back, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import ports, processes, services, supervisor
from local.place import ROOT, Place
from tests.stack import free_place, main_process


@pytest.fixture
def where() -> Iterator[Place]:
    """A place of the test's own; stopped at the end whatever happened."""
    found = free_place(ROOT / ".windtunnel" / "tests" / str(os.getpid()) / "own")
    yield found
    supervisor.stop(found)


def test_the_services_survive_kill_9_and_leave_nothing_behind(where: Place, capsys: pytest.CaptureFixture[str]) -> None:
    services.up(where)
    assert set(supervisor.states(where)) == {"aws", "api-server", "scheduler", "dag-processor", "triggerer"}

    for service in ("scheduler", "aws"):
        _kill_and_see_it_return(where, service)
    services.up(where)
    assert "Already running." in capsys.readouterr().out

    everything = processes.belonging(where.home)
    os.kill(supervisor.running(where) or 0, signal.SIGKILL)
    _wait(lambda: not processes.belonging(where.home), 20, "everything ends with its supervisor")
    assert len(everything) > 10
    services.up(where)

    services.down(where)
    assert processes.belonging(where.home) == set()
    assert _mentioning(where.home) == []
    assert ports.free(where.web_port)
    assert ports.free(where.aws_port)


def _kill_and_see_it_return(where: Place, service: str) -> None:
    first = main_process(where, service)
    family = {first, *processes.below(first)}
    os.kill(first, signal.SIGKILL)
    _wait(lambda: not family & processes.belonging(where.home), 5, f"what {service} left behind ends")
    _wait(lambda: main_process(where, service) not in (0, first), 10, f"{service} is started again")


def _mentioning(home: Path) -> list[str]:
    """Command lines and environments of living processes that name a folder; the test's own names it too."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "cmdline").read_bytes() + b" " + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(home).encode() in text and int(entry.name) != os.getpid():
            found.append(f"{entry.name} {text[:200]!r}")
    return found


def _wait(true: Callable[[], bool], seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"after {seconds} s still waiting until {what}"
        time.sleep(0.1)
