"""The look-up of predictions: every one that counts, with its label once that has come, in small parts by its id.

The rows are those that monitoring collected, month by month. A part is written over exactly the one that was listed
before the collections were read, by the rule of `documents`, and left alone where it holds the same already.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa
from botocore.exceptions import ClientError

from windtunnel.aws import objects, parquet
from windtunnel.aws.feed import documents
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import FeedMonth
from windtunnel.core.errors import CommitConflict
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings
from windtunnel.core.window import Window
from windtunnel.ml.joined import CAPTURED_AT, DAY, PREDICTION, VERSION

log = logging.getLogger(__name__)

PART_ROWS = 2_000
"""A part has about so many at most: 600 kB that a page reads to find one."""


class _Note(NamedTuple):
    """One collection of a month, as aws/changes.py noted it."""

    label: str
    name: str
    "Of labels, captures and work: sorts as they do."
    uri: str


def months(model: str, known: Iterable[FeedMonth]) -> tuple[FeedMonth, ...]:
    """Bring the look-up to what was collected last, newest month first.

    Args:
        model: Name of the model.
        known: From an earlier document: a month that was not collected since is as it was.

    Raises:
        CommitConflict: Others write the same parts; what is to be in them must be read again.
    """
    before = {month.label: month for month in known}
    found = [_month(model, note, before.get(note.label)) for note in _notes(model)]
    return tuple(sorted((month for month in found if month), key=lambda month: month.label, reverse=True))


def digits_for(rows: int) -> int:
    """How many digits of its id's digest name the part of a prediction, so that no part has far more than `PART_ROWS`."""
    digits = 0
    while rows > PART_ROWS * 16**digits:
        digits += 1
    return digits


def part_of(key: str, digits: int) -> str:
    """The name of the part that a prediction is in."""
    return hashlib.sha256(key.encode()).hexdigest()[:digits] or "all"


def _notes(model: str, label: str = "") -> list[_Note]:
    """The newest collection of each month."""
    prefix = settings().uri("monitor", model, "collected", "")
    found: dict[str, _Note] = {}
    for uri in objects.keys(f"{prefix}{label}"):
        month, _, name = uri.removeprefix(prefix).partition("/")
        found[month] = _Note(month, name.removesuffix(".json"), uri)
    return list(found.values())


def _month(model: str, seen: _Note, before: FeedMonth | None) -> FeedMonth | None:
    if before and before.made_of == seen.name:
        return before
    folder = documents.address(model, f"predictions/{seen.label}/")
    there = {listed.uri: listed.etag for listed in objects.listed(folder)}
    # Again, now that it is known what stands there: who wrote that had read no newer one.
    (note,) = _notes(model, f"{seen.label}/")
    rows = _rows(model, note)
    if not rows:
        return None
    digits = digits_for(len(rows))
    for name, body in _parts(rows, digits):
        _put(f"{folder}{name}.json", body, there)
    log.info("feed: %d predictions of %s can be looked up in %s", len(rows), note.label, folder)
    return FeedMonth(label=note.label, digits=digits, made_of=note.name)


def _put(uri: str, body: bytes, there: dict[str, str]) -> None:
    # The ETag of what was put in one piece is its MD5, unless a key of KMS encrypts it: then it is written again.
    if there.get(uri) == f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"':
        return
    with shared_write("feed.look-up"):
        written = objects.put_over(uri, body, there.get(uri), content_type="application/json")
    if not written:
        raise CommitConflict(
            f"`{uri}` was written by another `show` meanwhile. Nothing is lost; show this model again."
        )


def _rows(model: str, note: _Note) -> list[tuple[str, str]]:
    """Key and JSON of every prediction of a month, sorted by key; none where the collected rows are gone."""
    spec, month = model_spec(model), Window.month(note.label)
    columns = (spec.key, CAPTURED_AT, VERSION, PREDICTION, spec.event_time, spec.target)
    try:
        address = json.loads(objects.get(note.uri))["rows"]
        with parquet.fetched(address) as path:
            return [row for part in parquet.parts(path, columns, DAY, month) for row in _of(part, columns)]
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        log.warning("feed: the rows of `%s` are gone, the predictions of %s cannot be looked up", note.uri, note.label)
        return []


def _of(part: pa.Table, columns: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for key, asked, version, answer, event, label in zip(*(part[name].to_pylist() for name in columns), strict=True):
        asked_at = f"{asked.isoformat()}Z"
        found: dict[str, Any] = {
            "version": version,
            "asked_at": asked_at,
            "event_at": event.isoformat() if isinstance(event, datetime) else asked_at,
            "answer": _number(answer),
            "label": _number(label),
        }
        yield str(key), json.dumps(found, separators=(",", ":"))


def _parts(rows: list[tuple[str, str]], digits: int) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each part; the same rows make the same bytes."""
    parts: dict[str, list[str]] = defaultdict(list)
    for key, found in rows:
        parts[part_of(key, digits)].append(f"{json.dumps(key)}:{found}")
    for name in sorted(parts):
        yield name, "{{{}}}".format(",\n".join(parts[name])).encode()


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
