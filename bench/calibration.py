"""How often each month of the flights year is called drift by thresholds of the months before it, and what that costs.

    PYTHONPATH=include:. .venvs/airflow/bin/python bench/calibration.py --rows 1000000

Every week of April to December 2013 stands beside the three months before its own: our thresholds, and Evidently's rule
for the same scores (a column has drifted above 0.1, a dataset when half of its columns have). Then a reference of so
many rows and 15 columns: CPU seconds until it is counted, and until a window of a week is judged. Ends with an error
when that takes 15 s.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

import numpy as np
import pyarrow as pa

from bench.drift import KINDS, rows
from tests.unit import weeks
from windtunnel.core.contracts.monitoring import DriftMethod
from windtunnel.core.window import Window
from windtunnel.ml.calibration import Family, Pattern, calibrate
from windtunnel.ml.detection import Reference
from windtunnel.ml.history import History
from windtunnel.models.flights.spec import SPEC

EVIDENTLY, EVIDENTLY_SHARE = 0.1, 0.5
"""Its defaults for columns of more than 1,000 rows, and for a dataset."""
TRAIN_MONTHS, DAYS, MOST_CPU_SECONDS = 3, 90, 15.0


def months() -> None:
    """A line for each month, and one for the year."""
    counted: Counter[str] = Counter()
    for month in range(1 + TRAIN_MONTHS, 13):
        whole = Window.month(f"2013-{month:02d}")
        before = whole.months_before(TRAIN_MONTHS)
        holdout = weeks.between(whole.months_before(1).start, whole.start)
        training = weeks.between(before.start, before.end)
        beside = Reference(SPEC, "V1.1.0", {"training": training, "holdout": holdout})
        found: Counter[str] = Counter()
        for window in whole.parts(SPEC.monitoring.window_days):
            made = beside.detect(window, weeks.between(window.start, window.end))
            theirs = [
                score.score > EVIDENTLY for score in made.scores if score.method in {"wasserstein", "jensenshannon"}
            ]
            found.update(windows=1, ours=bool(made.drift.drifted))
            found.update(column=any(theirs), dataset=sum(theirs) >= EVIDENTLY_SHARE * len(theirs))
            found.update(f"`{each.column}`" for each in made.drift.drifted)
        counted += found
        print(f"{whole.label}: {_sentence(found)}")
    print(f"2013: {_sentence(counted)}")


def _sentence(found: Counter[str]) -> str:
    columns = ", ".join(f"{name} {count}" for name, count in found.most_common() if name.startswith("`"))
    return (
        f"of {found['windows']} weeks ours fires in {found['ours']} ({columns or 'nothing'}); Evidently's rule for a "
        f"column in {found['column']}, for a dataset in {found['dataset']}"
    )


def cost(count: int) -> float:
    """CPU seconds of one window beside a reference of so many rows."""
    frame = rows(count, 0, 1)
    days = np.sort(np.random.default_rng(3).integers(0, DAYS, count)).astype("datetime64[D]")
    table = pa.Table.from_pandas(frame, preserve_index=False).append_column("moment", pa.array(days))
    started = time.process_time()
    history = History.of(table, "moment", KINDS)
    built = time.process_time() - started
    methods: dict[str, tuple[DriftMethod, ...]] = {
        name: ("jensenshannon" if kind == "string" else "wasserstein", "missing", "constant")
        for name, kind in KINDS.items()
    }
    week = Pattern(tuple(range(DAYS, DAYS + 7)), (count // DAYS,) * 7)
    calibrate([Family(history, week, methods)], SPEC.monitoring.false_alarms)
    spent = time.process_time() - started
    print(
        f"{count:,} rows x {len(KINDS)} columns: {built:.2f} s CPU to count, {spent - built:.2f} s to calibrate a week"
    )
    return spent


def main() -> int:
    """Run the bench; 1 when the calibration costs too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="of the reference")
    count = parser.parse_args().rows
    months()
    return int(cost(count) > MOST_CPU_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
