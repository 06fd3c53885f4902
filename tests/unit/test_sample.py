"""The sample of a report: bounded, repeatable, and as spread over the days as the whole."""

from collections import Counter
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from windtunnel.ml import sample as drawing


def rows(per_day: list[int], without_day: int = 0) -> pa.Table:
    first = datetime.fromisoformat("2013-05-01")
    moments = [first + timedelta(days=day, seconds=row) for day, count in enumerate(per_day) for row in range(count)]
    order = np.random.default_rng(3).permutation(len(moments) + without_day)
    every = pa.array([*moments, *[None] * without_day], pa.timestamp("us"))
    return pa.table({"when": every.take(pa.array(order)), "row": order})


def sample(whole: pa.Table, most: int, *, seed: str, parts: int = 3) -> pa.Table:
    """Drawn from the whole in so many parts."""
    size = -(-len(whole) // parts)
    pieces = [whole.slice(start, size) for start in range(0, len(whole), size)]
    found = drawing.sample(
        lambda columns: (piece.select(columns) for piece in pieces), ["when", "row"], most, moment="when", seed=seed
    )
    assert found.whole == len(whole)
    return found.rows


def test_every_day_keeps_its_share() -> None:
    per_day = [1000, 10, 500, 2490]
    kept = sample(rows(per_day), 400, seed="x")
    counted = Counter(moment.day for moment in kept["when"].to_pylist())
    for day, count in enumerate(per_day, start=1):
        assert abs(counted[day] - count / 10) <= 1


@pytest.mark.parametrize("most", [1, 7, 999, 1000, 1001])
def test_no_row_twice_and_never_more_than_asked(most: int) -> None:
    kept = sample(rows([600, 400]), most, seed="x")["row"].to_pylist()
    assert len(kept) == len(set(kept)) == min(most, 1000)


def test_the_seed_decides() -> None:
    whole = rows([600, 400])
    drawn = [sample(whole, 50, seed=seed)["row"].to_pylist() for seed in ("x", "x", "y")]
    assert drawn[0] == drawn[1] != drawn[2]


def test_rows_without_a_day_are_a_stratum_too() -> None:
    kept = sample(rows([500], without_day=500), 100, seed="x")
    assert abs(kept["when"].null_count - 50) <= 1


def test_the_parts_do_not_matter() -> None:
    whole = rows([600, 400], without_day=7)
    assert sample(whole, 50, seed="x", parts=1) == sample(whole, 50, seed="x", parts=9)


def test_a_day_is_a_day_as_a_date_too() -> None:
    whole = rows([600, 400])
    dates = whole.set_column(0, "when", whole["when"].cast(pa.date32(), safe=False))
    assert sample(dates, 50, seed="x")["row"] == sample(whole, 50, seed="x")["row"]
