"""Predictions joined with late labels."""

from collections.abc import Iterable
from datetime import datetime

import pyarrow as pa
import pytest

from windtunnel.core.window import Window
from windtunnel.ml.labels import Joined, first_of_each, join, unknown_keys

MAY = Window.month("2013-05")


def times(moments: Iterable[str]) -> pa.Array:
    return pa.array([datetime.fromisoformat(moment) for moment in moments], pa.timestamp("us"))


def predictions(*rows: tuple[str, str, float]) -> pa.Table:
    """Key, when it was asked, what was answered."""
    keys, moments, values = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        [pa.array(keys, pa.string()), times(moments), pa.array(values, pa.float64())],
        names=["key", "captured_at", "prediction"],
    )


def labels(*rows: tuple[str, str, float | None]) -> pa.Table:
    """Key, event time, target; keys as Iceberg reads them."""
    keys, moments, values = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        [pa.array(keys, pa.large_string()), times(moments), pa.array(values, pa.float64())],
        names=["key", "when", "target"],
    )


def joined(asked: pa.Table, lake: pa.Table, window: Window = MAY) -> Joined:
    inside = pa.array([window.holds(moment) for moment in lake["when"].to_pylist()], pa.bool_())
    unknown = unknown_keys(asked, lake["key"], "key")
    return join(asked, lake.filter(inside), unknown, window, key="key", moment="captured_at")


def test_the_first_answer_to_a_key_counts() -> None:
    asked = predictions(("b", "2013-05-02", 3), ("a", "2013-05-03", 2), ("a", "2013-05-01", 1))
    assert first_of_each(asked, "key", "captured_at").to_pydict()["prediction"] == [1.0, 3.0]


def test_a_row_belongs_to_the_window_of_its_event_not_of_its_capture() -> None:
    found = joined(
        predictions(("may", "2026-11-20", 1), ("june", "2013-05-03", 2)),
        labels(("may", "2013-05-01T10:00", 5), ("june", "2013-06-01T00:00", 6)),
    )
    assert found.rows.to_pylist() == [
        {
            "key": "may",
            "captured_at": datetime.fromisoformat("2026-11-20"),
            "prediction": 1.0,
            "when": datetime.fromisoformat("2013-05-01T10:00"),
            "target": 5.0,
        }
    ]
    assert (found.pending, found.elsewhere) == (0, 1)


def test_an_event_without_a_label_stays_unlabelled() -> None:
    found = joined(predictions(("diverted", "2013-05-03", 1)), labels(("diverted", "2013-05-03", None)))
    assert found.rows["target"].to_pylist() == [None]
    assert (found.pending, found.elsewhere) == (0, 0)


def test_an_unknown_row_waits_in_the_window_it_was_asked_in() -> None:
    asked = predictions(("first", "2013-05-01T00:00", 1), ("last", "2013-05-31T23:59:59", 2), ("next", "2013-06-01", 3))
    found = joined(asked, labels())
    assert found.rows["key"].to_pylist() == ["first", "last"]
    assert found.rows["when"].null_count == found.rows["target"].null_count == 2
    assert (found.pending, found.elsewhere) == (2, 1)


@pytest.mark.parametrize("arrivals", [["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]], ids="".join)
def test_labels_that_come_late_and_out_of_order_end_in_the_same_rows(arrivals: list[str]) -> None:
    asked = predictions(("a", "2013-05-01", 1), ("b", "2013-05-02", 2), ("c", "2013-05-31T23:00", 3))
    truth = {"a": ("a", "2013-05-01", 1.0), "b": ("b", "2013-05-02", 2.0), "c": ("c", "2013-06-01", 3.0)}
    lake = labels()
    for key in arrivals:
        lake = pa.concat_tables([lake, labels(truth[key])])
        found = joined(asked, lake)
        assert len(found.rows) + found.elsewhere == len(asked)
    assert found.rows.to_pylist() == joined(asked, labels(*truth.values())).rows.to_pylist()
    assert (found.rows["key"].to_pylist(), found.pending, found.elsewhere) == (["a", "b"], 0, 1)


def test_nothing_captured_is_an_empty_result() -> None:
    found = joined(first_of_each(predictions(), "key", "captured_at"), labels(("a", "2013-05-01", 1)))
    assert (len(found.rows), found.pending, found.elsewhere) == (0, 0, 0)
