"""Nothing of a service outlives it: real processes that fork, leave their group and change their title."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import processes, supervisor
from local.environment import environment
from local.fault import LocalFault
from local.place import ROOT, Place
from tests.stack import free_place

# A main process with a child in its group, one in a session of its own, and an orphan with another title. The last two
# ignore SIGTERM. It writes `ready` once all of them run.
SERVICE = """
import os, signal, sys, time
from pathlib import Path
from setproctitle import setproctitle
def stay(): time.sleep(600)
if os.fork() == 0: stay()
if os.fork() == 0:
    os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN); stay()
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid(); setproctitle("someone else " * 20); signal.signal(signal.SIGTERM, signal.SIG_IGN)
        Path(sys.argv[1]).write_text("ready"); stay()
    os._exit(0)
stay()
"""


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Place]:
    found = free_place(tmp_path)
    yield found
    processes.end(processes.belonging(tmp_path), 0.0)


def _start(where: Place) -> subprocess.Popen[bytes]:
    """A leash with the service above, once all five processes run."""
    (where.home / "ready").unlink(missing_ok=True)
    leash = subprocess.Popen(
        [sys.executable, "-m", "local.leash", "web", sys.executable, "-c", SERVICE, str(where.home / "ready")],
        cwd=ROOT,
        env={**os.environ, processes.OWNER: str(where.home), "SPT_NOENV": "1"},
    )
    _wait((where.home / "ready").exists, "the service runs")
    assert len(processes.belonging(where.home)) == 5, "leash, main, child, other session, orphan"
    return leash


def _wait(true: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until, f"still waiting until {what}"
        time.sleep(0.05)


def _main_of(leash: subprocess.Popen[bytes]) -> int:
    return min(processes.below(leash.pid))


def test_a_service_that_is_killed_takes_all_of_it_along(where: Place) -> None:
    leash = _start(where)
    os.kill(_main_of(leash), signal.SIGKILL)
    assert leash.wait(20) == 128 + signal.SIGKILL
    assert processes.belonging(where.home) == set()


def test_a_leash_that_is_told_to_stop_ends_all_of_it(where: Place) -> None:
    leash = _start(where)
    leash.terminate()
    assert leash.wait(20) == 0
    assert processes.belonging(where.home) == set()


def test_what_outlives_a_killed_leash_is_ended_before_the_next_start(where: Place) -> None:
    first = _start(where)
    before = processes.below(first.pid)
    first.kill()
    first.wait()
    _wait(lambda: len(processes.belonging(where.home)) < 4, "the main process dies with its leash")
    assert processes.belonging(where.home), "the others escape; else this test shows nothing"
    second = _start(where)
    assert not before & processes.belonging(where.home)
    second.terminate()
    assert second.wait(20) == 0


def test_the_marker_is_found_by_ps_as_well(where: Place) -> None:
    leash = _start(where)
    wanted = {f"{processes.OWNER}={where.home}"}
    assert processes.belonging(where.home) <= processes.marked_by_ps(wanted)
    assert processes.below(leash.pid) <= processes.parents_by_ps().keys()
    leash.terminate()
    assert leash.wait(20) == 0


def test_the_caller_and_its_ancestors_never_belong(tmp_path: Path) -> None:
    asked = "from local import processes; import sys; print(processes.belonging(sys.argv[1]))"
    shell = f'"{sys.executable}" -c "{asked}" "{tmp_path}"; true'
    marked = {**os.environ, processes.OWNER: str(tmp_path)}
    assert subprocess.check_output(["/bin/sh", "-c", shell], cwd=ROOT, env=marked, text=True).strip() == "set()"


def test_the_supervisor_starts_again_what_dies_and_stops_the_rest(where: Place, tmp_path: Path) -> None:
    procfile = tmp_path / "Procfile"
    procfile.write_text(f'# two\none: "{sys.executable}" -c "import time; time.sleep($SECONDS)"\ntwo: sleep 600\n')
    supervisor.start(where, {**environment(where), "SECONDS": "600"}, procfile)
    _wait(lambda: [state for state, _ in supervisor.states(where).values()] == ["RUNNING"] * 2, "both run")
    (first,) = processes.belonging(where.home, "one")
    os.kill(first, signal.SIGKILL)
    _wait(lambda: processes.belonging(where.home, "one") - {first} != set(), "it is started again")
    assert supervisor.stop(where) >= 5
    assert processes.belonging(where.home) == set()
    assert supervisor.states(where) == {}
    assert supervisor.stop(where) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("web", "has the line `web`"),
        ("web:", "has the line `web:`"),
        ("web: serve $PORT", "`web` needs the variable 'PORT'"),
    ],
    ids=["no command", "empty command", "unset variable"],
)
def test_a_procfile_that_cannot_be_read_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "Procfile").write_text(text)
    with pytest.raises(LocalFault, match=message.replace("$", r"\$")):
        supervisor.services(tmp_path / "Procfile", {})


def test_percent_and_space_survive_supervisords_configuration(tmp_path: Path) -> None:
    home = free_place(tmp_path / "100% here")
    text = supervisor.configuration(home, {"web": ["echo", "50 %"]})
    assert "100%% here" in text
    assert "web echo '50 %%'" in text
