"""Real processes: two that publish at the same moment, and one whose memory does not grow with the months it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from local.place import ROOT
from tests.data.journey import drop, trip
from windtunnel.aws import lake
from windtunnel.core.contracts import DatasetVersion
from windtunnel.core.window import Window


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.data.journey", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "include")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _together(*journeys: tuple[str, str, str]) -> list[DatasetVersion]:
    """Start all, wait until each has its branch audited, let all publish, return what they published."""
    processes = [_start(*journey) for journey in journeys]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "audited\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return [DatasetVersion.from_json(json.loads(text)) for text in said]


def test_two_months_published_at_once_are_both_there(trips: str) -> None:
    for month in ("2020-01", "2020-02"):
        drop(month, [trip(month, at) for at in range(20)])
    versions = _together((trips, "2020-01", "2020-02"), (trips, "2020-02", "2020-03"))
    assert {version.tag for version in versions} == {"d1", "d2"}
    current = lake.current(trips)
    assert lake.rows(current.table, current.snapshot_id, Window.parse("2020-01", "2020-03")).num_rows == 40
    assert sorted(lake.table(current.table).refs()) == ["d1", "d2", "main"]


def test_one_month_published_twice_at_once_is_one_version(trips: str) -> None:
    drop("2020-01", [*(trip("2020-01", at) for at in range(20)), "x,never,A1,1,1"])
    one, other = _together((trips, "2020-01", "2020-02"), (trips, "2020-01", "2020-02"))
    assert one == other == lake.current(trips)
    assert (one.tag, one.rows, one.quarantined) == ("d1", 20, 1)
    assert sorted(lake.table(one.table).refs()) == ["d1", "main"]


PEAKS = """
import resource
from tests.data.journey import ingest
from windtunnel.core.window import Window
for window in [Window.parse("2013-01", "2013-04"), Window.parse("2013-04", "2013-10")]:
    ingest("flights", window)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.timeout(1500)
def test_memory_does_not_grow_with_the_months_of_a_window() -> None:
    """The rows of a month take 20 to 30 MB in its stages; allocators take some months to settle."""
    done = subprocess.run(
        [sys.executable, "-c", PEAKS],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'include'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    three, nine = (int(line) for line in done.stdout.split())
    assert nine - three < 60, f"peak in MB after three months: {three}, after six more at once: {nine}"
