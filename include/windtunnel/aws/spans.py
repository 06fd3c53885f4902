"""Which months a look at the predictions is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.aws import changes, lake
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import DatasetVersion
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.ml import joined
from windtunnel.ml.joined import on

_NEWEST_MONTHS = 2
"""A run without an event looks at so many months of captures: what was captured earlier it has looked at before."""


def around(counting: pa.Table, arrived: Window | None, labels: DatasetVersion) -> Window | None:
    """The whole months that are looked at; None where there is no reason to.

    Args:
        counting: Key, `CAPTURED_AT`, event time and `DAY` of every prediction that counts.
        arrived: Days whose rows are new. None: nothing arrived; the months that wait for rows, or have gained
            predictions since they were collected, as far as the newest months of captures tell.
        labels: What the lake knows.
    """
    if arrived:
        span = Window.around([_month(arrived.start), _month(arrived.end - timedelta(days=1))])
        return Window.around([span, *_waited(counting, span, labels)])
    if not len(counting):
        return None
    captured = pc.cast(counting[joined.CAPTURED_AT], "date32", safe=False)
    recent = _month(pc.max(captured).as_py()).last_months(_NEWEST_MONTHS)
    rows = counting.filter(on(captured, recent))
    waiting = rows.filter(pc.is_null(rows[model_spec(labels.model).event_time]))[joined.DAY]
    due = [*_months(waiting), *_gained(counting, _months(rows[joined.DAY]), labels.model)]
    return Window.around(due) if due else None


def windows(days: Iterable[date], span: Window, spec: ModelSpec) -> tuple[Window, ...]:
    """The windows of a span in which one of these days lies, oldest first."""
    held = set(days)
    return tuple(window for window in span.parts(spec.monitoring.window_days) if any(window.holds(day) for day in held))


def _gained(counting: pa.Table, months: Iterable[Window], model: str) -> Iterator[Window]:
    """The months that hold other predictions than when they were last collected: captures too can come late."""
    for month in months:
        if pc.sum(on(counting[joined.DAY], month)).as_py() != changes.predictions(model, month):
            yield month


def _waited(counting: pa.Table, span: Window, labels: DatasetVersion) -> list[Window]:
    """Published months that counted predictions of the span as their own while their rows were not known.

    A flight of the last evening in March is captured in April, UTC; when April's labels come first, it waits there.
    """
    event_time = counting[model_spec(labels.model).event_time]
    placed = counting.filter(pc.and_(on(counting[joined.DAY], span), pc.is_valid(event_time)))
    captured = pc.cast(placed[joined.CAPTURED_AT], "date32", safe=False)
    others = pc.unique(captured.filter(pc.invert(on(captured, span)))).to_pylist()
    published = lake.months(labels.table, labels.snapshot_id) if others else []
    return [month for month in published if any(month.holds(day) for day in others)]


def _months(days: pa.ChunkedArray) -> set[Window]:
    return {_month(day) for day in pc.unique(days).to_pylist()}


def _month(day: date) -> Window:
    return Window.month(f"{day:%Y-%m}")
