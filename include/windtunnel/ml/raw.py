"""A source file as text: every cell a string, every row numbered, nothing guessed and nothing dropped."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc

NULLS = ("", "NA")
"""Cells that mean "no value": the empty one and R's."""


class RawFile(NamedTuple):
    """What a CSV file says."""

    columns: list[str]
    "The header, as it came."
    rows: pd.DataFrame
    "Text, one row per record that fits the header; the index is the record's number, the first being 1."
    ragged: dict[int, str]
    "Records with too few or too many cells: number -> the line as it came."

    @property
    def records(self) -> int:
        """Records in the file, ragged ones included."""
        return len(self.rows) + len(self.ragged)

    def values(self) -> pd.DataFrame:
        """The rows with "no value" as null."""
        return self.rows.mask(self.rows.isin(NULLS))


class Unreadable(ValueError):
    """The bytes are not a CSV file in UTF-8. The message says where."""


def read(body: bytes, columns: Sequence[str]) -> RawFile:
    """Parse a CSV file. A byte-order mark, CRLF and line breaks inside quotes are understood; blank lines are no rows.

    Args:
        body: The whole file.
        columns: The header it should have; under another header no row is read.

    Raises:
        Unreadable: The bytes are not UTF-8, hold NUL (UTF-16 does), or have a record of more than a megabyte.
    """
    _require_text(body)
    lines = csv.reader(io.StringIO(body[:1_000_000].decode("utf-8-sig", errors="ignore")))
    try:
        header = next((line for line in lines if line), [])
    except csv.Error as error:
        raise Unreadable(f"its header cannot be read: {error}") from error
    if header != list(columns):
        return RawFile(header, pd.DataFrame(columns=header), {})
    ragged: dict[int, str] = {}

    def keep(row: pc.InvalidRow) -> str:
        ragged[row.number - 1] = row.text  # pyarrow counts the header as 1
        return "skip"

    try:
        table = pc.read_csv(
            io.BytesIO(body),
            read_options=pc.ReadOptions(use_threads=False),  # only then are invalid rows numbered
            parse_options=pc.ParseOptions(newlines_in_values=True, invalid_row_handler=keep),
            convert_options=pc.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise Unreadable(f"its rows cannot be read: {error}") from error
    rows = table.to_pandas()
    numbers = [number for number in range(1, len(rows) + len(ragged) + 1) if number not in ragged]
    return RawFile(header, rows.set_axis(pd.Index(numbers, dtype="int64"), axis=0), ragged)


def _require_text(body: bytes) -> None:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"byte {error.start} is `0x{body[error.start]:02x}`, which is not UTF-8") from error
    if (at := body.find(b"\0")) >= 0:
        raise Unreadable(f"byte {at} is NUL, as in UTF-16 or a binary file")
