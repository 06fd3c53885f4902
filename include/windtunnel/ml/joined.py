"""The columns of the collected predictions: one row per prediction, as it was asked, answered and labelled."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window

CAPTURED_AT = "captured_at"
"""When it was answered, UTC."""

VERSION = "version"
"""The version in service at that moment."""

PREDICTION = "prediction"
"""What the endpoint answered."""

DAY = "day"
"""The day of its event time; while its row is not known, the day it was captured."""

CHAMPION_SAID = "champion_said"
CONTROL_SAID = "control_said"
"""What the two versions say to the same question offline; columns of scored.parquet, beside the key."""


def recorded(name: str) -> str:
    """A column as ingestion recorded it later, null while the row is not known: `recorded_dep_delay`."""
    return f"recorded_{name}"


def recorded_columns(spec: ModelSpec) -> tuple[str, ...]:
    """Columns of the lake that come along: the features, and what slices and seasons are made of."""
    return tuple(dict.fromkeys((*spec.features, *spec.evaluation.slices, *spec.monitoring.season)))


def on(days: pa.ChunkedArray, window: Window) -> pa.ChunkedArray:
    """Whether each day, a date32, lies in a window."""
    return pc.and_(pc.greater_equal(days, window.start), pc.less(days, window.end))


def schema(spec: ModelSpec) -> pa.Schema:
    """Key, `captured_at`, `version`, `day`, the features as asked, `prediction`, event time, target, recorded columns.

    Event time is null while the lake does not know the row, the target while its label has not come.
    """
    # It brings pandas, which most who read these names do without.
    from windtunnel.ml.schema import arrow_schema

    declared = arrow_schema(spec)
    return pa.schema(
        [
            declared.field(spec.key),
            (CAPTURED_AT, pa.timestamp("us")),
            (VERSION, pa.string()),
            (DAY, pa.date32()),
            *(declared.field(name) for name in spec.features),
            (PREDICTION, pa.float64()),
            declared.field(spec.event_time),
            declared.field(spec.target),
            *(declared.field(name).with_name(recorded(name)) for name in recorded_columns(spec)),
        ]
    )
