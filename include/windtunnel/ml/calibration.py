"""How far a window moves when nothing is wrong: thresholds of drift from the reference's own history.

Two things are tried on the history, each window against all other days. Every stretch of days as long as the window is
replayed: few windows, but as life made them. And windows are drawn by a bootstrap over blocks of days that keeps each
day's weekday: many windows, whose tails can be seen, but with less that lasts longer than a block. The draws give the
shape of a quiet window's scores and the replay their size: together a unit for each column and method.

One factor on all units then keeps the largest ratio of a window, over its columns and methods, above 1 in no more than
the stated share of windows, drawn and replayed ones alike. A replayed window is compared with units from the days it does
not have: thresholds that have seen a window are too kind to it, and fire on new ones two to four times as often as they
say. docs/decisions/0026-drift.md has the measured rates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from windtunnel.core.contracts.monitoring import DriftMethod
from windtunnel.ml.history import Floats, History

DRAWN = 999
"""Windows of the bootstrap."""

TAIL = 0.99
"""The quantile of each column's own scores that its threshold is a multiple of: columns are made comparable in the tail,
where they alarm, and not in the middle."""

LEAST_DAYS = 6
"""Fewer days of a reference are no history."""

_WEEK = 7
_SEED = 20130101
_ROUNDS = 16

Windows = NDArray[np.intp]


@dataclass(frozen=True)
class Pattern:
    """Which days a window has, and how many rows on each."""

    days: tuple[int, ...]
    "Ascending; days since 1970."
    rows: tuple[int, ...]

    @classmethod
    def of(cls, day: NDArray[np.int64]) -> Pattern:
        """From the day of each row."""
        days, rows = np.unique(day, return_counts=True)
        return cls(tuple(days.tolist()), tuple(rows.tolist()))

    def shortened(self, days: int) -> Pattern:
        """Its first days."""
        return Pattern(self.days[:days], self.rows[:days])


@dataclass(frozen=True)
class Family:
    """Columns that are compared with one history: the features, the answers, the labels."""

    history: History
    pattern: Pattern
    "Of the window's rows that have them."
    methods: Mapping[str, tuple[DriftMethod, ...]]
    "By column."


@dataclass(frozen=True)
class Calibration:
    """Thresholds, and what they would have done."""

    thresholds: dict[tuple[str, DriftMethod], float]
    fired: int
    "Replayed windows in which a score exceeds its threshold."
    replayed: int


def calibrate(families: Sequence[Family], rate: float) -> Calibration:
    """Thresholds for one window.

    Families share no draw, so their shares of alarms are added: the sum is at most `rate`, whatever they have in common.

    Args:
        families: Those with fewer than `LEAST_DAYS` days of history have no thresholds.
        rate: Share of quiet windows that may be called drift.
    """
    known = [_scored(family) for family in families if len(family.history.days) >= LEAST_DAYS and family.methods]
    if not known:
        return Calibration({}, 0, 0)
    factor = _factor([each.ratios for each in known], rate)
    thresholds = {name: factor * unit for each in known for name, unit in each.units.items()}
    replayed = [each.ratios[1] for each in known]
    return Calibration(thresholds, sum(int((each > factor).sum()) for each in replayed), sum(map(len, replayed)))


@dataclass(frozen=True)
class _Scored:
    units: dict[tuple[str, DriftMethod], float]
    ratios: tuple[Floats, Floats]
    "The largest score over its unit of each drawn, and of each replayed, window."


def _scored(family: Family) -> _Scored:
    history = family.history
    # A window as long as its history leaves nothing to compare with; a shorter one moves more, which is the safe side.
    pattern = family.pattern.shortened(max(len(history.days) // 3, 1))
    halvings = _halvings(pattern, history)
    replayed = _replayed(pattern, history.days)
    drawn = _drawn(pattern, history.days, replayed)
    windows = np.concatenate([drawn, replayed])
    names = [(column, method) for column, methods in family.methods.items() for method in methods]
    scores = np.concatenate(
        [history.scores(column, methods, windows, halvings, _SEED) for column, methods in family.methods.items()],
        axis=1,
    )
    floors = np.array([_floor(method, history.rows_of(column), sum(family.pattern.rows)) for column, method in names])
    of_drawn, of_replayed = np.split(scores, [len(drawn)])
    units = _units(of_drawn, of_replayed, floors)
    has = np.zeros((len(windows), len(history.days)), dtype=bool)
    np.put_along_axis(has, windows, values=True, axis=1)
    honest = np.empty(len(replayed))
    for at, days in enumerate(has[len(drawn) :]):
        apart = ~(has & days).any(axis=1)
        others = of_drawn[apart[: len(drawn)]], of_replayed[apart[len(drawn) :]]
        known = _units(*others, floors) if all(map(len, others)) else units
        honest[at] = _ratios(of_replayed[at], known).max()
    return _Scored(dict(zip(names, units.tolist(), strict=True)), (_ratios(of_drawn, units).max(axis=1), honest))


def _ratios(scores: Floats, units: Floats) -> Floats:
    return np.divide(scores, units, out=np.zeros_like(scores), where=units > 0)


def _units(drawn: Floats, replayed: Floats, floors: Floats) -> Floats:
    """Per column and method: the tail of the draws, as much larger as the replayed windows move more than they."""
    usual = np.median(drawn, axis=0)
    larger = np.maximum(np.divide(np.median(replayed, axis=0), usual, out=np.ones_like(usual), where=usual > 0), 1)
    found: Floats = np.maximum(larger * np.quantile(drawn, TAIL, axis=0), floors)
    return found


def _floor(method: DriftMethod, reference_rows: int, current_rows: int) -> float:
    """What one row that the reference happens not to have would score: less is no evidence."""
    if method == "wasserstein":
        return 0.0
    share = 1 / max(min(reference_rows, current_rows), 1)
    return float(np.sqrt(share * np.log(2) / 2)) if method == "jensenshannon" else share


def _factor(ratios: Sequence[tuple[Floats, Floats]], rate: float) -> float:
    """The smallest factor at which the families together alarm in at most this share of windows."""
    candidates = np.unique(np.concatenate([part for both in ratios for part in both]))

    def share(factor: float) -> float:
        # One more than were drawn: the window itself counts as one of them.
        return sum(
            max((1 + (drawn > factor).sum()) / (1 + len(drawn)), (replayed > factor).mean())
            for drawn, replayed in ratios
        )

    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if share(candidates[middle]) <= rate else (middle + 1, high)
    return float(candidates[low])


def _halvings(pattern: Pattern, history: History) -> tuple[int, ...]:
    return tuple(max(round(float(np.log2(history.rows_per_day / rows))), 0) for rows in pattern.rows)


def _replayed(pattern: Pattern, days: NDArray[np.int64]) -> Windows:
    """The window's pattern of days moved through the history, wherever all its days are there."""
    offsets = np.array(pattern.days) - pattern.days[0]
    found = _places(days, days[:, None] + offsets)
    found = found[(found >= 0).all(axis=1)]
    if len(found):
        return found
    return np.arange(len(days) - len(offsets) + 1)[:, None] + np.arange(len(offsets))


def _drawn(pattern: Pattern, days: NDArray[np.int64], replayed: Windows) -> Windows:
    """Replayed windows whose blocks of days are moved by whole weeks, each by its own number of them."""
    random = np.random.default_rng(_SEED)
    count = len(pattern.days)
    length = max(round(count**0.25), 1)
    blocks = [np.arange(start, min(start + length, count)) for start in range(0, count, length)]
    weeks = _WEEK * np.arange(-((days[-1] - days[0]) // _WEEK), (days[-1] - days[0]) // _WEEK + 1)
    found: list[Windows] = []
    for _ in range(_ROUNDS):
        base = days[replayed[random.integers(len(replayed), size=DRAWN)]]
        moved = [_moved(base[:, block], weeks, days, random) for block in blocks]
        windows = np.concatenate(moved, axis=1)
        ordered = np.sort(windows, axis=1)
        found.append(windows[(np.diff(ordered, axis=1) > 0).all(axis=1)])
        if sum(map(len, found)) >= DRAWN:
            break
    # Where hardly any draw has every day once, the replayed windows themselves are left.
    return np.concatenate([*found, replayed])[:DRAWN]


def _moved(
    block: NDArray[np.int64], weeks: NDArray[np.int64], days: NDArray[np.int64], random: np.random.Generator
) -> Windows:
    """One block of each window, moved by a random number of weeks after which all its days are there."""
    places = _places(days, block[:, None, :] + weeks[None, :, None])
    there = (places >= 0).all(axis=2)
    chosen = np.argmax(there * random.random(there.shape), axis=1)
    return places[np.arange(len(block)), chosen]


def _places(days: NDArray[np.int64], wanted: NDArray[np.int64]) -> Windows:
    """Where each wanted day stands in `days`; -1: it does not."""
    place = np.minimum(np.searchsorted(days, wanted), len(days) - 1)
    return np.where(days[place] == wanted, place, -1)
