"""One request as SageMaker captures it: a JSON document with what was asked, what was answered, when, and its name."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from windtunnel.core.spec import Kind, ModelSpec

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What reading a broken one raises."""


def request(
    captured: dict[str, Any], spec: ModelSpec
) -> tuple[list[str], datetime, list[tuple[Any, ...]], list[float]]:
    """Keys, moment, rows and predictions of one request; the keys are fewer than the rows where some have none.

    A prediction that is NaN or infinite is read as it is: whoever judges answers wants to see it.

    Args:
        captured: The document.
        spec: Says the columns of a row and their types.

    Raises:
        One of `UNREADABLE`: It is not a question and its answer.
    """
    data, event = captured["captureData"], captured["eventMetadata"]
    captured_at = moment(event)
    asked = [
        tuple(_cast(row.get(name), spec.column(name).kind) for name in spec.features)
        for row in _instances(data["endpointInput"], spec.features)
    ]
    answered = [float(value) for value in _predictions(data["endpointOutput"])]
    if len(asked) != len(answered):
        raise ValueError(f"{len(asked)} rows asked, {len(answered)} answered")
    name = _text(event.get("inferenceId") or "")
    keys = [name] if len(asked) == 1 and name else [key for key in name.split(",") if key]
    return keys, captured_at, asked, answered


def payload(side: dict[str, Any]) -> tuple[str, str]:
    """Media type and text of `endpointInput` or `endpointOutput`. AWS writes types it was not told of as base64."""
    text: str = side["data"]
    if side["encoding"] == "BASE64":
        text = base64.b64decode(text, validate=True).decode()
    kind = side["observedContentType"].partition(";")[0].strip().lower()
    if kind not in {"application/json", "application/jsonlines", "application/x-jsonlines", "text/csv"}:
        raise ValueError(f"content type `{kind}`")
    return kind, text


def moment(event: dict[str, Any]) -> datetime:
    """When a request was answered: UTC without a zone, as the lake has it."""
    return datetime.fromisoformat(event["inferenceTime"]).astimezone(UTC).replace(tzinfo=None)


def event_id(event: Any) -> str | None:
    """SageMaker's own name of a request, None where it has none."""
    try:
        return _text(event["eventId"])
    except UNREADABLE:
        return None


def _instances(side: dict[str, Any], features: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows asked for, in every form that the model server takes; a list without names is in the spec's order."""
    kind, text = payload(side)
    header: Sequence[str] = features
    if kind == "text/csv":
        rows: list[Any] = list(_csv(text))
        header = rows.pop(0) if set(rows[0]) >= set(features) else features
    elif kind == "application/json":
        body = json.loads(text)
        header = body.get("columns", features)
        rows = body["instances"] if "instances" in body else body["rows"]
    else:
        rows = list(_json_lines(text))
    return (dict(zip(header, row, strict=True)) if isinstance(row, list) else row for row in rows)


def _predictions(side: dict[str, Any]) -> Iterator[Any]:
    kind, text = payload(side)
    if kind == "text/csv":
        yield from (line[0] for line in _csv(text))
    elif kind == "application/json":
        yield from json.loads(text)["predictions"]
    else:
        yield from (value["prediction"] if isinstance(value, dict) else value for value in _json_lines(text))


def _csv(text: str) -> Iterator[list[str]]:
    return (line for line in csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")) if line)


def _json_lines(text: str) -> Iterator[Any]:
    return (json.loads(line) for line in text.split("\n") if line.strip())


def _cast(value: Any, kind: Kind) -> Any:
    if value is None or value == "":
        return None
    if kind == "string":
        return _text(str(value))
    if kind == "float64":
        return float(value)
    number = Decimal(str(value))
    if number != int(number) or abs(number) >= 2**63:
        raise ValueError(f"`{value}` is not a whole number of 64 bits")
    return int(number)


def _text(value: Any) -> str:
    """A text that can be stored: JSON may hold halves of characters."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} where a text was expected")
    value.encode()
    return value
