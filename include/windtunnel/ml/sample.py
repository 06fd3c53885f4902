"""A bounded sample of rows that keeps the share of every day, drawn without holding the rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

type Read = Callable[[Sequence[str]], Iterator[pa.Table]]
"""Some columns of all rows, in at least one part; each call gives the same rows in the same order."""


class Sampled(NamedTuple):
    """Some of the rows, in their order, and how many there are."""

    rows: pa.Table
    whole: int


def sample(read: Read, columns: Sequence[str], rows: int, *, moment: str, seed: str) -> Sampled:
    """At most `rows` rows, spread over the days as the whole is, to within one row per day; the same each time.

    Memory holds the sample, one part, and some 20 bytes for each row of the whole.

    Args:
        read: The whole; read twice, first its moments alone.
        columns: What is kept of a row.
        rows: Most rows to keep.
        moment: Column of dates or timestamps whose day is the stratum; rows without one form a stratum of their own.
        seed: Any text; another text draws other rows.
    """
    days = np.concatenate([np.empty(0, np.int32), *(_days(part[moment]) for part in read([moment]))])
    chosen = np.arange(len(days)) if len(days) <= rows else _chosen(days, rows, seed)
    kept, start = [], 0
    for part in read(columns):
        begin, end = np.searchsorted(chosen, (start, start + len(part)))
        kept.append(part.take(pa.array(chosen[begin:end] - start)).select(list(columns)))
        start += len(part)
    return Sampled(pa.concat_tables(kept).combine_chunks(), len(days))


def _days(moments: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    days = pc.cast(pc.cast(moments, pa.date32(), safe=False), pa.int32())
    return np.asarray(pc.fill_null(days, np.iinfo(np.int32).min).to_numpy(), dtype=np.int32)


def _chosen(
    days: np.ndarray[tuple[int], np.dtype[np.int32]], rows: int, seed: str
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]))
    by_day = np.lexsort((random.random(len(days), dtype=np.float32), days))
    # Every n-th of the rows in order of days: each day gets its share.
    return np.sort(by_day[(np.arange(rows) * len(days) + len(days) // 2) // rows])
