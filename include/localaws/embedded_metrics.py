"""CloudWatch's embedded metric format: lines of a log that CloudWatch Logs turns into metrics.

A line counts when the whole of it is one JSON object of the form that AWS specifies; any other line is just a line.
What ships the log of SageMaker's containers goes through PutLogEvents like everyone else, so this is the only door.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

log = logging.getLogger(__name__)
MARK = '"CloudWatchMetrics"'
MOST_BYTES = 1 << 20
MOST_DIMENSIONS = 30
MOST_METRICS = 100
MOST_VALUES = 100
OLDEST_SECONDS = 14 * 24 * 3600.0
NEWEST_SECONDS = 2 * 3600.0


@dataclass(frozen=True)
class Datum:
    """One metric of a line, for one set of dimensions; `timestamp` in seconds since 1970."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    timestamp: float
    unit: str
    values: tuple[float, ...]


class Malformed(ValueError):
    """The line says that it carries metrics and does not keep to the format."""


def read(message: str, now: float) -> list[Datum]:
    """The metrics of a line of a log; none where it is not meant to carry any.

    Args:
        message: The line.
        now: Time in seconds since 1970: metrics of more than two weeks ago or two hours ahead are refused.

    Raises:
        Malformed: CloudWatch Logs would count an EMFValidationError and take none of it.
    """
    if MARK not in message or not message.startswith("{"):
        return []
    try:
        root = json.loads(message)
    except (ValueError, RecursionError):
        return []
    metadata = root.get("_aws")
    if not isinstance(metadata, dict) or "CloudWatchMetrics" not in metadata:
        return []
    if len(message.encode()) > MOST_BYTES:
        raise Malformed(f"it is longer than {MOST_BYTES} bytes")
    timestamp = metadata.get("Timestamp")
    if not _number(timestamp):
        raise Malformed("`_aws.Timestamp` is no number of milliseconds")
    if not now - OLDEST_SECONDS <= timestamp / 1000 <= now + NEWEST_SECONDS:
        raise Malformed("`_aws.Timestamp` is too old or too far ahead")
    return [
        datum
        for directive in _list(metadata, "CloudWatchMetrics")
        for datum in _data(root, directive, timestamp / 1000)
    ]


def listen() -> None:
    """From now on ministack's CloudWatch Logs takes metrics out of what it is sent."""
    from ministack.services import cloudwatch, cloudwatch_logs

    deliver = cloudwatch_logs._fanout_to_subscription_filters

    def extract(group: str, stream: str, events: Sequence[dict[str, Any]]) -> None:
        deliver(group, stream, events)
        for event in events:
            try:
                found = read(event.get("message", ""), time.time())
            except Malformed as error:
                log.warning("A line of %s %s carries no metrics: %s.", group, stream, error)
                continue
            for each in found:
                cloudwatch._store_datum(
                    each.namespace, each.name, each.dimensions, each.timestamp, each.unit, None, each.values, None, None
                )

    cloudwatch_logs._fanout_to_subscription_filters = extract


def _data(root: dict[str, Any], directive: Any, timestamp: float) -> Iterator[Datum]:
    if not isinstance(directive, dict):
        raise Malformed("a member of `CloudWatchMetrics` is no object")
    namespace = directive.get("Namespace")
    if not isinstance(namespace, str) or not 1 <= len(namespace) <= 255:
        raise Malformed("`Namespace` is no text of 1 to 255 characters")
    sets = [_dimensions(root, names) for names in _list(directive, "Dimensions")]
    if not sets:
        raise Malformed("`Dimensions` holds no set; one without names is `[]`")
    metrics = _list(directive, "Metrics")
    if len(metrics) > MOST_METRICS:
        raise Malformed(f"`Metrics` holds more than {MOST_METRICS}")
    for metric in metrics:
        name = metric.get("Name") if isinstance(metric, dict) else None
        if not isinstance(name, str) or not 1 <= len(name) <= 255:
            raise Malformed("a metric's `Name` is no text of 1 to 255 characters")
        values = _values(root, name)
        for dimensions in sets:
            yield Datum(namespace, name, dimensions, timestamp, metric.get("Unit", "None"), values)


def _dimensions(root: dict[str, Any], names: Any) -> dict[str, str]:
    if not isinstance(names, list) or len(names) > MOST_DIMENSIONS:
        raise Malformed(f"a set of `Dimensions` is no list of at most {MOST_DIMENSIONS} names")
    for name in names:
        if not isinstance(name, str) or not isinstance(root.get(name), str) or not root[name]:
            raise Malformed(f"the dimension `{name}` has no text at the root")
    return {name: root[name] for name in names}


def _values(root: dict[str, Any], name: str) -> tuple[float, ...]:
    given = root.get(name)
    values: list[Any] = given if isinstance(given, list) else [given]
    if not values or len(values) > MOST_VALUES or not all(map(_number, values)):
        raise Malformed(f"the metric `{name}` has no number at the root, nor a list of at most {MOST_VALUES}")
    return tuple(float(value) for value in values)


def _number(value: Any) -> TypeGuard[float]:
    # NaN and infinity are no JSON, though Python reads them.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _list(holder: dict[str, Any], member: str) -> list[Any]:
    found = holder.get(member)
    if not isinstance(found, list):
        raise Malformed(f"`{member}` is no list")
    return found
