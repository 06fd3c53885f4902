"""Seasons: combinations of values of the columns a spec names, such as month, or weekday and hour."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.core.spec import ModelSpec
from windtunnel.ml.joined import recorded

_MOST_NAMED = 5


def of_predictions(rows: pa.Table, spec: ModelSpec) -> pa.Array:
    """The distinct seasons of collected predictions; those whose rows the lake does not know yet say none."""
    return _distinct(rows, columns(spec))


def columns(spec: ModelSpec) -> list[str]:
    """The columns of collected predictions that say their season."""
    return [name if name in spec.features else recorded(name) for name in spec.monitoring.season]


def cut(reference: pa.Table, columns: Sequence[str], seasons: pa.Array) -> pa.Table:
    """The rows of some seasons, in their order."""
    return reference.filter(pc.is_in(_season(reference, columns), value_set=seasons))


def words(columns: Sequence[str], seasons: pa.Array) -> str:
    """`month = 4`, or `weekday, hour: 168 seasons`."""
    named = ", ".join(columns)
    if len(seasons) > _MOST_NAMED:
        return f"{named}: {len(seasons)} seasons"
    return f"{named} = {' or '.join(sorted(seasons.to_pylist()))}"


def _distinct(rows: pa.Table, columns: Sequence[str]) -> pa.Array:
    return pc.unique(_season(rows, columns).drop_null())


def _season(rows: pa.Table, columns: Sequence[str]) -> pa.ChunkedArray:
    """Of each row; null where a column is."""
    return pc.binary_join_element_wise(*(rows[name].cast(pa.string()) for name in columns), ", ")
