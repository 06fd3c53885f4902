"""Parse: the body of a request -> one array per feature, each checked to the last value."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from email.message import Message
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from windtunnel.core.errors import quoted
from windtunnel.ml.artefact import Signature
from windtunnel.ml.codes import Codes
from windtunnel.serving import columns, limits, table
from windtunnel.serving.refusal import Refusal, clipped, shown

JSON, JSON_LINES, CSV = "application/json", "application/jsonlines", "text/csv"
MEDIA_TYPES = (JSON, JSON_LINES, CSV)
"""What is read and written."""

TABLES = {
    table.ARROW: table.from_arrow,
    table.PARQUET: table.from_parquet,
    "application/x-parquet": table.from_parquet,  # SageMaker's name
}
"""What is read and not written: an answer is one column."""

Columns = dict[str, npt.NDArray[np.generic]]


def parse(body: bytes, content_type: str, signature: Signature, codes: Mapping[str, Codes] | None = None) -> Columns:
    """Arrays `(rows,)` by feature from a body: float32, and texts as objects or, from a table, as their codes.

    Args:
        body: `{"instances": [{...} | [...]]}` or `{"columns": [...], "rows": [...]}` as JSON; one object or list per
            line as JSON lines; CSV, where `text/csv; header=present` says that the first line names the columns; an
            Arrow IPC stream or a Parquet file, uncompressed or snappy.
        content_type: The request's Content-Type.
        signature: What the model takes; lists without names come in its order.
        codes: Of the texts that the model takes as codes.

    Raises:
        Refusal: 415 for another content type; 413 for too many rows; 400 for anything else, naming the column and row
            where there are some.
    """
    kind, parameters = media_type(content_type)
    if kind in TABLES and body:
        return TABLES[kind](body, signature, codes or {})
    if kind not in MEDIA_TYPES or parameters.get("charset", "utf-8") not in ("utf-8", "utf8", "us-ascii"):
        raise Refusal(
            415,
            f"Content-Type `{content_type}` is not understood. Allowed: {quoted((*MEDIA_TYPES, *TABLES))}; texts in UTF-8.",
            found=content_type,
            allowed=", ".join((*MEDIA_TYPES, *TABLES)),
        )
    if not body.strip():
        raise _malformed("The body is empty.", "at least one row")
    (limits.check_json if kind == JSON else limits.check_lines)(body)
    if kind == CSV:
        return _from_csv(body, parameters.get("header", "absent"), signature, codes or {})
    if kind == JSON_LINES:
        return _from_rows([_json(line, row) for row, line in enumerate(_lines(body))], signature)
    return _from_json(_json(body), signature)


def media_type(header: str) -> tuple[str, dict[str, str]]:
    """`text/csv; header=present` -> ("text/csv", {"header": "present"}), in lower case."""
    message = Message()
    message["content-type"] = header.replace("\r", "").replace("\n", "")
    (kind, _), *rest = message.get_params(failobj=[("", "")])
    return kind.lower(), {name.lower(): str(value).lower() for name, value in rest}


def _from_json(document: Any, signature: Signature) -> Columns:
    names = set(document) if isinstance(document, dict) else None
    if names == {"instances"}:
        return _from_rows(_rows(document["instances"], "instances"), signature)
    if names == {"columns", "rows"}:
        header = document["columns"]
        if not isinstance(header, list) or not all(isinstance(name, str) for name in header):
            raise _malformed("`columns` must be a list of names.", quoted(_names(signature)), found=shown(header))
        return _named(header, _rows(document["rows"], "rows"), signature)
    raise _malformed(
        "The JSON is neither form of a request.",
        'an object with "instances", or one with "columns" and "rows"',
        found=shown(document) if names is None else f"an object with {quoted(map(clipped, names))}",
    )


def _rows(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise _malformed(f"`{name}` must be a list of rows.", "a list", found=shown(value))
    return value


def _from_rows(rows: list[Any], signature: Signature) -> Columns:
    """Rows of one kind: all objects, or all lists in the signature's order."""
    if not rows:
        raise _malformed("There is no row.", "at least one row")
    if all(isinstance(row, dict) for row in rows):
        return _from_objects(rows, signature)
    for number, row in enumerate(rows):
        if type(row) is not type(rows[0]) or not isinstance(row, dict | list):
            allowed = "objects alone, or lists alone"
            raise _malformed(f"Row {number} is {shown(row)}; allowed are {allowed}.", allowed, shown(row), number)
    return _named(_names(signature), rows, signature)


def _from_objects(rows: list[dict[str, Any]], signature: Signature) -> Columns:
    names = set(_names(signature))
    for number, row in enumerate(rows):
        if row.keys() != names:
            raise _wrong_columns(row, signature, number)
    return {feature.name: columns.typed(feature, [row[feature.name] for row in rows]) for feature in signature.features}


def _named(header: Sequence[str], rows: list[Any], signature: Signature) -> Columns:
    """Lists of JSON values under a header."""
    by_name = _transposed(header, rows, signature)
    return {feature.name: columns.typed(feature, by_name[feature.name]) for feature in signature.features}


def _from_csv(body: bytes, header: str, signature: Signature, codes: Mapping[str, Codes]) -> Columns:
    if header not in ("present", "absent"):
        raise _malformed("The parameter `header` of the content type is wrong.", "present or absent", found=header)
    if (found := table.from_csv(body, header == "present", signature, codes)) is not None:
        return found
    try:
        # An empty line is no row: files end in one, and a row of this model has at least one comma or one value.
        rows = [row for row in csv.reader(io.StringIO(_text(body), newline=""), strict=True) if row]
    except csv.Error as error:
        raise _malformed(f"The body is not CSV: {error}.", "CSV as RFC 4180 has it") from error
    names = rows.pop(0) if header == "present" and rows else _names(signature)
    by_name = _transposed(names, rows, signature)
    return {feature.name: columns.read(feature, by_name[feature.name]) for feature in signature.features}


def _transposed(header: Sequence[str], rows: list[Any], signature: Signature) -> dict[str, Sequence[Any]]:
    if sorted(header) != sorted(_names(signature)):
        raise _wrong_columns(header, signature)
    if not rows:
        raise _malformed("There is no row.", "at least one row")
    for number, row in enumerate(rows):
        if not isinstance(row, list):
            raise _malformed(f"Row {number} is {shown(row)}, not a list.", "a list", shown(row), number)
        if len(row) != len(header):
            allowed = f"{len(header)} values, for {', '.join(f'`{name}`' for name in header)}"
            found = f"{len(row)} values"
            raise _malformed(f"Row {number} has {found}; allowed are {allowed}.", allowed, found, number)
    return dict(zip(header, zip(*rows, strict=True), strict=True))


def _wrong_columns(given: Any, signature: Signature, row: int | None = None) -> Refusal:
    """Names the first column that is missing, unknown or there twice."""
    names, wanted = list(given), _names(signature)
    allowed = f"exactly {', '.join(f'`{name}`' for name in wanted)}"
    where = "The request" if row is None else f"Row {row}"
    faults = [(name, "lacks the column") for name in wanted if name not in names]
    faults += [(name, "has the unknown column") for name in names if name not in wanted]
    faults += [(name, "has twice the column") for name in wanted if names.count(name) > 1]
    column, fault = faults[0]
    found = quoted(clipped(name) for name in names)
    message = f"{where} {fault} `{clipped(column)}`; allowed are {allowed}."
    return Refusal(400, message, found=found, allowed=allowed, column=clipped(column), row=row)


def _json(text: bytes, row: int | None = None) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        where = "The body" if row is None else f"Line {row}"
        raise _malformed(f"{where} is not JSON: {error}.", "JSON in UTF-8; NaN is written null", row=row) from error


def _lines(body: bytes) -> list[bytes]:
    return body.rstrip(b"\r\n").split(b"\n")


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _malformed(f"The body is not UTF-8: byte {error.start} is wrong.", "UTF-8") from error


def _names(signature: Signature) -> tuple[str, ...]:
    return tuple(feature.name for feature in signature.features)


def _malformed(message: str, allowed: str, found: str | None = None, row: int | None = None) -> Refusal:
    return Refusal(400, message, found=found, allowed=allowed, row=row)
