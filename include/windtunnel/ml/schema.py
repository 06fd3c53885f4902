"""From text to the typed columns of a spec. A row that cannot make the way is named with its reason, never guessed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.core.errors import DataRejected, SpecInvalid, quoted

if TYPE_CHECKING:
    from windtunnel.core.spec import Kind, ModelSpec
    from windtunnel.core.window import Window

_ARROW = {"int64": pa.int64(), "float64": pa.float64(), "string": pa.string(), "timestamp": pa.timestamp("us")}
_PANDAS = {"int64": "int64", "float64": "float64", "string": "str", "timestamp": "datetime64[us]"}
_WHOLE = r"^-?\d{1,18}$"  # each number of 18 digits fits into 64 bits
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"


class Failed:
    """Rows that failed, by reason. A row can fail for several."""

    def __init__(self) -> None:
        self.reasons: defaultdict[int, list[str]] = defaultdict(list)

    def add(self, reason: str, rows: Iterable[int]) -> None:
        """Note that rows failed for a reason."""
        for row in rows:
            self.reasons[int(row)].append(reason)

    def passed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of a frame that have not failed so far."""
        return frame[~frame.index.isin(self.reasons)] if self.reasons else frame

    def counts(self) -> dict[str, int]:
        """Rows per reason, the most frequent reason first."""
        counted: defaultdict[str, int] = defaultdict(int)
        for reasons in self.reasons.values():
            for reason in reasons:
                counted[reason] += 1
        return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def typed(spec: ModelSpec, values: pd.DataFrame, failed: Failed) -> pd.DataFrame:
    """Source columns as text -> the source columns as their kinds, for the rows that can be read so.

    Args:
        spec: Of the model.
        values: Text or null; the index numbers the rows.
        failed: Rows that failed so far; those that fail here are added.
    """
    columns = {name: _read(name, values[name], kind, failed) for name, kind in spec.raw_columns.items()}
    rows = failed.passed(pd.DataFrame(columns, index=values.index))
    return rows.astype({name: _PANDAS[kind] for name, kind in spec.raw_columns.items()})


def derived(spec: ModelSpec, source: pd.DataFrame, failed: Failed) -> pd.DataFrame:
    """Typed source columns -> the published columns, for the rows that `derive` can take.

    Args:
        spec: Of the model.
        source: From `typed`.
        failed: Rows that failed so far; those that fail here are added.

    Raises:
        SpecInvalid: `derive` does not return one row per row, or not all declared columns.
        DataRejected: `derive` raises on more rows than the quarantine budget allows.
    """
    rows = _derive(spec, source, failed, refused=[], most=int(spec.quarantine_budget * len(source)))
    if rows.empty:
        return pd.DataFrame({column.name: pd.Series(dtype=_PANDAS[column.kind]) for column in spec.columns})
    if missing := {column.name for column in spec.columns} - set(rows.columns):
        raise SpecInvalid(
            f"`derive` of `{spec.name}` does not make the columns {quoted(missing)} that the spec declares."
        )
    for column in spec.columns:
        if not column.nullable:
            failed.add(f"`{column.name}` is empty", rows.index[rows[column.name].isna()])
    rows = failed.passed(rows)
    try:
        return rows[[column.name for column in spec.columns]].astype(
            {column.name: _PANDAS[column.kind] for column in spec.columns}
        )
    except (ValueError, TypeError) as error:
        raise SpecInvalid(
            f"`derive` of `{spec.name}` makes a column of another kind than declared: {error}."
        ) from error


def fail_outside(spec: ModelSpec, rows: pd.DataFrame, window: Window, failed: Failed) -> None:
    """Rows whose event time lies outside the window fail: replacing a month must touch that month only."""
    moments = rows[spec.event_time]
    outside = (moments < pd.Timestamp(window.start)) | (moments >= pd.Timestamp(window.end))
    failed.add(f"`{spec.event_time}` lies outside {window.label}", rows.index[outside])


def fail_repeated(spec: ModelSpec, rows: pd.DataFrame, failed: Failed) -> None:
    """Rows whose key came before in the same file fail: the first one is kept."""
    failed.add(f"`{spec.key}` came before in this file", rows.index[rows[spec.key].duplicated(keep="first")])


def arrow_schema(spec: ModelSpec) -> pa.Schema:
    """The columns of the lake table.

    Raises:
        SpecInvalid: A nullable int64: Great Expectations would check it row by row in Python.
    """
    if nullable := {column.name for column in spec.columns if column.kind == "int64" and column.nullable}:
        raise SpecInvalid(f"`{spec.name}` declares {quoted(nullable)} as nullable int64. Declare it float64.")
    return pa.schema([pa.field(column.name, _ARROW[column.kind]) for column in spec.columns])


def to_arrow(rows: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Typed rows as Arrow, NaN as null."""
    return pa.Table.from_pandas(rows, schema=schema, preserve_index=False)


def _read(name: str, text: pd.Series, kind: Kind, failed: Failed) -> pd.Series:
    given = text.notna()
    if kind == "string":
        return text
    if kind == "int64":
        numbers, fits = _numbers(text, _WHOLE, pa.int64())
        failed.add(f"`{name}` is empty", text.index[~given])
        failed.add(f"`{name}` is not a whole number", text.index[given & ~fits])
        return numbers
    if kind == "float64":
        numbers, fits = _numbers(text, _NUMBER, pa.float64())
        failed.add(f"`{name}` is not a finite number", text.index[given & ~(fits & np.isfinite(numbers))])
        return numbers.where(given)
    moments = pd.to_datetime(text, errors="coerce", format="ISO8601", utc=True).dt.tz_localize(None)
    failed.add(f"`{name}` is not an ISO 8601 time", text.index[given & moments.isna()])
    return moments


def _numbers(text: pd.Series, pattern: str, kind: pa.DataType) -> tuple[pd.Series, pd.Series]:
    """The numbers in a column, 0 where there is none, and where there is one.

    Arrow's parser gives the nearest double; pandas' `to_numeric` is off by a bit, and by more for whole numbers that
    it reads beside missing ones.
    """
    cells = pa.array(text, pa.string(), from_pandas=True)
    fits = pc.fill_null(pc.match_substring_regex(cells, pattern), False)
    numbers = pc.fill_null(pc.cast(pc.if_else(fits, cells, None), kind), 0)
    return pd.Series(numbers.to_numpy(), text.index), pd.Series(fits.to_numpy(zero_copy_only=False), text.index)


def _derive(spec: ModelSpec, source: pd.DataFrame, failed: Failed, refused: list[int], most: int) -> pd.DataFrame:
    """Derive all rows; when that raises, halve until the rows that raise stand alone, up to `most` of them."""
    try:
        rows: pd.DataFrame = spec.derive(source)
    except Exception as error:
        if len(source) > 1:
            half = len(source) // 2
            halves = (source.iloc[:half], source.iloc[half:])
            parts = [_derive(spec, part, failed, refused, most) for part in halves]
            return pd.concat([part for part in parts if len(part)] or parts[:1])
        said = f"{type(error).__name__}: {str(error)[:200]}"
        refused.extend(source.index)
        if len(refused) > most:
            raise DataRejected(
                f"`derive` of `{spec.name}` raises on more than the {most} rows that may be quarantined, for row "
                f"{refused[0]} with {said}. Mend the file, or `derive` in the model's spec.py."
            ) from error
        failed.add(f"`derive` refuses it: {said}", source.index)
        return source.iloc[:0]
    if not rows.index.equals(source.index):
        raise SpecInvalid(f"`derive` of `{spec.name}` must return one row per row, in the same order.")
    return rows
