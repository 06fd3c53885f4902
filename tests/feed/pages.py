"""What the pages get to see: documents read back as they stand, checked as the pages check them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from local.feed_schema import SCHEMA
from windtunnel.aws import objects
from windtunnel.aws.clients import client
from windtunnel.aws.feed import documents
from windtunnel.core.contracts import Feed, FeedSummary
from windtunnel.stages.show import show


def shown(model: str) -> Feed:
    """The document after a show, which both documents agree on."""
    show(model)
    return standing(model)


def standing(model: str) -> Feed:
    """The document that stands."""
    whole = _read(model, "model.json", "Feed")
    line = _read(model, "summary.json", "FeedSummary")
    feed = Feed.from_json(whole)
    assert feed.summary == FeedSummary.from_json(line)
    return feed


def prediction(feed: Feed, event_id: str) -> dict[str, Any] | None:
    """An answered request, found as the pages find it."""
    digest = hashlib.sha256(event_id.encode()).hexdigest()
    for month in feed.predictions:
        name = f"predictions/{month.label}/{digest[: month.digits] or 'all'}.json"
        there = objects.get_if_there(documents.address(feed.summary.model, name))
        if there and event_id in (rows := json.loads(there[0])):
            _require(rows[event_id], "FeedPrediction")
            found: dict[str, Any] = rows[event_id]
            return found
    return None


def lasting(feed: Feed) -> dict[str, Any]:
    """The document but for when it was written."""
    said = feed.to_json()
    for name in ("at", "generation"):
        del said["summary"][name]
    return said


@contextmanager
def calls() -> Iterator[Counter[str]]:
    """Counts the calls that this process makes to AWS meanwhile, such as `s3:GetObject`."""
    counted: Counter[str] = Counter()

    def note(model: Any, **_: Any) -> None:
        counted[f"{model.service_model.service_name}:{model.name}"] += 1

    clients = [client(service) for service in ("s3", "dynamodb", "glue", "sagemaker")]
    for each in clients:
        each.meta.events.register("before-call", note, unique_id="counted")
    try:
        yield counted
    finally:
        for each in clients:
            each.meta.events.unregister("before-call", unique_id="counted")


def _read(model: str, name: str, kind: str) -> Any:
    document = json.loads(objects.get(documents.address(model, name)))
    _require(document, kind)
    return document


def _require(document: Any, kind: str) -> None:
    faults = [f"{fault.json_path}: {fault.message}" for fault in _validator(kind).iter_errors(document)]
    assert faults == []


@cache
def _validator(kind: str) -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]})
