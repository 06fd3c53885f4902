"""CloudWatch dashboards: a body that the console could not draw is refused, with AWS's word for what is wrong where.

ministack keeps any text. What is checked here is what AWS documents as "Dashboard Body Structure and Syntax", for the
widgets `text`, `metric` and `alarm`; of the others only the frame is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

MOST_WIDGETS = 500
COLUMNS = 24
MOST_HEIGHT = 1_000
MOST_ALARMS = 100
KINDS = ("text", "metric", "log", "alarm", "explorer", "custom", "chart")
VIEWS = ("timeSeries", "singleValue", "gauge", "bar", "pie", "table")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_ALARM = re.compile(r"arn:[^:]+:cloudwatch:[^:]+:\d{12}:alarm:.+")


class Fault(NamedTuple):
    """What is wrong with a body, and where."""

    path: str
    message: str


def guard() -> None:
    """From now on ministack's PutDashboard takes only what CloudWatch would."""
    from ministack.services import cloudwatch

    put = cloudwatch._put_dashboard

    def checked(params: Any, decoded: Any, is_cbor: bool, is_json: bool = False) -> Any:
        asked = decoded or {name: cloudwatch._p(params, name) for name in ("DashboardName", "DashboardBody")}
        name = asked.get("DashboardName", "")
        if not _NAME.fullmatch(name):
            said = f"The value {name} for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_)."
            return cloudwatch._error("InvalidParameterValue", said, 400, use_json=is_json, use_cbor=is_cbor)
        if found := faults(asked.get("DashboardBody", "")):
            said = refusal(found)
            return cloudwatch._error("InvalidParameterInput", said, 400, use_json=is_json, use_cbor=is_cbor)
        return put(params, decoded, is_cbor, is_json)

    cloudwatch._put_dashboard = checked


def refusal(found: list[Fault]) -> str:
    """The message of the error, in AWS's words."""
    listed = json.dumps([{"dataPath": each.path, "message": each.message} for each in found], indent=2)
    are = "is 1 validation error" if len(found) == 1 else f"are {len(found)} validation errors"
    return f"The dashboard body is invalid, there {are}:\n{listed}"


def faults(text: str) -> list[Fault]:
    """Everything that is wrong with the body of a dashboard; nothing where it can be drawn."""
    try:
        body = json.loads(text)
    except ValueError:
        return [Fault("", "The field DashboardBody must be a valid JSON object")]
    if not isinstance(body, dict):
        return [Fault("", "Should be object")]
    return list(_of_body(body))


def _of_body(body: dict[str, Any]) -> Iterator[Fault]:
    if body.get("periodOverride", "auto") not in ("auto", "inherit"):
        yield Fault("/periodOverride", "Should be equal to one of the allowed values")
    widgets = body.get("widgets")
    if not isinstance(widgets, list):
        yield Fault("", "Should have required property 'widgets'")
        return
    if len(widgets) > MOST_WIDGETS:
        yield Fault("/widgets", f"Should NOT have more than {MOST_WIDGETS} items")
    for index, widget in enumerate(widgets):
        path = f"/widgets/{index}"
        if isinstance(widget, dict):
            yield from _of_widget(widget, path)
        else:
            yield Fault(path, "Should be object")


def _of_widget(widget: dict[str, Any], path: str) -> Iterator[Fault]:
    if ("x" in widget) != ("y" in widget):
        yield Fault(path, "Should have both properties 'x' and 'y', or neither")
    for member, low, high in (
        ("x", 0, COLUMNS - 1),
        ("y", 0, None),
        ("width", 1, COLUMNS),
        ("height", 1, MOST_HEIGHT),
    ):
        yield from _whole(widget, member, low, high, path)
    kind, properties = widget.get("type"), widget.get("properties")
    if kind not in KINDS:
        yield Fault(f"{path}/type", "Should be equal to one of the allowed values")
    if not isinstance(properties, dict):
        yield Fault(path, "Should have required property 'properties'")
    elif kind == "text":
        yield from _required(properties, "markdown", str, f"{path}/properties")
    elif kind == "metric":
        yield from _of_metrics(properties, f"{path}/properties")
    elif kind == "alarm":
        yield from _of_alarms(properties, f"{path}/properties")


def _of_metrics(properties: dict[str, Any], path: str) -> Iterator[Fault]:
    annotations = properties.get("annotations")
    annotations = annotations if isinstance(annotations, dict) else {}
    metrics = properties.get("metrics")
    if not annotations.get("alarms"):
        yield from _required(properties, "region", str, path)
        yield from _required(properties, "metrics", list, path)
    for index, metric in enumerate(metrics if isinstance(metrics, list) else []):
        yield from _of_metric(metric, f"{path}/metrics/{index}")
    if properties.get("view", "timeSeries") not in VIEWS:
        yield Fault(f"{path}/view", "Should be equal to one of the allowed values")
    if "period" in properties and not _is_period(properties["period"]):
        yield Fault(f"{path}/period", "Should be 1, 5, 10, 20, 30 or a multiple of 60")
    for index, line in enumerate(annotations.get("horizontal") or []):
        ends = line if isinstance(line, list) else [line]
        for end in ends:
            yield from _required(end, "value", (int, float), f"{path}/annotations/horizontal/{index}")


def _of_metric(metric: Any, path: str) -> Iterator[Fault]:
    """`[namespace, name, dimension, value, ..., {options}]`, or `[{"expression": ...}]`."""
    if not isinstance(metric, list):
        yield Fault(path, "Should be array")
        return
    *named, last = metric or [None]
    options = last if isinstance(last, dict) else {}
    words = named if isinstance(last, dict) else metric
    if not all(isinstance(word, str) for word in words):
        yield Fault(path, 'Field "metrics" has to be an array of array of strings, with an optional last object')
    elif not words and not isinstance(options.get("expression"), str):
        yield Fault(path, "Should have an expression or the name of a metric")
    elif words and (len(words) < 2 or len(words) % 2):
        yield Fault(path, "Invalid metric field: a namespace, a metric, then dimensions with their values")


def _of_alarms(properties: dict[str, Any], path: str) -> Iterator[Fault]:
    yield from _required(properties, "alarms", list, path)
    alarms = properties.get("alarms")
    if not isinstance(alarms, list):
        return
    if not 1 <= len(alarms) <= MOST_ALARMS:
        yield Fault(f"{path}/alarms", f"Should have 1 to {MOST_ALARMS} items")
    for index, alarm in enumerate(alarms):
        if not (isinstance(alarm, str) and _ALARM.fullmatch(alarm)):
            yield Fault(f"{path}/alarms/{index}", "Should be the ARN of an alarm")


def _required(holder: Any, member: str, kind: type | tuple[type, ...], path: str) -> Iterator[Fault]:
    if not isinstance(holder, dict) or not isinstance(holder.get(member), kind):
        yield Fault(path, f"Should have required property '{member}'")


def _whole(widget: dict[str, Any], member: str, low: int, high: int | None, path: str) -> Iterator[Fault]:
    value = widget.get(member, low)
    if not isinstance(value, int) or isinstance(value, bool):
        yield Fault(f"{path}/{member}", "Should be integer")
    elif value < low:
        yield Fault(f"{path}/{member}", f"Should be >= {low}")
    elif high is not None and value > high:
        yield Fault(f"{path}/{member}", f"Should be <= {high}")


def _is_period(seconds: Any) -> bool:
    return isinstance(seconds, int) and seconds > 0 and (seconds in (1, 5, 10, 20, 30) or seconds % 60 == 0)
