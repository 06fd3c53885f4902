"""Quiet and faulty weeks of real flights, for the calibration of drift.

A stationary world is made of the real days of 2013, drawn without replacement in stretches that followed one another and
that begin on their own weekday: 90 days are the reference, and each week drawn from the other days is quiet by
construction, whatever the season of its days.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from importlib.metadata import distribution

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.core.contracts.monitoring import DriftMethod
from windtunnel.core.spec import Kind, PackageCsv
from windtunnel.ml import schema
from windtunnel.ml.calibration import Calibration, Family, Pattern, calibrate
from windtunnel.ml.history import History
from windtunnel.ml.joined import DAY, PREDICTION, VERSION
from windtunnel.models.flights.spec import SPEC

Places = npt.NDArray[np.intp]

DAYS, WEEK = 90, 7
KINDS: dict[str, Kind] = {name: SPEC.column(name).kind for name in (*SPEC.features, SPEC.target)}
METHODS: dict[str, tuple[DriftMethod, ...]] = {
    name: ("jensenshannon" if kind == "string" else "wasserstein", "missing", "constant")
    for name, kind in KINDS.items()
}


@cache
def flights() -> pa.Table:
    """The flights of 2013 that left and have a label, with the columns that `collect` gives a prediction."""
    assert isinstance(SPEC.source, PackageCsv)
    raw = pd.read_csv(str(distribution(SPEC.source.distribution).locate_file(SPEC.source.member)))
    rows = schema.to_arrow(SPEC.derive(raw)[[column.name for column in SPEC.columns]], schema.arrow_schema(SPEC))
    rows = rows.filter(pc.and_(pc.equal(rows[SPEC.eligible], 1), pc.is_valid(rows[SPEC.target])))
    answers = {PREDICTION: pc.subtract(rows["dep_delay"], 4.0), VERSION: pa.array(["V1.1.0"] * len(rows))}
    rows = rows.select([SPEC.key, SPEC.event_time, *KINDS])
    for name, values in {DAY: pc.cast(rows[SPEC.event_time], pa.date32(), safe=False), **answers}.items():
        rows = rows.append_column(name, values)
    return rows


def between(start: date, end: date) -> pa.Table:
    """The flights of some days."""
    rows = flights()
    return rows.filter(pc.and_(pc.greater_equal(rows[DAY], start), pc.less(rows[DAY], end)))


@cache
def year() -> tuple[History, tuple[Places, ...], npt.NDArray[np.int64]]:
    """All of 2013 as counts, the rows of each day, and the days' weekdays."""
    history = History.of(flights(), SPEC.event_time, KINDS)
    rows = tuple(np.flatnonzero(history.day == day) for day in range(len(history.days)))
    return history, rows, (history.days + 3) % WEEK  # 1970 began on a Thursday


def world(stretch: int, weeks: int, seed: int) -> tuple[Places, list[Places]]:
    """Days of 2013: a reference's, and those of so many weeks that would follow it."""
    random = np.random.default_rng((seed, stretch))
    weekday = year()[2]
    free = np.ones(len(weekday), dtype=bool)

    def draw(first: int, days: int) -> Places:
        at, found = first - int(random.integers(stretch)), []
        while at < first + days:
            starts = np.flatnonzero(weekday[: len(weekday) - stretch + 1] == at % WEEK)
            left = [start for start in starts if free[start : start + stretch].all()]
            chosen = int(random.choice(left))
            free[chosen : chosen + stretch] = False
            found += [chosen + day for day in range(stretch) if at + day >= first]
            at += stretch
        return np.array(found[:days])

    return draw(0, DAYS), [draw(DAYS, WEEK) for _ in range(weeks)]


def dated(places: Places) -> History:
    """The history that has these days of 2013 one after the other, the first on a Monday."""
    history, rows, _ = year()
    chosen = [rows[place] for place in places]
    at = np.concatenate(chosen)
    columns = {name: replace(binned, codes=binned.codes[at]) for name, binned in history.columns.items()}
    day = np.repeat(np.arange(len(places), dtype=np.int32), [len(each) for each in chosen])
    return History(np.arange(4, 4 + len(places), dtype=np.int64), day, columns)


def calibrated(reference: History, week: Places, rate: float) -> Calibration:
    """Thresholds for a week that follows the reference."""
    rows = tuple(len(year()[1][place]) for place in week)
    days = tuple(range(int(reference.days[-1]) + 1, int(reference.days[-1]) + 1 + WEEK))
    return calibrate([Family(reference, Pattern(days, rows), METHODS)], rate)


def largest_ratio(reference: Places, week: Places, thresholds: Calibration) -> float:
    """Of a week's scores against the reference over their thresholds."""
    history, window = dated(np.concatenate([reference, week])), np.arange(DAYS, DAYS + WEEK)[None]
    return max(
        float(score) / thresholds.thresholds[name, method]
        for name, methods in METHODS.items()
        for method, score in zip(methods, history.scores(name, methods, window, (0,) * WEEK, 0)[0], strict=True)
    )


def left_out(seed: int) -> tuple[date, pa.Table, pa.Table]:
    """A real week's first day and flights, and those of the three months around it without the week."""
    random = np.random.default_rng(seed)
    start = date(2013, int(random.integers(1, 11)), 1)
    end = (start + timedelta(days=95)).replace(day=1)
    first = start + timedelta(days=int(random.integers((end - start).days - WEEK + 1)))
    around = between(start, end)
    inside = pc.and_(pc.greater_equal(around[DAY], first), pc.less(around[DAY], first + timedelta(days=WEEK)))
    return first, around.filter(inside), around.filter(pc.invert(inside))
