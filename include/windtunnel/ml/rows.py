"""The rows a model learns from or is judged on: parquet files of a dataset version, cut to a window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from windtunnel.core.errors import DataRejected, WindowInvalid, quoted
from windtunnel.core.spec import Kind, ModelSpec
from windtunnel.core.window import Window

LARGEST_INTEGER = 2**24
"""Integers up to here are exact in float32, the type a model computes in."""


def read_window(folder: Path, spec: ModelSpec, window: Window, also: Iterable[str] = ()) -> pd.DataFrame:
    """The eligible, labelled rows of a window, ordered by event time and key whatever the files' order.

    Args:
        folder: Holds the parquet files of a snapshot, at any depth.
        spec: The model, for its columns.
        window: Days of the event time.
        also: Further columns, read where the files have them: another model's features.

    Returns:
        The key, event time, features, season, slices and target; index from 0.

    Raises:
        DataRejected: The files lack a column.
        WindowInvalid: There is no such row; the message says what there is.
    """
    files = sorted(str(path) for path in folder.rglob("*.parquet"))
    if not files:
        raise WindowInvalid(f"No parquet file under `{folder}`. The job's input must list the files of a snapshot.")
    dataset = ds.dataset(files, format="parquet", partitioning=None)
    evaluation = spec.evaluation
    wanted = [spec.key, spec.event_time, *spec.features, *evaluation.season, *evaluation.slices, spec.target]
    if missing := {*wanted, spec.eligible} - set(dataset.schema.names):
        raise DataRejected(
            f"The files under `{folder}` lack {quoted(missing)}; they have {quoted(dataset.schema.names)}. "
            f"Ingest the data again with the `spec.py` of `{spec.name}` that declares them."
        )
    columns = list(dict.fromkeys([*wanted, *(name for name in also if name in dataset.schema.names)]))
    rows: pd.DataFrame = dataset.to_table(columns=columns, filter=_filter(dataset.schema, spec, window)).to_pandas()
    if rows.empty:
        raise WindowInvalid(
            f"No eligible, labelled rows of `{spec.name}` in `{window}`. {_what_there_is(dataset, spec)} "
            "Choose a window inside them, or ingest its months first."
        )
    return rows.sort_values([spec.event_time, spec.key], ignore_index=True)


def features(rows: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """The model's features in the types it computes in, as `as_features` makes them.

    Raises:
        DataRejected: A number is not exact, or not finite, in float32.
    """
    return as_features(rows, {name: spec.column(name).kind for name in spec.features})


def as_features(rows: pd.DataFrame, kinds: Mapping[str, Kind]) -> pd.DataFrame:
    """Columns in the types a model computes in: float32 with NaN for missing, str with "" for missing.

    Args:
        rows: Published rows.
        kinds: The columns, and what each holds in the dataset.

    Raises:
        DataRejected: A number is not exact, or not finite, in float32.
    """
    frame = {}
    for name, kind in kinds.items():
        column = rows[name]
        if kind == "string":
            frame[name] = column.astype(object).where(column.notna(), "")
            continue
        if (beyond := column.abs() > _largest(kind)).any():
            raise DataRejected(
                f"`{name}` holds `{column[beyond].iloc[0]}`; a model computes in float32 and allows {_largest(kind):g} "
                "at most. Derive a smaller number from it in `spec.py`."
            )
        frame[name] = column.astype(np.float32)
    return pd.DataFrame(frame)


def exact(rows: pd.DataFrame, kinds: Mapping[str, Kind]) -> npt.NDArray[np.bool_]:
    """Which rows `as_features` takes, `(rows,)`."""
    fits = np.ones(len(rows), dtype=np.bool_)
    for name, kind in kinds.items():
        if kind != "string":
            fits &= ~(rows[name].abs() > _largest(kind)).to_numpy()
    return fits


def _largest(kind: Kind) -> float:
    return LARGEST_INTEGER if kind == "int64" else float(np.finfo(np.float32).max)


def _filter(schema: pa.Schema, spec: ModelSpec, window: Window) -> pc.Expression:
    moment = schema.field(spec.event_time).type
    zone = UTC if moment.tz else None
    start, end = (
        pa.scalar(datetime.combine(day, time(), tzinfo=zone), type=moment) for day in (window.start, window.end)
    )
    when = pc.field(spec.event_time)
    return (when >= start) & (when < end) & (pc.field(spec.eligible) == 1) & pc.field(spec.target).is_valid()


def _what_there_is(dataset: ds.Dataset, spec: ModelSpec) -> str:
    times = dataset.to_table(columns=[spec.event_time])[spec.event_time]
    if not len(times):
        return "The files hold no row at all."
    span = pc.min_max(times).as_py()
    return f"The files hold {len(times):,} rows from `{span['min']}` to `{span['max']}`, labelled or not."
