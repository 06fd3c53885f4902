"""How far a window moves when nothing is wrong: thresholds of drift from the reference's own history.

Two things are tried on the history, each window against all other days. Every stretch of days as long as the window is
replayed: few windows, but as life made them. And windows are drawn by a bootstrap over blocks of days that keeps each
day's weekday: many windows, whose tails can be seen, but with less that lasts longer than a block. The draws give the
shape of a quiet window's scores and the replay their size: together a unit for each column and method.

One factor on all units then keeps the largest ratio of a window, over its columns and methods, above 1 in no more than
the stated share of windows. It is the largest of three: that of the draws; that of the replay; and that of the next
window, as Student's t predicts it from the logarithms of the replayed ratios, each of them to units from the days that
window does not have. Without the last one, thresholds fire two to four times as often as they say: what they were made
of they know too well, and a quarter has hardly more than a dozen weeks. docs/decisions/0026-drift.md has the rates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from windtunnel.core.contracts.monitoring import DriftMethod
from windtunnel.ml.history import Floats, History

DRAWN = 999
"""Windows of the bootstrap."""

LEAST_RATIO = 0.1
"""Smaller ratios are as good as this one: how far below its threshold a column stays says nothing of its tail."""

TAIL = 0.99
"""The quantile of each column's own scores that its threshold is a multiple of: columns are made comparable in the tail,
where they alarm, and not in the middle."""

LEAST_DAYS = 10
"""Fewer days of a reference are no history."""

LEAST_WINDOWS = 5
"""A window is tried with so few of its days that at least so many of its kind lie side by side in the history."""

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
    def of(cls, day: pa.ChunkedArray) -> Pattern:
        """From the date of each row."""
        days, rows = np.unique(day.cast(pa.int32()).to_numpy(), return_counts=True)
        return cls(tuple(days.tolist()), tuple(rows.tolist()))

    def halvings(self, rows_per_day: float) -> tuple[int, ...]:
        """How often the rows of a usual day must be halved to be as few as each day's."""
        return tuple(max(round(float(np.log2(rows_per_day / rows))), 0) for rows in self.rows)

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

    Each family may use an equal part of the rate, so that together they keep to it whatever they have in common. Those
    of one history whose windows have the same days, as full, are drawn together as one.

    Args:
        families: Those with fewer than `LEAST_DAYS` days of history have no thresholds.
        rate: Share of quiet windows that may be called drift.
    """
    known = _joined([family for family in families if len(family.history.days) >= LEAST_DAYS and family.methods])
    each = [_calibrate(family, rate / len(known)) for family in known]
    thresholds = {name: threshold for one in each for name, threshold in one.thresholds.items()}
    return Calibration(thresholds, sum(one.fired for one in each), sum(one.replayed for one in each))


def _joined(families: Sequence[Family]) -> list[Family]:
    found: dict[Any, Family] = {}
    for family in families:
        key = (id(family.history), family.pattern.days, family.pattern.halvings(family.history.rows_per_day))
        first = found.setdefault(key, family)
        found[key] = replace(first, methods={**first.methods, **family.methods})
    return list(found.values())


def _calibrate(family: Family, rate: float) -> Calibration:
    history = family.history
    # Of long windows a short history has too few to say anything; a shorter one moves more, which is the safe side.
    pattern = family.pattern.shortened(len(history.days) // LEAST_WINDOWS)
    replayed = _replayed(pattern, history.days)
    drawn = _drawn(pattern, history.days, replayed)
    windows = np.concatenate([drawn, replayed])
    halvings = pattern.halvings(history.rows_per_day)
    scores = [history.scores(column, methods, windows, halvings, _SEED) for column, methods in family.methods.items()]
    of_drawn, of_replayed = np.split(np.concatenate(scores, axis=1), [len(drawn)])
    names = [(column, method) for column, methods in family.methods.items() for method in methods]
    floors = np.array([_floor(method, history.rows_of(column), sum(family.pattern.rows)) for column, method in names])
    units = _units(of_drawn, of_replayed, floors)
    shares = [_ratios(scores, units).max(axis=1) for scores in (of_drawn, of_replayed)]
    unseen = _unseen_ratios(windows, of_drawn, of_replayed, floors)
    factor = max(
        float(np.quantile(shares[0], 1 - rate, method="higher")),
        float(np.quantile(shares[1], 1 - rate, method="higher")),
        _next(unseen, len(history.days) / len(pattern.days), rate),
    )
    thresholds = dict(zip(names, (factor * units).tolist(), strict=True))
    return Calibration(thresholds, int((shares[1] > factor).sum()), len(replayed))


def _unseen_ratios(windows: Windows, of_drawn: Floats, of_replayed: Floats, floors: Floats) -> Floats:
    """The largest ratio of each replayed window to units from windows that share no day with it."""
    has = np.zeros((len(windows), windows.max() + 1), dtype=bool)
    np.put_along_axis(has, windows, values=True, axis=1)
    drawn = len(of_drawn)
    found = np.empty(len(of_replayed))
    for at, days in enumerate(has[drawn:]):
        apart = ~(has & days).any(axis=1)
        units = _units(_some(of_drawn, apart[:drawn]), _some(of_replayed, apart[drawn:]), floors)
        found[at] = _ratios(of_replayed[at], units).max()
    return found


def _some(scores: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Those windows; all where that is none, as in a history of three windows."""
    return scores[chosen] if chosen.any() else scores


def _next(ratios: Floats, independent: float, rate: float) -> float:
    """What the next ratio exceeds with this probability, if logarithms of ratios are normal.

    The prediction interval of one more observation: G. J. Hahn and W. Q. Meeker, Statistical Intervals (1991), section
    4.7; windows that overlap count as many as would lie side by side.
    """
    logarithms = np.log(np.maximum(ratios, LEAST_RATIO))
    spread = float(np.std(logarithms)) * np.sqrt(independent / (independent - 1) * (1 + 1 / independent))
    return float(np.exp(np.mean(logarithms) + stats.t.ppf(1 - rate, independent - 1) * spread))


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
