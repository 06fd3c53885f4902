"""Thresholds of drift at the flagship's size: how often quiet weeks fire, and which faults are found.

Rates of other worlds, of the real months and of Evidently's own rule stand in docs/decisions/0026-drift.md.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy import stats

from tests.unit import weeks
from windtunnel.core.contracts.monitoring import DriftMethod
from windtunnel.core.window import Window
from windtunnel.ml.calibration import Family, Pattern, calibrate
from windtunnel.ml.detection import Reference
from windtunnel.ml.history import History
from windtunnel.models.flights.spec import SPEC

RATE = SPEC.monitoring.false_alarms
HISTORIES, WEEKS_EACH, STRETCH = 150, 2, 5
QUIET = HISTORIES * WEEKS_EACH
MOST = int(stats.binom.ppf(0.95, QUIET, RATE))
"""At the stated rate 300 quiet weeks fire at most so often, in 95 of 100 such tests: 21, or 7 %."""

TRIALS, COMBINATIONS = 100, 4
CARRIERS = ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN")
"""Those with at least 3 % of the flights."""
UNITS = {"distance": 1.609344, "sched_dep_minute": 1 / 60, "sched_arr_minute": 1 / 60, "dep_delay": 60.0}
"""Kilometres, hours, hours, seconds."""


@cache
def quiet() -> tuple[list[float], list[float]]:
    """The largest ratio of each quiet week, and how often its thresholds would have fired in the reference."""
    ratios, replayed = [], []
    for seed in range(HISTORIES):
        reference, following = weeks.world(STRETCH, WEEKS_EACH, seed)
        history = weeks.dated(reference)
        made = weeks.calibrated(history, following[0], RATE)
        replayed.append(made.fired / made.replayed)
        ratios += [weeks.largest_ratio(reference, week, made) for week in following]
    return ratios, replayed


def test_quiet_weeks_fire_at_most_at_the_stated_rate() -> None:
    ratios, _ = quiet()
    fired = int((np.array(ratios) > 1).sum())
    print(f"{fired} of {len(ratios)} quiet weeks fire ({fired / len(ratios):.1%}); at most {MOST} may")
    assert len(ratios) == QUIET
    assert fired <= MOST


def test_the_thresholds_are_no_larger_than_they_must_be() -> None:
    """A half of each would be crossed far too often: the test above can fail."""
    assert (np.array(quiet()[0]) > 0.5).sum() > MOST


def test_no_reference_would_have_fired_more_often_than_stated() -> None:
    assert max(quiet()[1]) <= RATE


def planted(seed: int, week: pa.Table) -> tuple[pa.Table, dict[str, str]]:
    """A week with three faults in three columns: a carrier is missing, units changed, a sensor is stuck at 0."""
    random = np.random.default_rng(seed)
    stuck, changed = random.choice([*UNITS], size=2, replace=False)
    week = week.filter(pc.not_equal(week["carrier"], random.choice(CARRIERS)))
    for name, values in {
        stuck: pc.multiply(week[stuck], 0),
        changed: pc.multiply(week[changed].cast(pa.float64()), UNITS[changed]),
    }.items():
        week = week.set_column(week.schema.get_field_index(name), name, values)
    return week, {"carrier": "carrier missing", changed: "units changed", stuck: "stuck at 0"}


@cache
def trials() -> tuple[dict[str, int], int]:
    """How often each kind of fault was found in its own column, and how often that column fired without it."""
    found: dict[str, int] = dict.fromkeys(("carrier missing", "units changed", "stuck at 0"), 0)
    without = 0
    for around in range(TRIALS // COMBINATIONS):
        first, week, rest = weeks.left_out(around)
        window = Window(start=first, end=first + timedelta(days=weeks.WEEK))
        beside = Reference(SPEC, "V1.1.0", {"training": rest, "holdout": rest})
        without += bool({*UNITS, "carrier"} & {each.column for each in beside.detect(window, week).drift.drifted})
        for seed in range(COMBINATIONS):
            faulty, kinds = planted(around * COMBINATIONS + seed, week)
            drifted = {each.column for each in beside.detect(window, faulty).drift.drifted}
            for column, kind in kinds.items():
                found[kind] += column in drifted
    return found, without


@pytest.mark.parametrize("kind", ["carrier missing", "units changed", "stuck at 0"])
def test_of_100_planted_faults_at_least_95_are_found(kind: str) -> None:
    found, _ = trials()
    print(f"{kind}: {found[kind]} of {TRIALS} found")
    assert found[kind] >= 95


def test_the_same_weeks_without_the_faults_are_quiet() -> None:
    """25 real weeks, each beside the rest of its quarter."""
    assert trials()[1] <= 2


def history(rows: int, days: int = 40) -> History:
    """A column of numbers with gaps, one of few values, one of letters."""
    random = np.random.default_rng(0)
    numbers = random.exponential(size=rows)
    table = pa.table(
        {
            "moment": np.sort(random.integers(0, days, rows)).astype("datetime64[D]"),
            "number": pa.array(numbers, mask=random.random(rows) < 0.1),
            "few": random.integers(0, 3, rows),
            "letter": pa.array(random.choice(list("abc"), rows)),
        }
    )
    return History.of(table, "moment", {"number": "float64", "few": "int64", "letter": "string"})


ALL: dict[str, tuple[DriftMethod, ...]] = {
    "number": ("wasserstein", "missing", "constant"),
    "few": ("jensenshannon", "missing", "constant"),
    "letter": ("jensenshannon", "missing", "constant"),
}


def test_the_same_reference_gives_the_same_thresholds() -> None:
    pattern = Pattern(tuple(range(100, 107)), (100,) * 7)
    first, again = (calibrate([Family(history(8_000), pattern, ALL)], RATE) for _ in range(2))
    assert first == again
    assert set(first.thresholds) == {(name, method) for name, methods in ALL.items() for method in methods}
    assert min(first.thresholds.values()) > 0


def test_fewer_rows_have_larger_thresholds() -> None:
    known = history(40_000)
    full, tenth = (
        calibrate([Family(known, Pattern(tuple(range(100, 107)), (rows,) * 7), ALL)], RATE).thresholds
        for rows in (1_000, 100)
    )
    assert tenth["number", "wasserstein"] > 1.2 * full["number", "wasserstein"]
    assert tenth["letter", "jensenshannon"] > 1.5 * full["letter", "jensenshannon"]


@pytest.mark.parametrize("days", [1, 2, 7, 10, 28], ids=lambda days: f"{days} days")
@pytest.mark.parametrize("known", [10, 30, 90], ids=lambda days: f"of {days}")
def test_windows_of_any_length_have_thresholds(days: int, known: int) -> None:
    """Also where the reference is shorter than the window."""
    pattern = Pattern(tuple(range(1_000, 1_000 + days)), (100,) * days)
    made = calibrate([Family(history(100 * known, known), pattern, ALL)], RATE)
    assert np.isfinite(list(made.thresholds.values())).all()
    assert made.fired <= RATE * made.replayed


def test_a_window_with_holes_is_tried_with_the_same_holes() -> None:
    """Monday to Friday are replayed as Monday to Friday where the reference has no other days."""
    monday = 15_712  # 2013-01-07
    days = np.array([monday + 7 * week + day for week in range(12) for day in range(5)]).astype("datetime64[D]")
    table = pa.table({"moment": np.repeat(days, 50), "number": np.random.default_rng(0).normal(size=3_000)})
    known = History.of(table, "moment", {"number": "float64"})
    week = Pattern(tuple(range(monday + 84, monday + 89)), (50,) * 5)
    assert calibrate([Family(known, week, {"number": ("wasserstein",)})], RATE).replayed == 12


def test_a_reference_of_few_days_gives_no_thresholds() -> None:
    assert calibrate([Family(history(900, 9), Pattern((100,), (100,)), ALL)], RATE).thresholds == {}


def test_families_share_the_rate() -> None:
    """Two references instead of one: each threshold is larger, so that together they fire no more often."""
    pattern = Pattern(tuple(range(100, 107)), (200,) * 7)
    numbers, letters = ({name: ALL[name]} for name in ("number", "letter"))
    known = history(8_000)
    alone = calibrate([Family(known, pattern, numbers)], RATE).thresholds
    beside = calibrate([Family(known, pattern, numbers), Family(history(8_000), pattern, letters)], RATE).thresholds
    assert beside["number", "wasserstein"] > alone["number", "wasserstein"]
    assert set(beside) == {(name, method) for name in ("number", "letter") for method in ALL[name]}
