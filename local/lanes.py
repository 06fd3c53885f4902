"""All tests, in two lanes side by side: those of releases mostly wait for endpoints, the others mostly compute.

A lane is some runs of pytest one after the other, because Airflow and the model image pin different versions. The first
lane's output is shown as it comes, the second's when it has ended. Every run takes place even when one before it failed.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import IO, NamedTuple

from local.place import ROOT, VENVS

AIRFLOW = ("tests/e2e", "tests/rights")
"""What needs a running Airflow, which takes one of two cores even when nothing runs: it ends before the next run begins."""
RELEASE = ("tests/release",)
MODEL = ("tests/model", "tests/container")
NIGHTLY = ("tests/cluster",)
"""What takes too long for every change."""


class Run(NamedTuple):
    """One run of pytest in an environment."""

    venv: str
    arguments: tuple[str, ...]


RELEASES = (Run("airflow", AIRFLOW), Run("airflow", RELEASE))
OTHERS = (
    Run("airflow", ("tests", *(f"--ignore={folder}" for folder in (*AIRFLOW, *RELEASE, *MODEL, *NIGHTLY)))),
    Run("model_image", MODEL),
)


def drive(lane: tuple[Run, ...], output: IO[bytes] | None) -> int:
    """Run a lane; the worst exit code of its runs."""
    return max(
        subprocess.run(
            [str(VENVS / run.venv / "bin" / "python"), "-m", "pytest", *run.arguments],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        ).returncode
        for run in lane
    )


def main() -> int:
    """Run both lanes; 0 when all tests passed."""
    report = ROOT / ".windtunnel" / "tests" / "others.log"
    report.parent.mkdir(parents=True, exist_ok=True)
    with report.open("wb") as file, ThreadPoolExecutor(1) as pool:
        beside = pool.submit(drive, OTHERS, file)
        releases = drive(RELEASES, None)
        others = beside.result()
    print(report.read_text(encoding="utf-8", errors="replace"), flush=True)
    return max(releases, others)


if __name__ == "__main__":
    sys.exit(main())
