"""A bounded sample of rows that keeps the share of every day."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa


def sample(table: pa.Table, rows: int, *, moment: str, seed: str) -> pa.Table:
    """At most `rows` rows, spread over the days as the whole is, to within one row per day; the same each time.

    Args:
        table: The whole.
        rows: Most rows to keep.
        moment: Timestamp column whose day is the stratum; rows without one form a stratum of their own.
        seed: Any text; another text draws other rows.
    """
    if len(table) <= rows:
        return table
    day = table[moment].to_numpy().astype("datetime64[D]").astype(np.int64)
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]))
    by_day = np.lexsort((random.random(len(table)), day))
    # Every n-th of the rows in order of days: each day gets its share.
    chosen = by_day[(np.arange(rows) * len(table) + len(table) // 2) // rows]
    return table.take(np.sort(chosen))
