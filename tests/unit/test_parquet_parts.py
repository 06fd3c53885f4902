"""A Parquet file read part by part: the same rows as read whole, and only of the window that is asked for."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from windtunnel.aws import parquet
from windtunnel.core.window import Window

MAY = [date(2013, 5, 1) + timedelta(days=day) for day in range(31)]


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Two months, the days of each row group in no order."""
    days = [day for group in (MAY[20:], MAY[:20], [day + timedelta(days=31) for day in MAY[:30]]) for day in group]
    rows = pa.table({"row": range(len(days)), "day": pa.array(days, pa.date32()), "more": ["x"] * len(days)})
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=11)
    return str(tmp_path / "rows.parquet")


@pytest.mark.parametrize("window", [None, Window.month("2013-05"), Window.parse("2013-05-19", "2013-06-03")], ids=str)
def test_the_rows_of_a_window_in_the_order_of_the_file(path: str, window: Window | None) -> None:
    found = pa.concat_tables(parquet.parts(path, ["row"], "day", window))
    rows = pq.read_table(path)
    inside = [window is None or window.holds(day) for day in rows["day"].to_pylist()]
    assert found == rows.filter(pa.array(inside)).select(["row"])


def test_a_window_without_rows_is_a_part_without_rows(path: str) -> None:
    (found,) = parquet.parts(path, ["row", "day"], "day", Window.month("2013-09"))
    assert (len(found), found.column_names) == (0, ["row", "day"])
