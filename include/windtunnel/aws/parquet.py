"""Arrow tables as Parquet objects in S3."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from tempfile import NamedTemporaryFile

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from windtunnel.aws import objects
from windtunnel.aws.clients import client

PART_ROWS = 65_536

type Filtered = Callable[[ds.Expression, Sequence[str]], Iterator[pa.Table]]
"""Columns of the rows that fit a filter."""


def encode(table: pa.Table) -> bytes:
    """The bytes of a Parquet file; the same table gives the same bytes."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def read(uri: str) -> pa.Table:
    """The table at an address."""
    return pq.read_table(io.BytesIO(objects.get(uri)))


@contextmanager
def opened(uri: str) -> Iterator[Filtered]:
    """The parts of a file in S3, which is fetched once and is gone from here afterwards."""
    bucket, key = objects.split(uri)
    with NamedTemporaryFile(suffix=".parquet") as file:
        client("s3").download_fileobj(bucket, key, file)
        file.flush()
        yield parts(file.name)


def parts(path: str) -> Filtered:
    """Read a local file part by part, as often as needed, in its order; memory holds a few parts.

    There is always a part, if one without rows.
    """
    found = ds.dataset(path, format="parquet")

    def read(only: ds.Expression, columns: Sequence[str]) -> Iterator[pa.Table]:
        yield pa.schema([found.schema.field(name) for name in columns]).empty_table()
        scan = found.scanner(list(columns), only, batch_size=PART_ROWS, batch_readahead=2, use_threads=False)
        yield from (pa.Table.from_batches([batch]) for batch in scan.to_batches())

    return read
