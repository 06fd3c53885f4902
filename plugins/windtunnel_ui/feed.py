"""What the stages wrote down for the pages: one document a model, one line of it for the page of all models.

Each is checked against `feed.schema.json`, which is generated from the stages' own contracts, before a page sees it.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from windtunnel_ui.store import Away, Missing, Read, Store, TooLarge

MOST_BYTES = 32 * 2**20
"""Of a model's document: 1,000 versions have about 2 MB."""

MOST_PARSED = 256
"""Documents that are kept as they were parsed: the lines of so many models, less those of models looked at."""

Kind = Literal["Feed", "FeedSummary", "FeedPrediction"]
Document = dict[str, Any]

store = Store()


class Unreadable(Exception):
    """A document is not what this version of the pages understands."""


async def summaries(models: Iterable[str]) -> dict[str, Document | Exception]:
    """Each model's line, by name; the reason where there is none to show."""
    names = list(models)
    found = await asyncio.gather(*(summary(name) for name in names), return_exceptions=True)
    expected = (Missing, Away, TooLarge, Unreadable)
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, expected):
            raise one
    return dict(zip(names, found, strict=True))  # type: ignore[arg-type]


async def summary(model: str) -> Document:
    """One model's line.

    Raises:
        Missing: Nothing was written yet.
        Away: S3 does not answer.
        TooLarge: It is larger than a page loads.
        Unreadable: It is not as `feed.schema.json` says.
    """
    return await _document(f"feed/{model}/summary.json", "FeedSummary", 2**20)


async def model(name: str) -> Document:
    """Everything about one model.

    Raises:
        Missing: Nothing was written yet.
        Away: S3 does not answer.
        TooLarge: It is larger than a page loads.
        Unreadable: It is not as `feed.schema.json` says.
    """
    return await _document(f"feed/{name}/model.json", "Feed", MOST_BYTES)


async def prediction(name: str, months: Iterable[Document], event_id: str) -> Document | None:
    """The answered request of an id; None where none of these months has it.

    Args:
        name: Of the model.
        months: `predictions` of its document.
        event_id: As the caller gave it with the request.

    Raises:
        Away: S3 does not answer.
        Unreadable: A part is not as `feed.schema.json` says.
    """
    digest = hashlib.sha256(event_id.encode()).hexdigest()
    parts = [f"feed/{name}/predictions/{m['label']}/{digest[: m['digits']] or 'all'}.json" for m in months]
    for read in await asyncio.gather(*(_part(key) for key in parts)):
        if read and event_id in (rows := _json(read.body)):
            return _checked(rows[event_id], "FeedPrediction")
    return None


async def _part(key: str) -> Read | None:
    try:
        return await store.get(key, MOST_BYTES)
    except Missing:
        return None


async def _document(key: str, kind: Kind, most_bytes: int) -> Document:
    read = await store.get(key, most_bytes)
    document = _parsed(read, kind)
    return {**document, "away_seconds": read.age_seconds}


_documents: OrderedDict[tuple[str, str], Document] = OrderedDict()


def _parsed(read: Read, kind: Kind) -> Document:
    """Parsed and checked once for each content."""
    key = (read.tag, kind)
    if key not in _documents:
        _documents[key] = _checked(_json(read.body), kind)
        while len(_documents) > MOST_PARSED:
            _documents.popitem(last=False)
    return _documents[key]


def _json(body: bytes) -> Document:
    try:
        found: Document = json.loads(body)
    except ValueError as error:
        raise Unreadable("It is no JSON.") from error
    return found


def _checked(found: Document, kind: Kind) -> Document:
    fault = next(_validator(kind).iter_errors(found), None)
    if fault is not None:
        where = ".".join(str(part) for part in fault.absolute_path) or "the whole"
        raise Unreadable(f"`{where}` is not as these pages expect it: {fault.message[:200]}")
    return found


@functools.cache
def _validator(kind: Kind) -> Any:
    from jsonschema import Draft202012Validator

    schema = json.loads((Path(__file__).parent / "feed.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]})
