"""From text to typed columns: what can be read is read exactly, what cannot is named with its reason."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from windtunnel.core.catalog import model_spec
from windtunnel.core.errors import DataRejected, SpecInvalid
from windtunnel.core.spec import Column, ModelSpec
from windtunnel.core.window import Window
from windtunnel.ml import schema

RAW = {"id": "string", "at": "timestamp", "size": "int64", "weight": "float64"}
COLUMNS = tuple(
    Column(name=name, kind=kind, about="", nullable=name == "weight", later=name == "weight")
    for name, kind in RAW.items()
)


def _spec(**changed: Any) -> ModelSpec:
    flights = model_spec("flights")
    ours = {
        "raw_columns": RAW,
        "columns": (*COLUMNS, Column(name="one", kind="int64", about="")),
        "derive": lambda rows: rows.assign(one=1),
        "key": "id",
        "event_time": "at",
        "eligible": "one",
        "target": "weight",
        "features": ("size",),
        "example": {"size": 1},
        "evaluation": flights.evaluation.model_copy(update={"season": ("id",), "slices": ()}),
    }
    return ModelSpec(**{name: getattr(flights, name) for name in ModelSpec.model_fields} | ours | changed)


def _values(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(RAW), index=range(1, len(rows) + 1), dtype="str")


def _run(values: pd.DataFrame, **changed: Any) -> tuple[pd.DataFrame, dict[int, list[str]]]:
    spec, failed = _spec(**changed), schema.Failed()
    rows = schema.derived(spec, schema.typed(spec, values, failed), failed)
    return rows, dict(failed.reasons)


GOOD = ("x", "2013-01-05T10:00:00", "3", "1.5")


def test_kinds_are_64_bit() -> None:
    rows, failed = _run(_values(GOOD, ("y", "2013-01-06", "-4", None)))
    assert failed == {}
    assert rows.dtypes.astype(str).to_dict() == {
        "id": "str", "at": "datetime64[us]", "size": "int64", "weight": "float64", "one": "int64",
    }  # fmt: skip
    table = schema.to_arrow(rows, schema.arrow_schema(_spec()))
    assert table.schema.types == [pa.string(), pa.timestamp("us"), pa.int64(), pa.float64(), pa.int64()]
    assert table["weight"].to_pylist() == [1.5, None]


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("size", "3.0", "`size` is not a whole number"),
        ("size", "three", "`size` is not a whole number"),
        ("size", "1e3", "`size` is not a whole number"),
        ("size", "9" * 19, "`size` is not a whole number"),
        ("size", None, "`size` is empty"),
        ("weight", "heavy", "`weight` is not a finite number"),
        ("weight", "inf", "`weight` is not a finite number"),
        ("weight", "nan", "`weight` is not a finite number"),
        ("weight", "1e999", "`weight` is not a finite number"),
        ("at", "05/01/2013", "`at` is not an ISO 8601 time"),
        ("at", "2013-02-30", "`at` is not an ISO 8601 time"),
        ("at", None, "`at` is empty"),
        ("id", None, "`id` is empty"),
    ],
)
def test_a_cell_that_cannot_be_read_fails_its_row_alone(column: str, text: str | None, reason: str) -> None:
    values = _values(GOOD, GOOD, GOOD)
    values.loc[2, column] = text
    rows, failed = _run(values)
    assert list(rows.index) == [1, 3]
    assert failed == {2: [reason]}


def test_a_row_that_fails_twice_names_both_reasons() -> None:
    _, failed = _run(_values(GOOD, ("y", "never", "many", "1")))
    assert failed == {2: ["`at` is not an ISO 8601 time", "`size` is not a whole number"]}


@given(st.integers(-(10**18) + 1, 10**18 - 1), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_through_exactly(size: int, weight: float) -> None:
    rows, failed = _run(_values(("x", "2013-01-05", str(size), repr(weight))))
    assert failed == {}
    assert rows["size"].tolist() == [size]
    assert rows["weight"].tolist() == [weight]


def test_rows_that_derive_refuses_are_found_among_the_others() -> None:
    def derive(rows: pd.DataFrame) -> pd.DataFrame:
        if (rows["size"] == 13).any():
            raise ArithmeticError("no thirteens")
        return rows.assign(one=1)

    values = _values(*(("x", "2013-01-05", str(size), "1") for size in range(100)))
    rows, failed = _run(values, derive=derive, quarantine_budget=0.02)
    assert failed == {14: ["`derive` refuses it: ArithmeticError: no thirteens"]}
    assert rows["size"].tolist() == [size for size in range(100) if size != 13]


def test_a_derive_that_fails_everywhere_stops_soon() -> None:
    calls = []

    def derive(rows: pd.DataFrame) -> pd.DataFrame:
        calls.append(len(rows))
        raise KeyError("colour")

    values = _values(*(("x", "2013-01-05", str(size), "1") for size in range(1000)))
    with pytest.raises(DataRejected, match=r"more than the 20 rows .* for row 1 with KeyError: 'colour'"):
        _run(values, derive=derive, quarantine_budget=0.02)
    assert len(calls) < 100


def test_no_row_left_is_an_empty_frame_of_the_declared_kinds() -> None:
    rows, failed = _run(_values(("x", "never", "3", "1")))
    assert len(rows) == 0
    assert len(failed) == 1
    assert schema.to_arrow(rows, schema.arrow_schema(_spec())).num_rows == 0


@pytest.mark.parametrize(
    ("derive", "words"),
    [
        (lambda rows: rows, "does not make the columns `one`"),
        (lambda rows: rows.assign(one=1).iloc[1:], "must return one row per row"),
        (lambda rows: rows.assign(one="many"), "makes a column of another kind than declared"),
    ],
    ids=["a missing column", "a dropped row", "another kind"],
)
def test_a_derive_that_breaks_the_spec_is_the_specs_fault(derive: Any, words: str) -> None:
    with pytest.raises(SpecInvalid, match=words):
        _run(_values(GOOD, GOOD), derive=derive)


def test_rows_of_another_month_and_repeated_keys_fail() -> None:
    values = _values(
        GOOD,
        ("y", "2013-01-31T23:59:59.999999", "3", "1"),
        ("z", "2013-02-01T00:00:00", "3", "1"),
        ("w", "2012-12-31T23:59:59", "3", "1"),
        GOOD,
    )
    spec, failed = _spec(), schema.Failed()
    rows = schema.derived(spec, schema.typed(spec, values, failed), failed)
    schema.fail_outside(spec, rows, Window.month("2013-01"), failed)
    schema.fail_repeated(spec, failed.passed(rows), failed)
    assert dict(failed.reasons) == {
        3: ["`at` lies outside 2013-01"],
        4: ["`at` lies outside 2013-01"],
        5: ["`id` came before in this file"],
    }
    assert failed.counts() == {"`at` lies outside 2013-01": 2, "`id` came before in this file": 1}
    assert list(failed.passed(rows).index) == [1, 2]


def test_whole_numbers_that_may_be_missing_are_refused_at_the_spec() -> None:
    columns = (*COLUMNS, Column(name="one", kind="int64", about="", nullable=True))
    with pytest.raises(SpecInvalid, match=r"declares `one` as nullable int64. Declare it float64"):
        schema.arrow_schema(_spec(columns=columns))
