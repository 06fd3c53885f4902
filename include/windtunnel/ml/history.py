"""A reference's history as counts per day: what any set of its days would have scored, without reading a row twice.

Numbers are counted on at most 2,048 bins between quantiles of the reference, exactly where a column has no more distinct
values; categories each by themselves. So the cost of a replay depends on days and bins, not on rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from windtunnel.core.contracts.monitoring import DriftMethod
from windtunnel.core.spec import Kind
from windtunnel.ml.drift import SMALLEST_NORM

BINS = 2_048
"""Of a column of numbers, at most."""

_OUTERMOST = 256
"""So many values at either end have bins of their own."""

_HANDS = 8
"""Into so many disjoint parts the rows of each day are dealt at most, where a window has only a part of a day's rows."""

_CELLS = 2**16
"""Windows times bins that are scored at a time: so many stay in a core's own cache."""

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Binned:
    """One column of the reference: the bin of each row, the last bin for missing values."""

    codes: NDArray[np.int32]
    bins: int
    means: Floats = field(default_factory=lambda: np.empty(0))
    "Mean of the values in each bin, ascending; none of categories."
    squares: Floats = field(default_factory=lambda: np.empty(0))
    "Mean of the squares of the values in each bin."


@dataclass(frozen=True)
class History:
    """The rows of a reference, by day and bin."""

    days: NDArray[np.int64]
    "The distinct days, ascending, as days since 1970."
    day: NDArray[np.int32]
    "Of each row, its place in `days`."
    columns: dict[str, Binned]
    _dealt: dict[tuple[str, int], Counts] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: pa.Table, moment: str, kinds: Mapping[str, Kind]) -> History:
        """Count a reference.

        Args:
            rows: With the columns and the moment.
            moment: Timestamp or date column that puts a row into its day.
            kinds: Columns to count, with their types; timestamps are left out.
        """
        at = pc.cast(rows[moment], pa.date32(), safe=False).cast(pa.int32()).to_numpy()
        days, day = np.unique(at, return_inverse=True)
        columns = {
            name: _categories(rows[name]) if kind == "string" else _numbers(rows[name])
            for name, kind in kinds.items()
            if kind != "timestamp"
        }
        return cls(days.astype(np.int64), day.astype(np.int32), columns)

    @cached_property
    def rows_per_day(self) -> float:
        """Rows of a day with rows, on average."""
        return len(self.day) / len(self.days)

    def rows_of(self, column: str) -> int:
        """Rows with a value."""
        binned = self.columns[column]
        return int((binned.codes < binned.bins).sum())

    def scores(
        self,
        column: str,
        methods: tuple[DriftMethod, ...],
        windows: NDArray[np.intp],
        halvings: tuple[int, ...],
        seed: int,
    ) -> Floats:
        """What windows of the history score against all its other days.

        Args:
            column: Which.
            methods: How.
            windows: Places in `days`, `(windows, days of a window)`; no day twice in a window.
            halvings: For each day of a window, how often its rows are halved at random.
            seed: Says which of the parts.

        Returns:
            `(windows, methods)`.
        """
        binned = self.columns[column]
        hands = [
            np.random.default_rng((seed, at)).integers(min(2**halving, _HANDS), size=len(windows))
            for at, halving in enumerate(halvings)
        ]
        whole = self._counts(column, 0)[0]
        total = whole.sum(axis=0)
        found = []
        chunk = max(_CELLS // (binned.bins + 1), 1)
        for start in range(0, len(windows), chunk):
            part = slice(start, start + chunk)
            current = np.zeros((len(windows[part]), binned.bins + 1), dtype=np.int64)
            taken = current if not any(halvings) else np.zeros_like(current)
            for at, halving in enumerate(halvings):
                current += self._counts(column, halving)[hands[at][part], windows[part, at]]
                if taken is not current:
                    taken += whole[windows[part, at]]
            found.append(_scores(methods, current, total - taken, binned))
        return np.concatenate(found)

    def _counts(self, column: str, halving: int) -> Counts:
        """Rows by part, day and bin, `(parts, days, bins + 1)`."""
        if (column, halving) not in self._dealt:
            parts, width = min(2**halving, _HANDS), self.columns[column].bins + 1
            cell = self.day * np.int64(width) + self.columns[column].codes
            if halving:
                hand = self._hand * 2**halving // self._size
                cell = (cell + hand * (len(self.days) * width))[hand < parts]
            counts = np.bincount(cell, minlength=parts * len(self.days) * width)
            self._dealt[column, halving] = counts.reshape(parts, len(self.days), width)
        return self._dealt[column, halving]

    @cached_property
    def _size(self) -> Counts:
        """Rows of each row's day."""
        return np.bincount(self.day)[self.day]

    @cached_property
    def _hand(self) -> Counts:
        """Each row's place in its day, shuffled."""
        shuffled = np.random.default_rng(len(self.day)).permutation(len(self.day))
        order = shuffled[np.argsort(self.day[shuffled], kind="stable")]
        place = np.empty(len(self.day), dtype=np.int64)
        ends = np.cumsum(np.bincount(self.day))
        place[order] = np.arange(len(self.day)) - (ends - np.bincount(self.day))[self.day[order]]
        return place


def _scores(methods: tuple[DriftMethod, ...], current: Counts, rest: Counts, binned: Binned) -> Floats:
    """Of each window by each method, by the definitions of ml/drift.py; 0 where a side has no value."""
    everything = np.maximum(current.sum(axis=1), 1), np.maximum(rest.sum(axis=1), 1)
    valued = everything[0] - current[:, -1], everything[1] - rest[:, -1]
    p = current[:, :-1] / np.maximum(valued[0], 1)[:, None]
    q = rest[:, :-1] / np.maximum(valued[1], 1)[:, None]
    found = np.empty((len(current), len(methods)))
    for at, method in enumerate(methods):
        if method == "missing":
            found[:, at] = np.abs(current[:, -1] / everything[0] - rest[:, -1] / everything[1])
        else:
            found[:, at] = np.where(np.minimum(*valued) > 0, _distance(method, p, q, binned), 0)
    return found


def _distance(method: DriftMethod, p: Floats, q: Floats, binned: Binned) -> Floats:
    """Between the shares of the bins, per row."""
    if method == "constant":
        return np.abs(p.max(axis=1, initial=0) - q.max(axis=1, initial=0))
    if method == "jensenshannon":
        return np.sqrt(np.maximum(_entropy(p, q) + _entropy(q, p), 0) / 2)
    apart = np.abs(np.cumsum(p - q, axis=1)[:, :-1])
    mean = (q * binned.means).sum(axis=1)
    spread = np.sqrt(np.maximum((q * binned.squares).sum(axis=1) - mean**2, 0))
    return (apart * np.diff(binned.means)).sum(axis=1) / np.maximum(spread, SMALLEST_NORM)


def _entropy(p: Floats, q: Floats) -> Floats:
    """Relative entropy of p to the middle of p and q, per row."""
    # Where p is 0 the term is 0; dividing by 1 there keeps it from being 0 times infinity.
    ratio = np.where(p > 0, 2 * p, 1) / np.where(p > 0, p + q, 1)
    found: Floats = (p * np.log(ratio)).sum(axis=1)
    return found


def _numbers(column: pa.ChunkedArray) -> Binned:
    values = column.to_numpy().astype(np.float64)
    finite = np.isfinite(values)
    known = values if finite.all() else values[finite]
    ordered = np.sort(known)
    starts = np.flatnonzero(np.diff(ordered, prepend=np.nan) != 0)
    # The upper end of each bin, itself included.
    ends = ordered[starts] if len(starts) <= BINS else _quantiles(ordered)
    centre = float(np.mean(known)) if len(known) else 0.0
    place = np.searchsorted(ends, known)
    counts = np.maximum(np.bincount(place, minlength=len(ends)), 1)
    moved = known - centre
    codes = np.full(len(values), len(ends), dtype=np.int32)
    codes[finite] = place
    means = np.bincount(place, weights=moved, minlength=len(ends)) / counts
    squares = np.bincount(place, weights=moved**2, minlength=len(ends)) / counts
    return Binned(codes, len(ends), means, squares)


def _quantiles(ordered: Floats) -> Floats:
    """Values at even steps of the sorted values, and the outermost ones each: where tails are heavy they weigh most."""
    steps = np.linspace(0, len(ordered) - 1, BINS - 2 * _OUTERMOST).astype(np.int64)
    return np.unique(np.concatenate([ordered[:_OUTERMOST], ordered[steps], ordered[-_OUTERMOST:]]))


def _categories(column: pa.ChunkedArray) -> Binned:
    encoded = column.combine_chunks().cast(pa.large_string()).dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    known = len(encoded.dictionary)
    return Binned(pc.fill_null(encoded.indices, known).to_numpy().astype(np.int32), known)
