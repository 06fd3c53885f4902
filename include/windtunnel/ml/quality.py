"""Quality of predictions whose labels have come: by day and slice, for every version that answered and the control."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.ml import joined, metrics

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SERVED, CONTROL = "served", "control"
"""Roles: what the endpoint answered, and what the frozen version would have answered to the champion's questions."""

COVERAGE = "coverage"
"""Stands for every group, also where no label has come; the metrics of the task stand beside it."""

MISSING = "missing"
"""The slice of rows without a value."""

SCHEMA = pa.schema(
    [
        ("day", pa.timestamp("us")),
        ("window_start", pa.timestamp("us")),
        ("slice_column", pa.string()),
        ("slice_value", pa.string()),
        ("version", pa.string()),
        ("role", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("rows", pa.int64()),
        ("predictions", pa.int64()),
        ("coverage", pa.float64()),
        ("labels_until", pa.date32()),
        ("labels_tag", pa.string()),
    ]
)
"""Of the table `<model>_quality`: `slice_column` is "" for all rows of a day; `rows` of `predictions` were measured."""


class AsOf(NamedTuple):
    """The labels that a measurement knows."""

    labels_until: date | None
    labels_tag: str


class Answered(NamedTuple):
    """The collected predictions as arrays `(rows,)`; what has no label is NaN."""

    days: npt.NDArray[np.datetime64]
    target: Floats
    served: Floats
    version: npt.NDArray[np.object_]
    champion: Mask
    "Answered by the version in service now."
    control: Floats
    "What the control said offline, NaN where it could not."
    slices: dict[str, npt.NDArray[np.object_]]
    "Column -> value: as recorded; while the row is not known, as asked."

    def inside(self, window: Window) -> Mask:
        """The champion's rows of a window."""
        since, until = (np.datetime64(day, "D") for day in (window.start, window.end))
        return (self.days >= since) & (self.days < until) & self.champion


def answered(rows: pa.Table, spec: ModelSpec, champion: str) -> Answered:
    """The collected predictions with the control's offline answers, as arrays.

    Args:
        rows: Columns of `ml/joined.py` with `control_said` beside them.
        spec: The model.
        champion: The version in service.
    """
    version = rows[joined.VERSION].to_numpy().astype(object)
    return Answered(
        days=rows[joined.DAY].to_numpy().astype("datetime64[D]"),
        target=_floats(rows[spec.target]),
        served=_floats(rows[joined.PREDICTION]),
        version=version,
        champion=np.asarray(version == champion, dtype=bool),
        control=_floats(rows[joined.CONTROL_SAID]),
        slices={name: _slice(rows, name) for name in spec.evaluation.slices},
    )


def by_day(found: Answered, spec: ModelSpec, windows: Sequence[Window], control: str | None, as_of: AsOf) -> pa.Table:
    """Every metric per day, slice, and version that answered, as rows of `SCHEMA` in a fixed order.

    A row counts where its label has come and its answer is a finite number.

    Args:
        found: The collected predictions.
        spec: The model.
        windows: Those that hold the predictions, oldest first.
        control: The frozen version; None or one that answered nothing gives no rows.
        as_of: What the labels' snapshot is.
    """
    versions = sorted({str(version) for version in found.version if version is not None})
    groups = [group for version in versions for group in _served(found, spec, version)]
    if control and np.isfinite(found.control[found.champion]).any():
        groups += _groups(found, spec, (control, CONTROL), found.champion, found.control)
    starts = np.array([window.start for window in windows], dtype="datetime64[D]")
    lines = [
        (
            group.day.astype("datetime64[us]").item(),
            starts[np.searchsorted(starts, group.day, side="right") - 1].astype("datetime64[us]").item(),
            *group.slice,
            *group.who,
            metric,
            value,
            group.rows,
            group.predictions,
            group.rows / group.predictions,
            *as_of,
        )
        for group in groups
        for metric, value in {COVERAGE: group.rows / group.predictions, **group.scores}.items()
    ]
    table = pa.table(list(zip(*lines, strict=True)) or [()] * len(SCHEMA), schema=SCHEMA)
    order = ("day", "slice_column", "slice_value", "role", "version", "metric")
    return table.sort_by([(name, "ascending") for name in order])


class _Group(NamedTuple):
    day: np.datetime64
    slice: tuple[str, str]
    who: tuple[str, str]
    "Version and role."
    rows: int
    predictions: int
    scores: dict[str, float]


def _served(found: Answered, spec: ModelSpec, version: str) -> Iterator[_Group]:
    inside = np.asarray(found.version == version, dtype=bool)
    return _groups(found, spec, (version, SERVED), inside, found.served)


def _groups(found: Answered, spec: ModelSpec, who: tuple[str, str], inside: Mask, said: Floats) -> Iterator[_Group]:
    days, day = np.unique(found.days[inside], return_inverse=True)
    target, answers = found.target[inside], said[inside]
    usable = np.isfinite(target) & np.isfinite(answers)
    whole = np.full(len(day), "", dtype=object)
    for column, each in {"": whole, **{name: values[inside] for name, values in found.slices.items()}}.items():
        values, code = np.unique(each.astype(str), return_inverse=True)
        group = day * len(values) + code
        order = np.argsort(group, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
            if not len(part):
                continue
            counted = part[usable[part]]
            yield _Group(
                day=days[day[part[0]]],
                slice=(column, str(values[code[part[0]]])),
                who=who,
                rows=len(counted),
                predictions=len(part),
                scores=metrics.scores(spec.task, target[counted], answers[counted], at=spec.monitoring.precision_at),
            )


def _slice(rows: pa.Table, name: str) -> npt.NDArray[np.object_]:
    value = rows[joined.recorded(name)]
    if name in rows.column_names:
        value = pc.coalesce(value, rows[name])
    values: npt.NDArray[np.object_] = pc.fill_null(value.cast(pa.string()), MISSING).to_numpy().astype(object)
    return values


def _floats(column: pa.ChunkedArray) -> Floats:
    numbers: Floats = column.cast(pa.float64()).to_numpy()
    return numbers
