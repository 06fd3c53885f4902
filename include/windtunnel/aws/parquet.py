"""Arrow tables as Parquet objects in S3."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from windtunnel.aws import objects


def encode(table: pa.Table) -> bytes:
    """The bytes of a Parquet file; the same table gives the same bytes."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def read(uri: str) -> pa.Table:
    """The table at an address."""
    return pq.read_table(io.BytesIO(objects.get(uri)))
