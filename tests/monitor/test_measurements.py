"""Measurements in the lake: replaced by newer ones, never by older ones, and once each."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest

from windtunnel.aws import lake, measurements, objects
from windtunnel.core.window import Window

pytestmark = pytest.mark.usefixtures("lake_of_its_own")

SPAN = Window.parse("2013-03", "2013-05")


def put(values: list[float], work: str, order: measurements.Order, span: Window = SPAN) -> str:
    days = [datetime(2013, 3 + at % 2, 1 + at) for at in range(len(values))]  # noqa: DTZ001 - event time has no zone
    rows = pa.table({"day": pa.array(days, pa.timestamp("us")), "value": values})
    return measurements.put("flights", "drift", rows, moment="day", span=span, work=work, order=order)


def values(window: Window | None = None) -> list[float]:
    found = measurements.read("flights", "drift", window)
    return [] if found is None else sorted(found["value"].to_pylist())


def test_a_span_is_replaced_whole() -> None:
    assert measurements.read("flights", "drift") is None
    put([1.0, 2.0, 3.0], "first", (4, 1))
    put([5.0], "second", (4, 2))
    assert values() == [5.0]
    assert values(Window.month("2013-04")) == []


def test_the_same_work_changes_nothing() -> None:
    first = put([1.0, 2.0], "first", (4, 1))
    assert put([1.0, 2.0], "first", (4, 1)) == first
    assert values() == [1.0, 2.0]


def test_older_measurements_never_replace_newer_ones() -> None:
    newest = put([1.0], "newest", (5, 0))
    assert put([7.0, 8.0], "late", (4, 9)) == newest
    assert values() == [1.0]
    table = lake.table(measurements.table_name("flights", "drift"))
    files = {task.file.file_path for task in table.scan().plan_files()}
    assert {uri for uri in objects.keys(f"{table.location()}/data/") if uri.endswith(".parquet")} == files


def test_a_span_without_rows_is_emptied_and_the_months_beside_it_stay() -> None:
    put([1.0, 2.0], "both", (4, 0))
    put([], "none", (4, 1), Window.month("2013-04"))
    assert values() == [1.0]
