"""The harness of the kill points, proved on a write of its own: it kills where it says, and sees when it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.forked import Child, NotReached, run, run_killed_everywhere
from windtunnel.core.errors import FenceLost
from windtunnel.core.marks import shared_write


@pytest.fixture
def write(tmp_path: Path) -> Callable[[], str]:
    def work() -> str:
        with shared_write("file.write"):
            (tmp_path / "written").write_text("yes")
        return "done"

    return work


@pytest.mark.parametrize(("mark", "written"), [("before:file.write", False), ("after:file.write", True)])
def test_a_child_dies_at_its_mark(write: Callable[[], str], tmp_path: Path, mark: str, written: bool) -> None:
    with Child(write, kill_at=mark) as child:
        child.killed()
    assert (tmp_path / "written").exists() == written


def test_a_mark_that_is_never_reached_is_no_kill(write: Callable[[], str]) -> None:
    with Child(write, kill_at="before:nothing") as child, pytest.raises(NotReached, match=r"after:file\.write"):
        child.killed()


def test_a_child_stands_still_and_goes_on(write: Callable[[], str], tmp_path: Path) -> None:
    with Child(write, freeze_at="before:file.write") as child:
        child.frozen()
        assert not (tmp_path / "written").exists()
        child.thaw()
        ending = child.ended()
    assert ending.result() == "done"
    assert ending.reached == ("before:file.write", "after:file.write")


def test_what_a_child_raises_is_raised_here() -> None:
    def refused() -> None:
        raise FenceLost("Someone else has it.")

    with pytest.raises(FenceLost, match="Someone else has it"):
        run(refused)


def test_work_is_killed_at_every_mark_before_it_gets_through(tmp_path: Path) -> None:
    def append(letter: str) -> None:
        with (tmp_path / "log").open("a") as log:
            log.write(letter)

    def work() -> str:
        with shared_write("file.first"):
            append("1")
        with shared_write("file.second"):
            append("2")
        return "done"

    killed, ending = run_killed_everywhere(work)
    assert killed == ["before:file.first", "after:file.first", "before:file.second", "after:file.second"]
    assert ending.result() == "done"
    assert (tmp_path / "log").read_text() == "1" + "1" + "12" + "12"
