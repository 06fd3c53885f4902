"""Predictions joined with late labels, by rule."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, date, datetime
from itertools import permutations
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from windtunnel.ml.labels import answered_by, believed, changed, first_of_each, labels_until, placed, those_of


def times(moments: Iterable[str | None]) -> pa.Array:
    return pa.array([moment and datetime.fromisoformat(moment) for moment in moments], pa.timestamp("us"))


def asked(*rows: tuple[str, str, float]) -> pa.Table:
    """Key, when it was asked, what was answered."""
    keys, moments, values = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        [pa.array(keys, pa.string()), times(moments), pa.array(values, pa.float64())],
        names=["key", "captured_at", "prediction"],
    )


def lake(*rows: tuple[str, str, float | None]) -> pa.Table:
    """Key, event time, target; keys as Iceberg reads them."""
    keys, moments, values = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        [pa.array(keys, pa.large_string()), times(moments), pa.array(values, pa.float64())],
        names=["key", "when", "target"],
    )


def joined(predictions: pa.Table, rows: pa.Table) -> list[dict[str, Any]]:
    known = believed(rows, key="key", moment="when", target="target").rows
    found: list[dict[str, Any]] = placed(predictions, known, key="key", moment="when").to_pylist()
    return found


def test_the_first_answer_to_a_key_counts() -> None:
    found = first_of_each(
        asked(("b", "2013-05-02", 3), ("a", "2013-05-03", 2), ("a", "2013-05-01", 1)), "key", "captured_at"
    )
    assert found.to_pydict()["prediction"] == [1.0, 3.0]


def test_what_decides_between_answers_of_the_same_second_is_no_chance() -> None:
    rows = [("a", "2013-05-01", float(at)) for at in range(4)]
    for shuffled in permutations(rows):
        assert first_of_each(asked(*shuffled), "key", "captured_at", "prediction")["prediction"].to_pylist() == [0.0]


def test_keys_are_compared_whatever_their_width() -> None:
    rows = asked(("a", "2013-05-01", 1), ("b", "2013-05-01", 2))
    keys = pa.chunked_array([pa.array(["b", "z"], pa.large_string())])
    assert those_of(rows, keys, "key")["key"].to_pylist() == ["b"]
    assert those_of(rows, keys, "key", others=True)["key"].to_pylist() == ["a"]
    nameless = pa.table({"key": pa.array([None, "b"], pa.string())})
    assert those_of(nameless, keys, "key")["key"].to_pylist() == ["b"]


def test_the_version_that_was_in_service_alone_has_answered() -> None:
    def at(hour: int) -> datetime:
        return datetime(2026, 11, 20, hour, tzinfo=UTC)

    services = [("V1.1.0", at(1), at(2)), ("V1.1.1", at(4), at(5)), ("V1.1.0", at(5), None)]
    hours = {0: None, 1: "V1.1.0", 2: None, 3: None, 4: "V1.1.1", 5: "V1.1.0", 23: "V1.1.0"}
    moments = pa.chunked_array([times(f"2026-11-20T{hour:02d}:00:00" for hour in hours)])
    assert answered_by(moments, services).to_pylist() == list(hours.values())
    assert answered_by(moments, []).to_pylist() == [None] * len(hours)
    assert answered_by(moments[:0], services).to_pylist() == []


def test_the_same_label_again_counts_once_and_a_late_one_completes_its_row() -> None:
    found = believed(
        lake(("a", "2013-05-01", 5), ("a", "2013-05-01", 5), ("a", "2013-04-30", None), ("b", "2013-05-02", None)),
        key="key",
        moment="when",
        target="target",
    )
    assert (found.repeated, found.contradicted) == (1, 0)
    assert [(row["key"], row["target"]) for row in found.rows.to_pylist()] == [("a", 5.0), ("b", None)]
    assert found.rows["when"].to_pylist()[0] == datetime.fromisoformat("2013-05-01")


def test_of_two_different_labels_neither_is_believed() -> None:
    found = believed(
        lake(("a", "2013-05-01", 5), ("a", "2013-05-01", 6), ("b", "2013-05-01", 7), ("a", "2013-05-01", 5)),
        key="key",
        moment="when",
        target="target",
    )
    assert (found.repeated, found.contradicted) == (0, 1)
    assert found.rows["target"].to_pylist() == [None, 7.0]


def test_a_prediction_belongs_to_the_day_of_its_row_and_until_then_to_the_day_it_was_captured() -> None:
    found = joined(
        asked(("known", "2026-11-20T10:00", 1), ("waits", "2026-11-20T23:59:59", 2)),
        lake(("known", "2013-05-01T10:00", 5), ("never-asked", "2013-05-01T10:00", 5)),
    )
    assert [(row["key"], row["day"], row["target"]) for row in found] == [
        ("known", date(2013, 5, 1), 5.0),
        ("waits", date(2026, 11, 20), None),
    ]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),
        st.sampled_from(["2013-05-01T10:00", "2013-05-02T00:00", "2013-06-01T23:59"]),
        st.sampled_from([None, 1.0, 2.0]),
    ),
    max_size=12,
)


@given(EVENTS, st.randoms(use_true_random=False))
def test_labels_that_come_late_and_in_any_order_end_in_the_same_rows(
    rows: list[tuple[str, str, float | None]], chance: random.Random
) -> None:
    predictions = asked(*((key, "2013-05-03", 1.0) for key in "abcd"))
    shuffled = chance.sample(rows, len(rows))
    assert joined(predictions, lake(*shuffled)) == joined(predictions, lake(*rows))
    by_key = {key: {label for k, _, label in rows if k == key and label is not None} for key in "abcd"}
    said = {row["key"]: row["target"] for row in joined(predictions, lake(*rows))}
    assert said == {key: labels.pop() if len(labels) == 1 else None for key, labels in by_key.items()}


def days(*counts: tuple[int, int]) -> pa.Table:
    """Predictions and labels of the 1st, the 2nd, ... of May."""
    rows = [
        (date(2013, 5, at), 1.0 if number < labelled else None)
        for at, (predictions, labelled) in enumerate(counts, start=1)
        for number in range(predictions)
    ]
    return pa.table(
        {
            "day": pa.array([row[0] for row in rows], pa.date32()),
            "target": pa.array([row[1] for row in rows], "float64"),
        }
    )


@pytest.mark.parametrize(
    ("counts", "until"),
    [
        ([(100, 100), (100, 95), (100, 94), (100, 100)], date(2013, 5, 2)),
        ([(100, 94), (100, 100)], None),
        ([(100, 100), (0, 0), (100, 100)], date(2013, 5, 3)),
        ([(16, 15), (2, 1), (1, 1)], date(2013, 5, 3)),
        ([(1, 1), (1, 0), (1, 1)], date(2013, 5, 1)),
        ([(20, 19), (40, 37)], date(2013, 5, 1)),
        ([], None),
    ],
    ids=["a day below", "the first day below", "a day without predictions", "few", "one", "exact", "none"],
)
def test_the_watermark_stands_before_the_first_day_that_waits_for_labels(
    counts: list[tuple[int, int]], until: date | None
) -> None:
    assert labels_until(days(*counts), target="target", mature_share=0.95) == until


def test_labels_that_are_others_now_or_gone_have_changed_and_late_ones_have_not() -> None:
    before = lake(("same", "2013-05-01", 1), ("other", "2013-05-01", 1), ("gone", "2013-05-01", 1))
    before = pa.concat_tables([before, lake(("late", "2013-05-01", None), ("left", "2013-05-01", 1))])
    now = lake(("same", "2013-05-01", 1), ("other", "2013-05-01", 2), ("gone", "2013-05-01", None))
    now = pa.concat_tables([now, lake(("late", "2013-05-01", 3), ("new", "2013-05-01", 4))])
    assert changed(before, now, key="key", target="target") == 2
    assert changed(before, before, key="key", target="target") == 0
