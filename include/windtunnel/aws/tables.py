"""Tables of the lake: made, completed, their Parquet files written. Nothing here makes rows visible."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Concatenate

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException, TableAlreadyExistsError
from pyiceberg.io.pyarrow import pyarrow_to_schema, write_file
from pyiceberg.manifest import DataFile, ManifestEntryStatus
from pyiceberg.partitioning import PartitionField, PartitionFieldValue, PartitionKey, PartitionSpec
from pyiceberg.table import Table, WriteTask
from pyiceberg.table.name_mapping import MappedField, NameMapping
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.transforms import MonthTransform
from tenacity import RetryError, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from windtunnel.aws import lake, objects
from windtunnel.aws.clients import client
from windtunnel.core.errors import CommitConflict, SourceMissing
from windtunnel.core.window import Window

_CONTENTION_SECONDS = 120


def _lost(error: BaseException) -> bool:
    # PyIceberg notices a commit between its own two reads of the table by the sequence number only, as a ValueError.
    return isinstance(error, CommitFailedException) or (
        isinstance(error, ValueError) and str(error).startswith("Cannot add snapshot with sequence number")
    )


def until_committed[**P, T](attempt: Callable[Concatenate[Table, P], T]) -> Callable[Concatenate[str, P], T]:
    """Call with the table as it is now, again and again, until nobody else commits in between."""

    @wraps(attempt)
    def repeat(name: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        retrying = Retrying(
            retry=retry_if_exception(_lost),
            wait=wait_random_exponential(multiplier=0.2, max=5),
            stop=stop_after_delay(_CONTENTION_SECONDS),
        )
        try:
            return retrying(lambda: attempt(lake.table(name), *args, **kwargs))
        except RetryError as error:
            raise CommitConflict(
                f"Others kept committing to `{name}` for {_CONTENTION_SECONDS} s. Nothing was changed; run this again."
            ) from error

    return repeat


def make_table(name: str, schema: pa.Schema, event_time: str) -> None:
    """Make a table partitioned by the month of `event_time`, or add the columns it does not have yet.

    Columns are optional in the lake, because a required one can never be added to a table that has rows; the checks
    before publication are what keeps them filled.

    Raises:
        CommitConflict: Others kept winning.
    """
    if not lake.catalog().table_exists(name):
        ids = NameMapping([MappedField(field_id=at, names=[column]) for at, column in enumerate(schema.names, start=1)])
        month = PartitionField(
            source_id=schema.names.index(event_time) + 1,
            field_id=1000,
            transform=MonthTransform(),
            name=f"{event_time}_month",
        )
        try:
            lake.catalog().create_table(
                name, pyarrow_to_schema(schema, name_mapping=ids), partition_spec=PartitionSpec(month)
            )
        except TableAlreadyExistsError:
            return _complete(name, schema)  # another ingestion was first; its table is ours too
    return _complete(name, schema)


@until_committed
def _complete(found: Table, schema: pa.Schema) -> None:
    known = found.schema().column_names
    if missing := [field for field in schema if field.name not in known]:
        with found.update_schema() as update:
            update.union_by_name(pa.schema(missing))
    if found.current_snapshot() is None:
        found.append(schema.empty_table())  # Iceberg lets nobody branch off a table without a snapshot


def write(name: str, rows: pa.Table, month: Window) -> list[DataFile]:
    """Write rows of one month as Parquet beside a table's other files; no snapshot knows them yet."""
    found = lake.table(name)
    spec, schema = found.spec(), found.schema()
    since_1970 = (month.start.year - 1970) * 12 + month.start.month - 1
    partition = PartitionKey([PartitionFieldValue(spec.fields[0], since_1970)], spec, schema)
    task = WriteTask(
        write_uuid=uuid.uuid4(),
        task_id=0,
        schema=pyarrow_to_schema(rows.schema, name_mapping=schema.name_mapping),
        record_batches=rows.to_batches(),
        partition_key=partition,
    )
    return list(write_file(found.io, found.metadata, iter([task])))


def delete(files: Iterable[DataFile]) -> None:
    """Delete files that no snapshot knows."""
    for file in files:  # by boto3, because Arrow leaves an object in the place of the emptied folder
        bucket, key = objects.split(file.file_path)
        client("s3").delete_object(Bucket=bucket, Key=key)


def added(found: Table, snapshot: Snapshot) -> list[DataFile]:
    """The files a snapshot brought."""
    return [
        entry.data_file
        for manifest in snapshot.manifests(found.io)
        if manifest.added_snapshot_id == snapshot.snapshot_id
        for entry in manifest.fetch_manifest_entry(found.io)
        if entry.status == ManifestEntryStatus.ADDED
    ]


def head(found: Table) -> Snapshot:
    """The snapshot main points at."""
    newest = found.current_snapshot()
    if newest is None:
        raise SourceMissing(f"`{'.'.join(found.name())}` has no snapshot yet. Make it with `make_table`.")
    return newest
