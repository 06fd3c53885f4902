"""Quarantine: rows that failed, as the text they came as, with every reason. One Iceberg table per model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
from pyiceberg.manifest import DataFile

from windtunnel.aws import lake, publication, tables
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window


class Row(NamedTuple):
    """One row that failed."""

    number: int
    "In its file, the first row being 1."
    reasons: Sequence[str]
    cells: Mapping[Any, str]
    "Its text by source column; empty when it could not be split into columns."
    line: str | None
    "The line as it came, when it could not be split into columns."


def table_name(model: str) -> str:
    """`<table of the model>_quarantine`."""
    return f"{lake.table_name(model)}_quarantine"


def rows(failed: Mapping[int, Sequence[str]], text: pd.DataFrame, ragged: Mapping[int, str]) -> list[Row]:
    """The rows of a file that failed.

    Args:
        failed: Reasons by row number.
        text: The file's rows as text, by number.
        ragged: Lines that could not be split into columns, by number.
    """
    chosen = text.loc[text.index.isin(failed)]
    cells = dict(zip(chosen.index, chosen.to_dict("records"), strict=True))
    return [Row(at, failed[at], cells.get(at, {}), ragged.get(at)) for at in sorted(failed)]


def write(spec: ModelSpec, month: Window, uri: str, failed: list[Row]) -> list[DataFile]:
    """Write the failed rows of a file as Parquet; `commit` makes them visible.

    Args:
        spec: Of the model.
        month: Of the file.
        uri: Of the file.
        failed: From `rows`.
    """
    if not failed:
        return []
    schema = _schema(spec)
    tables.make_table(table_name(spec.name), schema, "_month")
    return tables.write(table_name(spec.name), _table(failed, uri, month, schema), month)


def commit(model: str, window: Window, work_key: str, files: Sequence[DataFile]) -> str | None:
    """Make a window of a model's quarantine hold exactly these files. A repeat of the same work changes nothing.

    Args:
        model: Name of the model.
        window: Whole months.
        work_key: Of all files of the window together.
        files: From `write`.

    Returns:
        The snapshot that holds them; None when no row of this model ever failed.

    Raises:
        CommitConflict: Others kept winning.
    """
    name = table_name(model)
    if not files and not lake.catalog().table_exists(name):
        return None
    snapshot = publication.overwrite(name, files, window, {month.label: work_key for month in window.months()})
    return str(snapshot.snapshot_id)


def _schema(spec: ModelSpec) -> pa.Schema:
    own = {"_month": pa.timestamp("us"), "_source": pa.string(), "_row": pa.int64(), "_reasons": pa.string()}
    return pa.schema([*own.items(), ("_line", pa.string()), *((name, pa.string()) for name in spec.raw_columns)])


def _table(failed: list[Row], uri: str, month: Window, schema: pa.Schema) -> pa.Table:
    first = datetime(month.start.year, month.start.month, 1)  # noqa: DTZ001 - the lake's event times have no zone
    return pa.Table.from_pylist(
        [
            {
                "_month": first,
                "_source": uri,
                "_row": row.number,
                "_reasons": "; ".join(row.reasons),
                "_line": row.line,
                **row.cells,
            }
            for row in failed
        ],
        schema=schema,
    )
