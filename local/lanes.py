"""All tests, two runs of pytest at a time: those of Airflow and of releases mostly wait, the others mostly compute.

Several runs, because Airflow and the model image pin different versions. Whoever has ended one takes the next, the long ones
first. The output of one lane is shown as it comes, the other's when all have ended. Every run takes place even when one before
it failed.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import IO, NamedTuple

from local.place import ROOT, VENVS

AIRFLOW = ("tests/e2e", "tests/rights")
"""What needs a running Airflow."""
RELEASE = ("tests/release",)
MODEL = ("tests/model", "tests/container")
NIGHTLY = ("tests/cluster",)
"""What takes too long for every change."""


class Run(NamedTuple):
    """One run of pytest in an environment."""

    venv: str
    arguments: tuple[str, ...]


OTHERS = ("tests", *(f"--ignore={folder}" for folder in (*AIRFLOW, *RELEASE, *MODEL, *NIGHTLY)))
RUNS = (Run("airflow", AIRFLOW), Run("airflow", OTHERS), Run("airflow", RELEASE), Run("model_image", MODEL))


def drive(waiting: SimpleQueue[Run], output: IO[bytes] | None) -> int:
    """Run what waits until nothing does; 0 when each run ended with 0."""
    failed = 0
    while True:
        try:
            run = waiting.get_nowait()
        except Empty:
            return failed
        command = [str(VENVS / run.venv / "bin" / "python"), "-m", "pytest", *run.arguments]
        failed |= subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT).returncode != 0


def main() -> int:
    """Run all; 0 when all tests passed."""
    report = ROOT / ".windtunnel" / "tests" / "others.log"
    report.parent.mkdir(parents=True, exist_ok=True)
    waiting: SimpleQueue[Run] = SimpleQueue()
    for run in RUNS:
        waiting.put(run)
    with report.open("wb") as file, ThreadPoolExecutor(1) as pool:
        beside = pool.submit(drive, waiting, file)
        shown = drive(waiting, None)
        others = beside.result()
    print(report.read_text(encoding="utf-8", errors="replace"), flush=True)
    return shown | others


if __name__ == "__main__":
    sys.exit(main())
