"""The quick parse and the table parse say what the careful one says, or leave the request to it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from tests.container.test_parse import NAMES, SIGNATURE, documents, rows
from windtunnel.ml.matrix import Matrix
from windtunnel.serving import table
from windtunnel.serving.parse import CSV, JSON, Columns, parse
from windtunnel.serving.quick import Quick
from windtunnel.serving.refusal import Refusal

PLACES = {"categories": ("Boston", "Überlingen", "x"), "codes": (0, 1, 2, -1, 7)}
FEATURES = (*SIGNATURE.features[:2], SIGNATURE.features[2].model_copy(update=PLACES))
MATRIX = Matrix(FEATURES)
CODES = MATRIX.codes
QUICK = Quick(SIGNATURE.model_copy(update={"features": FEATURES}), MATRIX)
known = st.sampled_from(["Boston", "Überlingen", "x", "elsewhere", ""])
cells = st.one_of(st.integers(-(2**25), 2**25).map(str), st.floats().map(repr), known, st.text(max_size=4), st.just(""))


def coded(columns: Columns) -> dict[str, npt.NDArray[np.generic]]:
    """The careful parse's columns with texts as codes."""
    place = columns["place"]
    if place.dtype == object:
        place = np.array([CODES["place"][text] for text in place], dtype=np.float32)
    return {**columns, "place": place}


def careful(body: bytes, kind: str) -> dict[str, npt.NDArray[np.generic]] | None:
    """What the careful parse makes of it; None where it refuses."""
    try:
        return coded(parse(body, kind, SIGNATURE))
    except Refusal:
        return None


def as_matrix(columns: dict[str, npt.NDArray[np.generic]] | None) -> npt.NDArray[np.float32] | None:
    return None if columns is None else MATRIX.of(columns)


def same(found: Any, wanted: Any) -> None:
    assert (found is None) == (wanted is None)
    if found is not None:
        assert found.keys() == wanted.keys()
        for name in found:
            np.testing.assert_array_equal(found[name].reshape(-1), wanted[name])
            assert found[name].dtype == wanted[name].dtype


def equal(found: npt.NDArray[np.float32] | None, wanted: npt.NDArray[np.float32] | None) -> None:
    assert found is not None
    assert wanted is not None
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


@given(rows)
@example([(1, None, "Boston"), (2, 0.1, None), (3, -0.0, "nowhere")])
def test_rows_that_are_well_formed_are_read_quickly(given_rows: list[tuple[Any, ...]]) -> None:
    objects = [dict(zip(NAMES, row, strict=True)) for row in given_rows]
    for document in ({"instances": objects}, {"instances": given_rows}, {"columns": NAMES, "rows": given_rows}):
        body = json.dumps(document).encode()
        found = QUICK.read(body)
        equal(found, as_matrix(careful(body, JSON)))
    first = careful(json.dumps({"instances": objects[:1]}).encode(), JSON)
    equal(QUICK.read_one(json.dumps(objects[0]).encode()), as_matrix(first))


@given(documents, st.sampled_from(["instances", "rows", None]))
@settings(max_examples=400)
def test_any_other_json_is_left_to_the_careful_parse(document: Any, name: str | None) -> None:
    whole = {"instances": {"instances": document}, "rows": {"columns": NAMES, "rows": document}, None: document}[name]
    body = json.dumps(whole).encode()
    found = QUICK.read(body)
    if found is not None:
        equal(found, as_matrix(careful(body, JSON)))


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["Boston", "", "A\0"]), st.lists(st.none())
)


@given(st.lists(st.tuples(values, values, values), min_size=1, max_size=3))
@settings(max_examples=400)
def test_a_row_with_any_value_is_read_alike_or_left(given_rows: list[tuple[Any, ...]]) -> None:
    body = json.dumps({"instances": [dict(zip(NAMES, row, strict=True)) for row in given_rows]}).encode()
    found = QUICK.read(body)
    if found is not None:
        equal(found, as_matrix(careful(body, JSON)))


@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=4), st.booleans(), st.booleans())
@settings(max_examples=400)
def test_long_csv_is_read_by_columns_alike_or_left(some: list[list[str]], header: bool, quoted: bool) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator="\n")
    if header:
        writer.writerow(NAMES[::-1])
    many = [row[::-1] for row in some] if header else some
    writer.writerows(many * (table.LEAST_CSV // 4))
    body = text.getvalue().encode("utf-8", "surrogatepass")
    found = table.from_csv(body, header, SIGNATURE, CODES)
    kind = f"{CSV}; header=present" if header else CSV
    if found is not None:
        same(found, careful(body, kind))


def test_plain_long_csv_is_read_by_columns() -> None:
    body = b"1,2.5,Boston\n7,,elsewhere\n-3,1e-3,\n" * 500
    found = table.from_csv(body, False, SIGNATURE, CODES)
    assert found is not None
    same(found, careful(body, CSV))
    assert found["place"][:3].tolist() == [0, 7, -1]


def frame(**changed: Any) -> pa.Table:
    columns = {"count": pa.array([1, 2]), "level": pa.array([0.5, None]), "place": pa.array(["Boston", None])}
    return pa.table(columns | changed)


def stream(given: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    with ipc.new_stream(sink, given.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(given)
    return sink.getvalue()


def file(given: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(given, sink, **options)
    return sink.getvalue()


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"count": pa.array([1, 2], pa.int8())},
        {"count": pa.array([1.0, 2.0], pa.float32())},
        {"level": pa.array([0.5, float("nan")])},
        {"place": pa.array(["Boston", None]).dictionary_encode()},
        {"place": pa.array(["Boston", ""], pa.large_string())},
    ],
)
def test_arrow_and_parquet_are_read_as_the_same_rows(changed: dict[str, Any]) -> None:
    wanted = careful(json.dumps({"instances": [[1, 0.5, "Boston"], [2, None, None]]}).encode(), JSON)
    given = frame(**changed).select(["place", "count", "level"])
    for kind, body in ((table.ARROW, stream(given)), (table.PARQUET, file(given))):
        same(parse(body, kind, SIGNATURE, CODES), wanted)
        assert parse(body, kind, SIGNATURE)["place"].tolist() == ["Boston", ""]  # a model without codes


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"count": pa.array([1, None])}, "count"),
        ({"count": pa.array([1.5, 2.0])}, "count"),
        ({"count": pa.array([1, 2**24 + 1])}, "count"),
        ({"count": pa.array(["1", "2"])}, "count"),
        ({"count": pa.array([True, False])}, "count"),
        ({"level": pa.array([0.5, float("inf")])}, "level"),
        ({"place": pa.array([1, 2])}, "place"),
        ({"place": pa.array([b"x", b"y"])}, "place"),
        ({"place": pa.array(["x", "A\0"])}, "place"),
        ({"place": pa.array([["x"], None])}, "place"),
        ({"more": pa.array([1, 2])}, None),
    ],
)
def test_a_table_with_a_wrong_column_is_refused_by_name(changed: dict[str, Any], column: str | None) -> None:
    for kind, body in ((table.ARROW, stream(frame(**changed))), (table.PARQUET, file(frame(**changed)))):
        with pytest.raises(Refusal) as refused:
            parse(body, kind, SIGNATURE, CODES)
        assert (refused.value.status, refused.value.column) == (400, column)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (table.ARROW, stream(frame(), compression="zstd")),
        (table.ARROW, stream(frame(), compression="lz4")),
        (table.PARQUET, file(frame(), compression="zstd")),
        (table.PARQUET, file(frame(), compression="gzip")),
        (table.ARROW, stream(frame().slice(0, 0))),
        (table.PARQUET, file(frame().slice(0, 0))),
        (table.ARROW, b"ARROW1"),
        (table.PARQUET, b"PAR1PAR1"),
    ],
)
def test_what_could_unpack_to_anything_or_holds_nothing_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        parse(body, kind, SIGNATURE, CODES)
    assert refused.value.status == 400


def test_a_small_file_with_a_million_rows_is_refused() -> None:
    many = 1_000_000
    body = file(pa.table({"count": np.zeros(many, np.int8), "level": np.zeros(many), "place": ["x"] * many}))
    assert len(body) < 100_000
    with pytest.raises(Refusal, match="too many rows"):
        parse(body, table.PARQUET, SIGNATURE, CODES)
