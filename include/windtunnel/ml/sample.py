"""A bounded sample of rows that keeps the share of every day, drawn without holding the rows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

type Read = Callable[[Sequence[str]], Iterator[pa.Table]]
"""Some columns of all rows, in at least one part; each call gives the same rows in the same order."""


type Whole = np.ndarray[tuple[int], np.dtype[np.int64]]
type Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


class Sampled(NamedTuple):
    """Some of the rows, in their order, and how many there are."""

    rows: pa.Table
    whole: int


def sample(read: Read, columns: Sequence[str], rows: int, *, moment: str, seed: str) -> Sampled:
    """At most `rows` rows, spread over the days as the whole is, to within one row per day; the same each time.

    Memory holds the sample and one part, however large the whole is.

    Args:
        read: The whole; read three times, twice its moments alone.
        columns: What is kept of a row.
        rows: Most rows to keep.
        moment: Column of dates or timestamps whose day is the stratum; rows without one form a stratum of their own.
        seed: Any text; another text draws other rows.
    """
    counts: Counter[int] = Counter()
    for part in read([moment]):
        counts.update(
            dict(zip(*(found.tolist() for found in np.unique(_days(part[moment]), return_counts=True)), strict=True))
        )
    shares = _shares(counts, rows)
    chosen = _chosen((_days(part[moment]) for part in read([moment])), shares, seed)
    kept, start = [], 0
    for part in read(columns):
        begin, end = np.searchsorted(chosen, (start, start + len(part)))
        kept.append(part.take(pa.array(chosen[begin:end] - start)).select(list(columns)))
        start += len(part)
    return Sampled(pa.concat_tables(kept).combine_chunks(), counts.total())


def _days(moments: pa.ChunkedArray) -> Whole:
    days = pc.cast(pc.cast(moments, pa.date32(), safe=False), pa.int32())
    return np.asarray(pc.fill_null(days, np.iinfo(np.int32).min).to_numpy(), dtype=np.int64)


def _shares(counts: Counter[int], rows: int) -> dict[int, int]:
    """How many rows each day keeps: every n-th of all rows in order of days."""
    whole, days = counts.total(), sorted(counts)
    if whole <= rows:
        return dict(counts)
    ranks = (np.arange(rows) * whole + whole // 2) // rows
    upto = np.searchsorted(ranks, np.cumsum([counts[day] for day in days]))
    return dict(zip(days, np.diff(upto, prepend=0).tolist(), strict=True))


def _chosen(parts: Iterator[Whole], shares: dict[int, int], seed: str) -> Whole:
    """The places of the rows that each day keeps: those that draw its smallest numbers."""
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]))
    days, most = (np.array(values) for values in ([*sorted(shares)], [shares[day] for day in sorted(shares)]))
    kept: tuple[Whole, Floats, Whole] = np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)
    limits = np.full(len(days), np.inf)
    start = 0
    for part in parts:
        of, numbers = np.searchsorted(days, part), random.random(len(part))
        low = np.flatnonzero(numbers < limits[of])
        day = np.concatenate([kept[0], of[low]])
        number = np.concatenate([kept[1], numbers[low]])
        place = np.concatenate([kept[2], start + low])
        order = np.lexsort((number, day))
        sorted_day = day[order]
        rank = np.arange(len(order)) - np.searchsorted(sorted_day, sorted_day)
        stay = order[rank < most[sorted_day]]
        kept = day[stay], number[stay], place[stay]
        full = np.bincount(kept[0], minlength=len(days)) == most
        largest = np.zeros(len(days))
        np.maximum.at(largest, kept[0], kept[1])
        limits[full] = largest[full]
        start += len(part)
    return np.sort(kept[2])
