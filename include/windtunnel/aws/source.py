"""Where rows come from. A source is read as a stream, a month becomes a local file with the source's own bytes."""

from __future__ import annotations

import csv
import io
import logging
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import BinaryIO

from botocore.exceptions import ClientError

from windtunnel.aws import objects
from windtunnel.aws.clients import client
from windtunnel.core.errors import DataRejected, SourceMissing, quoted
from windtunnel.core.spec import PackageCsv, S3Csv
from windtunnel.core.window import Window

MOST_BYTES = 2**30
"""A larger month is refused: the checks hold one month in memory."""

log = logging.getLogger(__name__)


def fetch(source: PackageCsv | S3Csv, window: Window, folder: Path) -> dict[str, Path]:
    """Write one file per month of a window, holding the bytes of the source.

    Args:
        source: From the model's spec.
        window: Whole months.
        folder: Where the files go.

    Returns:
        The file of each month, by the month's label, oldest first.

    Raises:
        SourceMissing: The source lacks one of the months; the message says which it has.
        DataRejected: The source cannot be read as CSV, or a month is larger than `MOST_BYTES`.
    """
    files = {month.label: folder / f"{month.label}.csv" for month in window.months()}
    there = _split(source, files) if isinstance(source, PackageCsv) else _download(source, files)
    if missing := files.keys() - there:
        raise SourceMissing(
            f"{_name(source)} has nothing for {quoted(missing)}. It has: {quoted(there, most=24)}. "
            "Ask for months inside these, or wait until the missing ones arrive."
        )
    return files


def _name(source: PackageCsv | S3Csv) -> str:
    return f"Package `{source.distribution}`" if isinstance(source, PackageCsv) else f"Folder `{source.prefix}`"


def _split(source: PackageCsv, files: dict[str, Path]) -> set[str]:
    """One pass over the whole file, keeping the rows of the months asked for. Returns all months it has."""
    with ExitStack() as stack:
        lines = io.TextIOWrapper(stack.enter_context(_open(source)), "utf-8", "surrogateescape", newline="")
        records = _records(source, lines)
        header, header_text = next(records, ([], ""))
        columns = [name.removeprefix("\ufeff") for name in header]
        if lacking := set(source.month_columns) - set(columns):
            raise DataRejected(
                f"{_name(source)} has no column {quoted(lacking)}, which say a row's month. It has: {quoted(columns)}. "
                "Correct `month_columns` in the model's spec.py."
            )
        year, month = (columns.index(name) for name in source.month_columns)
        outputs: dict[str, BinaryIO] = {}
        sizes = dict.fromkeys(files, 0)
        labels: set[str] = set()
        homeless = 0
        for cells, text in records:
            try:
                label = f"{int(cells[year]):04d}-{int(cells[month]):02d}"
            except (ValueError, IndexError):
                homeless += 1
                continue
            labels.add(label)
            if label in files:
                if label not in outputs:
                    outputs[label] = stack.enter_context(files[label].open("wb"))
                    outputs[label].write(_bytes(header_text))
                sizes[label] += outputs[label].write(_bytes(text))
                _limit(source, label, sizes[label])
    if homeless:
        log.warning("%s: %d rows have no readable month; they belong to no file", _name(source), homeless)
    return labels


def _open(source: PackageCsv) -> BinaryIO:
    try:
        archive = Path(str(distribution(source.distribution).locate_file(source.member)))
    except PackageNotFoundError as error:
        raise SourceMissing(
            f"{_name(source)} is not installed. Install it (it is read as files, never imported), "
            "or give the model another source in its spec.py."
        ) from error
    if not archive.is_file():
        raise SourceMissing(f"{_name(source)} has no file `{source.member}`. Correct `member` in the model's spec.py.")
    packed = zipfile.ZipFile(archive)
    members = [name for name in packed.namelist() if name.endswith(".csv") and not name.startswith("__MACOSX")]
    if len(members) != 1:
        raise SourceMissing(f"`{source.member}` holds {len(members)} CSV files, not one: {quoted(members)}.")
    return packed.open(members[0])  # type: ignore[return-value]


def _records(source: PackageCsv, lines: Iterable[str]) -> Iterator[tuple[list[str], str]]:
    """The cells of each record beside its text as it came, line breaks inside quotes included."""
    taken: list[str] = []

    def noted() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    reader = csv.reader(noted())
    try:
        for cells in reader:
            yield cells, "".join(taken)
            taken.clear()
    except csv.Error as error:
        raise DataRejected(f"{_name(source)} cannot be read as CSV at line {reader.line_num}: {error}.") from error


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _limit(source: PackageCsv | S3Csv, label: str, size_bytes: int) -> None:
    if size_bytes > MOST_BYTES:
        raise DataRejected(
            f"{_name(source)} has more than {MOST_BYTES:,} bytes for `{label}`; a month is checked in memory. "
            "Split the model's data, for example by region."
        )


def _download(source: S3Csv, files: dict[str, Path]) -> set[str]:
    for label, path in files.items():
        bucket, key = objects.split(f"{source.prefix}{label}.csv")
        try:
            found = client("s3").get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return {uri.removeprefix(source.prefix).removesuffix(".csv") for uri in objects.keys(source.prefix)}
        _limit(source, label, found["ContentLength"])
        with path.open("wb") as file:
            for chunk in found["Body"].iter_chunks(2**20):
                file.write(chunk)
    return set(files)
