"""Exact drift scores beside Evidently's preset, on the same rows in the same process, and what a report costs.

    PYTHONPATH=include:. .venvs/airflow/bin/python bench/drift.py --rows 1000000

Prints CPU seconds (user + system), the ratio of the two, the largest difference of a score, and peak memory. The report is
drawn from files by a process of its own: its seconds are all of that process, imports included. Ends with an error when a
score differs by 1e-5 or more, or when a stated goal is missed at a million rows: scores at 40 times less CPU than the
preset, the report within 10 s and 500 MB. The preset alone takes a minute for a million rows.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from windtunnel.core.catalog import model_spec
from windtunnel.core.spec import Column, Evaluation, Kind, ModelSpec
from windtunnel.ml.drift import drift_scores

NUMBERS, CATEGORIES = 11, 4
KINDS: dict[str, Kind] = {
    **{f"number_{at}": "float64" for at in range(NUMBERS)},
    **{f"category_{at}": "string" for at in range(CATEGORIES)},
}
GOAL_RATIO, GOAL_DIFFERENCE, GOAL_REPORT_SECONDS, GOAL_REPORT_MB = 40, 1e-5, 10, 500
GOAL_ROWS = 1_000_000
SIDES = ("current", "training", "holdout")


def rows(count: int, shift: float, seed: int) -> pd.DataFrame:
    """15 columns: normal, skewed, whole and categorical ones."""
    random = np.random.default_rng(seed)
    letters = np.array([f"{first}{second}" for first in "ABCDEFGH" for second in "ABCDEFGH"])
    columns: dict[str, object] = {}
    for at in range(NUMBERS):
        kind = (random.normal(shift, 1, count), random.exponential(1 + shift, count), random.integers(0, 1440, count))
        columns[f"number_{at}"] = kind[at % 3].astype(np.float64)
    for at in range(CATEGORIES):
        weights = random.permutation(np.arange(1.0, 4 + 8 * at + 1))
        columns[f"category_{at}"] = random.choice(letters[: len(weights)], count, p=weights / weights.sum())
    return pd.DataFrame(columns)


def cpu[T](work: Callable[[], T]) -> tuple[float, T]:
    """CPU seconds of this process for a piece of work, and what it made."""
    started = time.process_time()
    made = work()
    return time.process_time() - started, made


def preset(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, float]:
    """Evidently's scores per column."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    numbers = [name for name, kind in KINDS.items() if kind == "float64"]
    definition = DataDefinition(
        numerical_columns=numbers, categorical_columns=[name for name in KINDS if name not in numbers]
    )
    sides = (Dataset.from_pandas(side, data_definition=definition) for side in (current, reference))
    found = Report([DataDriftPreset()]).run(*sides).dict()
    return {metric["config"]["column"]: metric["value"] for metric in found["metrics"] if "column" in metric["config"]}


def bench_spec() -> ModelSpec:
    """A model whose features are the bench's columns."""
    flights = model_spec("flights")
    about = {"about": ""}
    columns = (
        Column(name="key", kind="string", **about),
        Column(name="moment", kind="timestamp", **about),
        Column(name="eligible", kind="int64", **about),
        Column(name="label", kind="float64", later=True, **about),
        *(Column(name=name, kind=kind, **about) for name, kind in KINDS.items()),
    )
    ours = {
        "columns": columns,
        "key": "key",
        "event_time": "moment",
        "eligible": "eligible",
        "target": "label",
        "features": tuple(KINDS),
        "example": dict.fromkeys(KINDS),
        "evaluation": Evaluation(season=("eligible",), onnx_tolerance=1),
    }
    return ModelSpec(**{name: getattr(flights, name) for name in ModelSpec.model_fields} | ours)


def both(count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reference and current rows."""
    return rows(count, 0, 1), rows(count - count // 7, 0.1, 2)


def write(folder: Path, count: int) -> None:
    """The sides of a report as files, over a month, with labels and predictions made of the first columns."""
    reference, current = (pa.Table.from_pandas(side, preserve_index=False) for side in both(count))
    for name, side in zip(SIDES, (current, reference, reference), strict=True):
        seconds = np.linspace(0, 30 * 86_400 - 1, len(side)).astype("timedelta64[s]")
        moments = pa.array(np.datetime64("2013-05-01T00:00:00", "us") + seconds)
        told = (
            side.append_column("moment", moments)
            .append_column("day", moments.cast(pa.date32(), safe=False))
            .append_column("version", pa.array(["V1.1.2"] * len(side)))
            .append_column("label", pc.add(side["number_0"], side["number_1"]))
            .append_column("prediction", side["number_0"])
        )
        pq.write_table(told, folder / f"{name}.parquet")


def report(folder: Path) -> None:
    """Draw the whole report, all presets, from the files of a folder; the body of the process that is measured."""
    from tests import looks
    from windtunnel.aws.parquet import parts
    from windtunnel.ml import sides
    from windtunnel.ml.report import render

    spec, seed = bench_spec(), "bench"
    current, training, holdout = (partial(parts, str(folder / f"{name}.parquet"), day="day") for name in SIDES)
    asked, labelled, answered = sides.current(current, spec, version="V1.1.2", seed=seed)
    drawn = sides.Sides(
        asked, labelled, answered, sides.training(training, spec, seed=seed), sides.holdout(holdout, spec, seed=seed)
    )
    rendered = render(looks.look(), spec, drawn)
    print(f"{peak_mb():.0f} {len(rendered.html) / 1e6:.1f} {sum(side.whole for side in drawn)}")


def measured(count: int) -> tuple[float, float, str]:
    """CPU seconds and peak memory of a process that draws the report, and a line about the report."""
    command = [sys.executable, "-W", "ignore", __file__, "--rows", str(count)]
    with TemporaryDirectory() as folder:
        subprocess.run([*command, "--write", folder], check=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        drawn = subprocess.run([*command, "--report", folder], check=True, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = drawn.stdout.split()
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, float(said[0]), f"{said[1]} MB page, {int(said[2]):,} rows on its five sides"


def peak_mb() -> float:
    """Peak resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Run the bench; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="rows per side")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    count = given.rows
    if given.write or given.report:
        write(given.write, count) if given.write else report(given.report)
        return 0
    # First: a process that is started counts as its peak what the one that started it held.
    report_seconds, report_mb, said = measured(count)
    reference, current = both(count)
    tables = [pa.Table.from_pandas(side, preserve_index=False) for side in (reference, current)]
    before = peak_mb()
    ours_seconds, ours = cpu(lambda: drift_scores(tables[0], tables[1], KINDS))
    print(f"exact scores       {ours_seconds:8.2f} s CPU   {peak_mb() - before:6.0f} MB above {before:.0f} MB of data")
    print(f"report             {report_seconds:8.2f} s CPU   {report_mb:6.0f} MB in all; {said}")
    theirs_seconds, theirs = cpu(lambda: preset(reference, current))
    print(f"DataDriftPreset    {theirs_seconds:8.2f} s CPU   {peak_mb():6.0f} MB in all")
    ratio = theirs_seconds / ours_seconds
    difference = max(abs(ours[name].score - theirs[name]) for name in KINDS)
    print(f"ratio {ratio:.0f}, largest difference of a score {difference:.1e}, {count:,} rows x {len(KINDS)} columns")
    missed = report_seconds > GOAL_REPORT_SECONDS or report_mb > GOAL_REPORT_MB
    return int(difference >= GOAL_DIFFERENCE or (count >= GOAL_ROWS and (missed or ratio < GOAL_RATIO)))


if __name__ == "__main__":
    sys.exit(main())
