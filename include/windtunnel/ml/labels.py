"""Predictions joined with the labels that came later, by rules that do not depend on when anything arrived.

A key is asked once: its first answer was acted on. A label stands once: two that differ are no label. A prediction
belongs to the day of its row; until the lake knows the row, to the day it was captured.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.ml.joined import CAPTURED_AT, DAY, VERSION

_NEVER = datetime.max.replace(tzinfo=UTC)


class Believed(NamedTuple):
    """One row per key of what the lake says of some predictions."""

    rows: pa.Table
    "Sorted by key; the target is null where there is no label, or none that is believed."
    repeated: int
    "Labels that stand again with the same value."
    contradicted: int
    "Keys with labels that differ."


def first_of_each(predictions: pa.Table, key: str, *order: str) -> pa.Table:
    """The first prediction of every key: later ones were asked again and did not count in service.

    Args:
        predictions: Any number per key.
        key: Name of the key column.
        order: Columns that say which is first: the moment, then what decides between equal ones.
    """
    in_time = predictions.take(pc.sort_indices(predictions, sort_keys=[(name, "ascending") for name in (*order, key)]))
    keys = in_time[key].combine_chunks().dictionary_encode().indices.to_numpy()
    _, first = np.unique(keys, return_index=True)
    return in_time.take(first)


def those_of(rows: pa.Table, keys: pa.ChunkedArray, key: str, *, others: bool = False) -> pa.Table:
    """The rows whose key is among some keys, or with `others` those whose key is not."""
    held = pc.is_in(_text(rows[key]), value_set=_text(keys))
    return rows.filter(pc.invert(held) if others else held)


def answered_by(captured_at: pa.ChunkedArray, services: Sequence[tuple[str, datetime, datetime | None]]) -> pa.Array:
    """The version that was in service alone when each prediction was captured; null: none was.

    Args:
        captured_at: UTC.
        services: Version, since, until (None: still) of each time of service, oldest first, without overlap; UTC.
    """
    moments = captured_at.to_numpy().astype("datetime64[us]")
    starts = np.array([_naive(since) for _, since, _ in services], "datetime64[us]")
    ends = np.array([_naive(until or _NEVER) for _, _, until in services], "datetime64[us]")
    place = np.searchsorted(starts, moments, side="right") - 1
    inside = place >= 0
    inside[inside] &= moments[inside] < ends[place[inside]]
    versions = np.array([service[0] for service in services], dtype=object)
    return pa.array([versions[at] if held else None for at, held in zip(place, inside, strict=True)], pa.string())


def believed(rows: pa.Table, *, key: str, moment: str, target: str) -> Believed:
    """What is believed of rows of which several may have the same key.

    Of such rows the earliest that has a label says everything but the label itself, or the earliest where none has.

    Args:
        rows: Rows of the lake.
        key: Name of the key column.
        moment: Name of the event time.
        target: Name of the label; null where it has not come.
    """
    rows = rows.set_column(rows.schema.get_field_index(key), key, _text(rows[key]))
    labels = (
        rows.filter(pc.is_valid(rows[target]))
        .group_by(key)
        .aggregate([(target, "count"), (target, "min"), (target, "max")])
    )
    differ = pc.not_equal(labels[f"{target}_min"], labels[f"{target}_max"])
    agreed = labels.filter(pc.invert(differ))
    repeated = (pc.sum(agreed[f"{target}_count"]).as_py() or 0) - len(agreed)
    without = rows.append_column("without", pc.is_null(rows[target]))
    first = first_of_each(without, key, "without", moment).drop_columns("without").sort_by(key)
    doubted = pc.is_in(first[key], value_set=labels.filter(differ)[key])
    values = pc.if_else(doubted, pa.scalar(None, first.schema.field(target).type), first[target])
    place = first.schema.get_field_index(target)
    return Believed(first.set_column(place, first.schema.field(target), values), repeated, len(labels) - len(agreed))


def placed(asked: pa.Table, known: pa.Table, *, key: str, moment: str) -> pa.Table:
    """Predictions with the columns of their rows, null where the lake does not know them, and `DAY`; sorted by key.

    Args:
        asked: One per key, with `CAPTURED_AT`.
        known: Rows of the lake, one per key.
        key: Name of the key column.
        moment: Name of the event time, in `known`.
    """
    joined = asked.join(known, keys=key, join_type="left outer").sort_by(key)
    return joined.append_column(
        pa.field(DAY, pa.date32()), pc.cast(pc.coalesce(joined[moment], joined[CAPTURED_AT]), pa.date32(), safe=False)
    )


def labels_until(rows: pa.Table, *, target: str, mature_share: float) -> date | None:
    """The watermark: the last day for which it and every day before it has the labels of its predictions.

    Of a day's n predictions at least `mature_share` n must have a label, rounded down, and at least one: among few a
    single one that never comes does not hold everything up.

    Args:
        rows: Predictions that count, with `DAY`.
        target: Name of the label; null where it has not come.
        mature_share: As in `Monitoring`.
    """
    days = rows.group_by(DAY).aggregate([([], "count_all"), (target, "count")]).sort_by(DAY).to_pylist()
    mature = takewhile(lambda day: day[f"{target}_count"] >= max(int(mature_share * day["count_all"] + 1e-9), 1), days)
    return max((day[DAY] for day in mature), default=None)


def changed(before: pa.Table, now: pa.Table, *, key: str, target: str) -> int:
    """Labels of `before` that are others in `now`, or none any more.

    Args:
        before: Joined rows of an earlier time; predictions that are not in `now` are left out.
        now: Joined rows.
        key: Name of the key column.
        target: Name of the label.
    """
    had = before.filter(pc.is_valid(before[target])).select([key, target]).rename_columns([key, "had"])
    both = had.join(now.select([key, target]), keys=key, join_type="inner")
    same = pc.fill_null(pc.equal(both["had"], both[target]), False)
    return int(pc.sum(pc.invert(same)).as_py() or 0)


def of_versions(rows: pa.Table) -> pa.Table:
    """The predictions that a version in service alone has answered."""
    return rows.filter(pc.is_valid(rows[VERSION]))


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    # Iceberg reads strings as large strings; keys are compared as one type.
    return column.cast(pa.string())
