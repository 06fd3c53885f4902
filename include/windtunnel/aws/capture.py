"""What SageMaker captured of a live endpoint: JSON lines in S3, one per request, read back as rows.

A request's InferenceId names its row; with several rows it is their keys, separated by commas. A row without a name
of its own has no key and cannot be joined with its label. A request that cannot be read is one row that says why.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.aws import objects
from windtunnel.aws.capture_format import UNREADABLE, event_id, moment, payload, request
from windtunnel.core.spec import ModelSpec
from windtunnel.ml.joined import CAPTURED_AT, PREDICTION
from windtunnel.ml.schema import arrow_schema

log = logging.getLogger(__name__)

EVENT_ID = "event_id"
"""SageMaker's own name of a request; its rows have the same. Null where it could not be read."""

SOURCE = "source"
"""The capture file, from the folder of its variant on: `2013/05/01/10/<name>.jsonl`."""

FAULT = "fault"
"""Why a request could not be read; null where it could."""

REQUESTS = pa.schema(
    [
        ("inference_id", pa.string()),
        ("question", pa.string()),
        (CAPTURED_AT, pa.timestamp("us")),
        ("keys", pa.list_(pa.string())),
        ("answers", pa.list_(pa.float64())),
    ]
)
"""One line per request: the InferenceId or null, the digest of what was asked, the keys of its rows or none, the answers."""

_READERS = 8
_HOUR = re.compile(r"(\d{4})/(\d{2})/(\d{2})/(\d{2})/[^/]+\.jsonl$")


def schema(spec: ModelSpec) -> pa.Schema:
    """The columns of a captured row: the key, when, whose request, what was asked and answered, where it was read.

    Key null: the row has no name of its own. `FAULT` not null: of the request only when and where are known.
    """
    declared = arrow_schema(spec)
    return pa.schema(
        [
            declared.field(spec.key),
            (CAPTURED_AT, pa.timestamp("us")),
            (EVENT_ID, pa.string()),
            *(declared.field(name) for name in spec.features),
            (PREDICTION, pa.float64()),
            (SOURCE, pa.string()),
            (FAULT, pa.string()),
        ]
    )


def sources(prefix: str) -> list[str]:
    """The capture files under an address, oldest hour first, as `SOURCE` names them.

    Args:
        prefix: `s3://<bucket>/<prefix>/<endpoint>/<variant>/`; AWS adds `yyyy/mm/dd/hh/<name>.jsonl`.
    """
    return [name for uri in objects.keys(prefix) if _HOUR.match(name := uri.removeprefix(prefix))]


def rows(prefix: str, names: Sequence[str], spec: ModelSpec) -> pa.Table:
    """The rows of some capture files, with the columns of `schema`; those of a file stand together, in their order.

    Args:
        prefix: As in `sources`.
        names: From `sources`.
        spec: Says the columns of a row and their types.
    """
    with ThreadPoolExecutor(_READERS) as readers:
        parts = readers.map(lambda name: parse(objects.get(prefix + name).splitlines(), spec, source=name), names)
        return pa.concat_tables([schema(spec).empty_table(), *parts])


class Exchanges(NamedTuple):
    """The captured requests of one variant."""

    requests: pa.Table
    "As `REQUESTS`, oldest file first."
    unreadable: int


def exchanges(prefix: str, spec: ModelSpec, since: datetime, until: datetime) -> Exchanges:
    """The requests captured in a span of time, whole and not by rows.

    Args:
        prefix: As in `sources`.
        spec: Says the columns of a row and their types.
        since: First moment, with its zone; captures know seconds.
        until: Last moment, with its zone.
    """
    first, last = (moment.astimezone(UTC).replace(tzinfo=None, microsecond=0) for moment in (since, until))
    hours = [first.replace(minute=0, second=0)]
    while hours[-1] + timedelta(hours=1) <= last:
        hours.append(hours[-1] + timedelta(hours=1))
    folders = [f"{prefix}{hour:%Y/%m/%d/%H}/" for hour in hours]
    uris = [uri for folder in folders for uri in objects.keys(folder) if uri.endswith(".jsonl")]
    with ThreadPoolExecutor(_READERS) as readers:
        parts = list(readers.map(partial(_read_requests, spec=spec), uris))
    found = pa.concat_tables([REQUESTS.empty_table(), *(part.requests for part in parts)])
    moments = found[CAPTURED_AT]
    inside = pc.and_(pc.greater_equal(moments, first), pc.less_equal(moments, last))
    return Exchanges(found.filter(inside), sum(part.unreadable for part in parts))


def parse_requests(lines: Iterable[bytes], spec: ModelSpec, *, source: str) -> Exchanges:
    """The requests of one capture file; arguments as in `parse`."""
    found: list[dict[str, Any]] = []
    unreadable: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            captured = json.loads(line)
            keys, captured_at, asked, answered = request(captured, spec)
            if not all(map(math.isfinite, answered)):
                raise ValueError("a prediction is not a finite number")
            kind, text = payload(captured["captureData"]["endpointInput"])
        except UNREADABLE as error:
            unreadable.append(f"line {number}, {type(error).__name__}: {error}")
            continue
        found.append(
            {
                "inference_id": captured["eventMetadata"].get("inferenceId") or None,
                "question": hashlib.sha256(f"{kind}\n{text}".encode()).hexdigest(),
                CAPTURED_AT: captured_at,
                "keys": keys if len(keys) == len(asked) else [],
                "answers": answered,
            }
        )
    _warn(unreadable, source)
    return Exchanges(pa.Table.from_pylist(found, REQUESTS), len(unreadable))


def parse(lines: Iterable[bytes], spec: ModelSpec, *, source: str) -> pa.Table:
    """The rows of one capture file.

    Args:
        lines: Its lines, one request each.
        spec: Says the columns of a row and their types.
        source: The file, as `sources` names it.
    """
    found: list[tuple[Any, ...]] = []
    unreadable: list[str] = []
    unknown = (None,) * len(spec.features)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        event: Any = None
        try:
            captured = json.loads(line)
            event = captured["eventMetadata"]
            keys, captured_at, asked, answered = request(captured, spec)
        except UNREADABLE as error:
            fault = f"line {number}, {type(error).__name__}: {error}".encode(errors="replace").decode()
            found.append((None, _moment_of(event, source), event_id(event), *unknown, None, source, fault[:200]))
            unreadable.append(fault)
            continue
        names = keys if len(keys) == len(asked) else [None] * len(asked)
        found += [
            (key, captured_at, event_id(event), *row, prediction, source, None)
            for key, row, prediction in zip(names, asked, answered, strict=True)
        ]
    _warn(unreadable, source)
    columns = list(zip(*found, strict=True)) or [()] * len(schema(spec))
    return pa.table(columns, schema=schema(spec))


def _moment_of(event: Any, source: str) -> datetime:
    """When an unreadable request was captured: as it says, or else the hour of its file."""
    try:
        return moment(event)
    except UNREADABLE:
        hour = _HOUR.match(source)
        assert hour is not None  # noqa: S101 - as `sources` names them
        return datetime(*(int(part) for part in hour.groups()))  # type: ignore[arg-type]  # noqa: DTZ001 - UTC


def _read_requests(uri: str, spec: ModelSpec) -> Exchanges:
    return parse_requests(objects.get(uri).splitlines(), spec, source=uri)


def _warn(unreadable: Sequence[str], source: str) -> None:
    if unreadable:
        log.warning("%d unreadable captures in %s; the first: %.200s", len(unreadable), source, unreadable[0])
