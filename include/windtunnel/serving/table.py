"""Table: many rows read by columns, without a Python object per value: long CSV, Arrow streams and Parquet files.

pyarrow is imported with the first such request: a server that gets none starts faster and stays 40 MB smaller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from windtunnel.core.errors import quoted
from windtunnel.ml.artefact import Feature, Signature
from windtunnel.ml.codes import Codes
from windtunnel.serving import columns, limits
from windtunnel.serving.refusal import Refusal, clipped

if TYPE_CHECKING:
    import pyarrow as pa

ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"

LEAST_CSV = 4096
"""Bytes; below, the reader of single cells is faster."""

PLAIN_CSV = frozenset(b'"\r \t\0')
"""Bytes that Arrow's reader takes otherwise than RFC 4180 or than Python's numbers; a body with one is not for it."""

COMPRESSIONS = ("UNCOMPRESSED", "SNAPPY")
"""Of Parquet: the others make gigabytes of a few bytes."""

Columns = dict[str, npt.NDArray[np.generic]]


def from_csv(body: bytes, header: bool, signature: Signature, codes: Mapping[str, Codes]) -> Columns | None:
    """Arrays `(rows,)` by feature; None where a reader of single cells must look, who also says what is wrong."""
    if len(body) < LEAST_CSV or any(byte in body for byte in PLAIN_CSV):
        return None
    import pyarrow as pa
    from pyarrow import csv

    features = signature.features
    text = pa.dictionary(pa.int32(), pa.string())
    kinds = {feature.name: text if feature.kind == "string" else pa.float64() for feature in features}
    names = list(kinds)
    if header and sorted(body.partition(b"\n")[0].decode("utf-8", "replace").split(",")) != sorted(names):
        return None
    try:
        table = csv.read_csv(
            pa.BufferReader(body),
            csv.ReadOptions(use_threads=False, block_size=len(body) + 1, column_names=None if header else names),
            csv.ParseOptions(quote_char=False),
            csv.ConvertOptions(column_types=kinds, null_values=[""], true_values=[], false_values=[]),
        )
        return {feature.name: _array(feature, table[feature.name], codes, nan_is_missing=False) for feature in features}
    except (pa.ArrowException, Refusal):
        return None


def from_arrow(body: bytes, signature: Signature, codes: Mapping[str, Codes]) -> Columns:
    """The same from an Arrow IPC stream.

    Raises:
        Refusal: 413, there are too many rows; 400, it is none, is compressed, or its columns are not the signature's.
    """
    import pyarrow as pa

    def batches() -> Iterator[pa.RecordBatch]:
        with pa.ipc.open_stream(pa.BufferReader(body)) as reader:
            _same_names(reader.schema.names, signature)
            yield from reader

    try:
        if _compressed(body):
            raise _refusal("The Arrow stream is compressed.", "an Arrow stream without compression")
        table = _bounded(batches())
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _refusal(f"The body is no Arrow stream: {clipped(str(error))}.", "an Arrow IPC stream") from error
    return _columns(table, signature, codes)


def from_parquet(body: bytes, signature: Signature, codes: Mapping[str, Codes]) -> Columns:
    """The same from a Parquet file.

    Raises:
        Refusal: 413, there are too many rows; 400, it is none, is compressed otherwise than by snappy, or its columns
            are not the signature's.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(pa.BufferReader(body)) as file:
            about = file.metadata
            _same_names(file.schema_arrow.names, signature)
            used = {
                about.row_group(group).column(column).compression
                for group in range(about.num_row_groups)
                for column in range(about.num_columns)
            }
            if not used <= set(COMPRESSIONS):
                allowed = f"the compressions {quoted(COMPRESSIONS)}"
                raise _refusal(f"The Parquet file is compressed by {quoted(used)}.", allowed)
            table = _bounded(file.iter_batches(65_536, use_threads=False))
            table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _refusal(f"The body is no Parquet file: {clipped(str(error))}.", "a Parquet file") from error
    return _columns(table, signature, codes)


def _bounded(batches: Iterator[pa.RecordBatch]) -> pa.Table:
    """A repeated value takes no room in either format, so the body's size bounds nothing."""
    import pyarrow as pa

    kept, count = [], 0
    for batch in batches:
        count += batch.num_rows
        limits.check_rows(count)
        kept.append(batch)
    if not count:
        raise _refusal("There is no row.", "at least one row")
    return pa.Table.from_batches(kept)


def _columns(table: pa.Table, signature: Signature, codes: Mapping[str, Codes]) -> Columns:
    return {
        feature.name: _array(feature, table[feature.name], codes, nan_is_missing=True) for feature in signature.features
    }


def _array(
    feature: Feature, column: pa.ChunkedArray, codes: Mapping[str, Codes], *, nan_is_missing: bool
) -> npt.NDArray[np.generic]:
    import pyarrow as pa

    array = column.combine_chunks()
    if feature.kind == "string":
        return _texts(feature, array, codes)
    if not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type) or pa.types.is_null(array.type)):
        raise columns.refused_type(feature, str(array.type))
    numbers = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    missing = array.is_null(nan_is_null=nan_is_missing).to_numpy(zero_copy_only=False)
    return columns.checked(feature, numbers, missing, lambda row: array[row].as_py())


def _texts(feature: Feature, array: pa.Array, codes: Mapping[str, Codes]) -> npt.NDArray[np.generic]:
    import pyarrow as pa

    if not pa.types.is_dictionary(array.type):
        if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type) or pa.types.is_null(array.type)):
            raise columns.refused_type(feature, str(array.type))
        array = array.cast(pa.string()).dictionary_encode()
    elif not (pa.types.is_string(array.type.value_type) or pa.types.is_large_string(array.type.value_type)):
        raise columns.refused_type(feature, str(array.type))
    known: list[Any] = array.dictionary.to_pylist()
    indices = array.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
    texts = columns.typed(feature, [*known, None] if array.null_count else known) if known or array.null_count else None
    if texts is None:
        raise _refusal("There is no row.", "at least one row")
    if feature.name not in codes:
        return np.asarray(texts[indices])
    coded = np.fromiter(map(codes[feature.name].__getitem__, texts.tolist()), np.float32, len(texts))
    return np.asarray(coded[indices])


def _same_names(names: list[str], signature: Signature) -> None:
    wanted = [feature.name for feature in signature.features]
    if sorted(names) != sorted(wanted):
        allowed = f"exactly {quoted(wanted)}"
        found = quoted(clipped(name) for name in names[:50])
        raise Refusal(400, f"The columns are {found}; allowed are {allowed}.", found=found, allowed=allowed)


def _compressed(body: bytes) -> bool:
    """Whether a batch of a stream names a compression: read where Arrow's format puts it, before anything is unpacked."""
    import pyarrow as pa
    from flatbuffers.table import Table

    batch, dictionary, compression = 3, 2, 10
    for message in pa.ipc.MessageReader.open_stream(pa.BufferReader(body)):
        found = message.metadata.to_pybytes()
        root = Table(found, int.from_bytes(found[:4], "little"))
        kind = found[root.Pos + root.Offset(6)] if root.Offset(6) else 0
        if kind not in (batch, dictionary):
            continue
        header = Table(found, root.Indirect(root.Pos + root.Offset(8)))
        if kind == dictionary:
            header = Table(found, header.Indirect(header.Pos + header.Offset(6)))
        if header.Offset(compression):
            return True
    return False


def _refusal(message: str, allowed: str) -> Refusal:
    return Refusal(400, f"{message} Allowed: {allowed}.", allowed=allowed)
