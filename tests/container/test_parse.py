"""Properties: rows survive every format, and no bytes at all make the server fail."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from windtunnel.ml.artefact import Answers, Feature, Signature
from windtunnel.serving.application import Application
from windtunnel.serving.format import format, negotiate  # noqa: A004 - one of a server's four words
from windtunnel.serving.load import load
from windtunnel.serving.parse import CSV, JSON, JSON_LINES, MEDIA_TYPES, Columns, parse
from windtunnel.serving.refusal import Refusal

SIGNATURE = Signature(
    model="any",
    features=(
        Feature(name="count", kind="int64", nullable=False),
        Feature(name="level", kind="float64", nullable=True),
        Feature(name="place", kind="string", nullable=True),
    ),
    target="answer",
    unit="points",
    answers=Answers(mean=0.0, deviation=1.0, low=-10.0, high=10.0),
    libraries={},
)
NAMES = [feature.name for feature in SIGNATURE.features]

# Text that CSV can carry: the reader takes CR and LF inside quotes, and UTF-8 has no lone surrogates.
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
rows = st.lists(
    st.tuples(
        st.integers(-(2**24), 2**24),
        st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False),
        st.none() | words.filter(bool),
    ),
    min_size=1,
    max_size=5,
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from([*NAMES, "instances"]), inner),
)
content_types = st.sampled_from([*MEDIA_TYPES, "text/csv; header=present"]) | st.text(max_size=40)


def expected(given_rows: list[tuple[Any, ...]]) -> Columns:
    count, level, place = zip(*given_rows, strict=True)
    return {
        "count": np.array(count, dtype=np.float32),
        "level": np.array([np.nan if value is None else value for value in level], dtype=np.float32),
        "place": np.array([value or "" for value in place], dtype=object),
    }


def same(found: Columns, wanted: Columns) -> None:
    assert found.keys() == wanted.keys()
    for name, column in wanted.items():
        np.testing.assert_array_equal(found[name], column)
        assert found[name].dtype == column.dtype


@given(rows)
def test_rows_survive_every_format(given_rows: list[tuple[Any, ...]]) -> None:
    wanted = expected(given_rows)
    objects = [dict(zip(NAMES, row, strict=True)) for row in given_rows]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([["" if value is None else value for value in row] for row in given_rows])
    header = ",".join(NAMES) + "\n"
    for content_type, body in (
        (JSON, json.dumps({"instances": objects})),
        (JSON, json.dumps({"instances": given_rows})),
        (JSON, json.dumps({"columns": NAMES[::-1], "rows": [row[::-1] for row in given_rows]}, ensure_ascii=False)),
        (JSON_LINES, "\n".join(map(json.dumps, objects))),
        (CSV, text.getvalue()),
        (f"{CSV}; header=present", header + text.getvalue()),
    ):
        same(parse(body.encode(), content_type, SIGNATURE), wanted)


def refusal_of(parsing: Callable[[], object]) -> Refusal | None:
    """The refusal, if there was one; any other error is a fault of the server."""
    try:
        parsing()
    except Refusal as refusal:
        return refusal
    return None


@given(st.binary(max_size=300), content_types)
@example(b'{"instances": [[1, null, "\\ud800"]]}', JSON)
@example(b"1,,\n" * 3, CSV)
@settings(max_examples=300)
def test_any_bytes_are_parsed_or_refused(body: bytes, content_type: str) -> None:
    refusal = refusal_of(lambda: parse(body, content_type, SIGNATURE))
    assert refusal is None or refusal.status in (400, 415)


@pytest.mark.parametrize(
    ("column", "bad"),
    [("level", "high"), ("level", True), ("place", 3), ("place", "A\0"), ("count", None), ("count", "")],
)
def test_the_offending_row_is_found_among_gaps_that_are_allowed(column: str, bad: object) -> None:
    gap = {"count": 1, "level": None, "place": None}
    body = json.dumps({"instances": [gap, gap, gap | {column: bad}]}).encode()
    refusal = refusal_of(lambda: parse(body, JSON, SIGNATURE))
    assert refusal is not None
    assert (refusal.status, refusal.column, refusal.row) == (400, column, 2)


@given(documents, st.sampled_from(["instances", "rows", None]), st.sampled_from([JSON, JSON_LINES]))
@settings(max_examples=300)
def test_any_json_is_parsed_or_refused(document: Any, name: str | None, content_type: str) -> None:
    whole = {"instances": {"instances": document}, "rows": {"columns": NAMES, "rows": document}, None: document}[name]
    refusal = refusal_of(lambda: parse(json.dumps(whole).encode(), content_type, SIGNATURE))
    if refusal is not None:
        assert refusal.status == 400
        assert len(json.dumps(refusal.body())) < 4000


@given(st.text(max_size=60), content_types)
def test_any_accept_header_is_met_or_refused(accept: str, content_type: str) -> None:
    refusal = refusal_of(lambda: negotiate(accept, content_type))
    assert refusal is None or refusal.status == 406


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_predictions_are_read_back_exactly_from_every_format(values: list[float]) -> None:
    predictions = np.array(values, dtype=np.float32)
    for read in (
        json.loads(format(predictions, JSON))["predictions"],
        [json.loads(line)["prediction"] for line in format(predictions, JSON_LINES).splitlines()],
        [float(line) for line in format(predictions, CSV).splitlines()],
    ):
        np.testing.assert_array_equal(np.array(read, dtype=np.float32), predictions)


@pytest.fixture(scope="module")
def transport(base: Path) -> httpx.ASGITransport:
    """The application in this process: where a server would answer 500, it raises."""
    return httpx.ASGITransport(Application(load(base / "model")), raise_app_exceptions=True)


@given(st.binary(max_size=200), st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=30))
@settings(max_examples=100)
def test_no_bytes_make_the_server_fail(transport: httpx.ASGITransport, body: bytes, header: str) -> None:
    async def statuses() -> set[int]:
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            sent = [
                await client.post(
                    "/invocations",
                    content=body,
                    headers=[(b"content-type", kind.encode("latin-1")), (b"accept", header.encode("latin-1"))],
                )
                for kind in (JSON, JSON_LINES, CSV, header)
            ]
            return {answer.status_code for answer in sent}

    assert asyncio.run(statuses()) <= {200, 400, 406, 415}
