"""Arrow tables as Parquet objects in S3."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import NamedTemporaryFile

import pyarrow as pa
import pyarrow.parquet as pq

from windtunnel.aws import objects
from windtunnel.aws.clients import client
from windtunnel.core.window import Window
from windtunnel.ml.joined import on

PART_ROWS = 65_536


def encode(table: pa.Table) -> bytes:
    """The bytes of a Parquet file; the same table gives the same bytes."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def read(uri: str) -> pa.Table:
    """The table at an address."""
    return pq.read_table(io.BytesIO(objects.get(uri)))


@contextmanager
def fetched(uri: str) -> Iterator[str]:
    """The local path of an object, which is gone from here afterwards; for what is read part by part."""
    bucket, key = objects.split(uri)
    with NamedTemporaryFile() as file:
        client("s3").download_fileobj(bucket, key, file)
        file.flush()
        yield file.name


def parts(path: str, columns: Sequence[str], day: str, window: Window | None = None) -> Iterator[pa.Table]:
    """Columns of the rows of a local file whose day lies in a window, in its order; memory holds one part.

    Args:
        path: Of the file.
        columns: To read.
        day: Date column.
        window: None: all rows.

    Yields:
        At least one table, if one without rows.
    """
    # Read ahead, a file of large row groups would be in memory whole.
    file = pq.ParquetFile(path, pre_buffer=False, buffer_size=2**20)
    yield pa.schema([file.schema_arrow.field(name) for name in columns]).empty_table()
    groups = [
        at for at in range(file.num_row_groups) if window is None or _reaches(file.metadata.row_group(at), day, window)
    ]
    needed = [*dict.fromkeys((*columns, *([day] if window else ())))]
    for batch in file.iter_batches(PART_ROWS, groups, needed, use_threads=False):
        part = pa.Table.from_batches([batch])
        if window is not None:
            part = part.filter(on(part[day], window))
        yield part.select(list(columns))


def _reaches(group: pq.RowGroupMetaData, day: str, window: Window) -> bool:
    """Whether a row group may hold rows of a window."""
    found = next((group.column(at) for at in range(group.num_columns) if group.column(at).path_in_schema == day), None)
    if found is None or found.statistics is None or not found.statistics.has_min_max:
        return True
    return bool(found.statistics.min < window.end and window.start <= found.statistics.max)
