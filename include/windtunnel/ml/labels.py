"""Predictions joined with the labels that came later."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.core.window import Window


class Joined(NamedTuple):
    """The predictions of a window with their labels, and what was set aside."""

    rows: pa.Table
    "The predictions' columns, then `event_time` (null: pending) and `target` (null: no label), sorted by key."
    pending: int
    elsewhere: int


def first_of_each(predictions: pa.Table, key: str, moment: str) -> pa.Table:
    """The first prediction of every key: later ones were asked again and did not count in service."""
    in_time = predictions.take(pc.sort_indices(predictions, sort_keys=[(moment, "ascending"), (key, "ascending")]))
    keys = in_time[key].combine_chunks().dictionary_encode().indices.to_numpy()
    _, first = np.unique(keys, return_index=True)
    return in_time.take(first)


def unknown_keys(predictions: pa.Table, known: pa.ChunkedArray, key: str) -> pa.Table:
    """The predictions whose key is not among the known ones."""
    return predictions.filter(pc.invert(pc.is_in(predictions[key], value_set=_text(known))))


def join(
    predictions: pa.Table, labels: pa.Table, unknown: pa.Table, window: Window, *, key: str, moment: str
) -> Joined:
    """Give each prediction of a window its label.

    A prediction belongs to the window of its row's event time. Until the lake knows its row it belongs to the window
    it was made in, so that the same predictions are counted again, in their place, when their rows have come.

    Args:
        predictions: One per key.
        labels: The window's rows in the lake: key, `event_time` and `target`, null where there is no label.
        unknown: Those of `predictions` whose rows the lake does not know.
        window: Days of event time.
        key: Name of the key column.
        moment: Column of `predictions` with the time they were made.
    """
    labels = labels.set_column(0, key, _text(labels[key]))
    matched = predictions.join(labels, keys=key, join_type="inner")
    made_on = pc.cast(unknown[moment], pa.date32(), safe=False)
    pending = unknown.filter(pc.and_(pc.greater_equal(made_on, window.start), pc.less(made_on, window.end)))
    rows = pa.concat_tables([matched, pending], promote_options="default").sort_by(key)
    return Joined(rows, len(pending), len(predictions) - len(rows))


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    # Iceberg reads strings as large strings; keys are compared as one type.
    return column.cast(pa.string())
