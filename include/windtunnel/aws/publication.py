"""Writing the lake: a month goes to a branch that nobody reads, then main moves to it and gets a tag, in one commit.

Every commit is conditional on the table's refs and on Glue's version of it. Whoever loses reads again and repeats; a
repeat looks for its own work first, so a lost reply, a twin and a retry all end in the one commit that took effect.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Concatenate

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException, TableAlreadyExistsError
from pyiceberg.io.pyarrow import pyarrow_to_schema, write_file
from pyiceberg.manifest import DataFile, ManifestEntryStatus
from pyiceberg.partitioning import PartitionField, PartitionFieldValue, PartitionKey, PartitionSpec
from pyiceberg.table import Table, Transaction, WriteTask
from pyiceberg.table.name_mapping import MappedField, NameMapping
from pyiceberg.table.snapshots import Snapshot, ancestors_of
from pyiceberg.table.update.snapshot import ManageSnapshots
from pyiceberg.transforms import MonthTransform
from tenacity import RetryError, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from windtunnel.aws import lake
from windtunnel.core.contracts import DatasetVersion
from windtunnel.core.errors import CommitConflict, SourceMissing
from windtunnel.core.window import Window

MAIN = "main"
_CONTENTION_SECONDS = 120


def _lost(error: BaseException) -> bool:
    # PyIceberg notices a commit between its own two reads of the table by the sequence number only, as a ValueError.
    return isinstance(error, CommitFailedException) or (
        isinstance(error, ValueError) and str(error).startswith("Cannot add snapshot with sequence number")
    )


def _until_committed[**P, T](attempt: Callable[Concatenate[Table, P], T]) -> Callable[Concatenate[str, P], T]:
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


@_until_committed
def _complete(found: Table, schema: pa.Schema) -> None:
    known = found.schema().column_names
    if missing := [field for field in schema if field.name not in known]:
        with found.update_schema() as update:
            update.union_by_name(pa.schema(missing))
    if found.current_snapshot() is None:
        found.append(schema.empty_table())  # Iceberg lets nobody branch off a table without a snapshot


def find_branch(name: str, branch: str) -> Snapshot | None:
    """The snapshot a branch points at, if there is such a branch."""
    return lake.table(name).snapshot_by_name(branch)


def find_published(name: str, work: Mapping[str, str]) -> Snapshot | None:
    """The published snapshot that completed some months, if the newest rows of each of them came from the same work.

    Args:
        name: Table.
        work: The work key of each month, by its label.
    """
    found, open_months, newest = lake.table(name), dict(work), None
    for snapshot in ancestors_of(found.current_snapshot(), found.metadata):
        said = lake.properties(snapshot)
        for month in [month for month in open_months if f"work.{month}" in said]:
            if said[f"work.{month}"] != open_months.pop(month):
                return None
            newest = newest or snapshot
        if not open_months:
            return newest
    return None


def stage(name: str, branch: str, files: Sequence[DataFile], window: Window, said: Mapping[str, str]) -> Snapshot:
    """Make a branch in which exactly these files hold the window. A branch of that name is the same work: it is kept.

    Args:
        name: Table.
        branch: Named after the work.
        files: From `write`. Deleted when a twin's branch was first.
        window: Whole months.
        said: What the snapshot says of itself; `lake.properties` reads it back.

    Returns:
        The snapshot the branch points at.

    Raises:
        CommitConflict: Others kept winning.
    """
    snapshot = _stage(name, branch, files, window, said)
    kept = {file.file_path for file in _added(lake.table(name), snapshot)}
    delete(name, [file for file in files if file.file_path not in kept])
    return snapshot


@_until_committed
def _stage(found: Table, branch: str, files: Sequence[DataFile], window: Window, said: Mapping[str, str]) -> Snapshot:
    if there := found.snapshot_by_name(branch):
        return there
    change = found.transaction()
    ManageSnapshots(change).create_branch(_head(found).snapshot_id, branch).commit()
    snapshot_id = replace(found, change, branch, files, window, said)
    return _committed(change, snapshot_id)


@_until_committed
def publish(found: Table, snapshot_id: str, branch: str, window: Window) -> DatasetVersion:
    """Move main to a staged snapshot, tag it `d<N>` and drop its branch, in one commit.

    When main moved since the branch was made, the same files, audited as they are, replace the window on the new main.

    Args:
        found: The table; callers give its name.
        snapshot_id: What `stage` returned.
        branch: Of that snapshot.
        window: Of that snapshot.

    Returns:
        The version; the same one when this snapshot was published before.

    Raises:
        SourceMissing: The branch is gone and was never published.
        CommitConflict: Others kept winning.
    """
    tags = {ref.snapshot_id: tag for tag, ref in found.refs().items() if ref.snapshot_ref_type == "tag"}
    for snapshot in ancestors_of(found.current_snapshot(), found.metadata):
        if snapshot_id in {str(snapshot.snapshot_id), lake.properties(snapshot).get("staged-as")}:
            return lake.version_of(found, tags[snapshot.snapshot_id], snapshot)
    staged = found.snapshot_by_name(branch)
    if staged is None or str(staged.snapshot_id) != snapshot_id:
        raise SourceMissing(
            f"Branch `{branch}` of `{'.'.join(found.name())}` no longer holds snapshot `{snapshot_id}`, which was never "
            "published: it was rejected or swept. Run `ingest` for this month again from the start."
        )
    change = found.transaction()
    # The requirement that main is still where it was comes first: PyIceberg keeps only the first requirement of a
    # kind in a transaction, and this one implies the others, since a tag is never made without moving main.
    if staged.parent_snapshot_id == _head(found).snapshot_id:
        ManageSnapshots(change).set_current_snapshot(staged.snapshot_id)
        published_id = staged.snapshot_id
    else:
        said = lake.properties(staged) | {"staged-as": snapshot_id}
        published_id = replace(found, change, MAIN, _added(found, staged), window, said)
    tag = f"d{max((int(tag[1:]) for tag in tags.values() if tag[1:].isdigit()), default=0) + 1}"
    ManageSnapshots(change).create_tag(published_id, tag).remove_branch(branch).commit()
    return lake.version_of(found, tag, _committed(change, published_id))


@_until_committed
def drop_branch(found: Table, branch: str) -> None:
    """Forget a branch, so that the next run of the same work starts anew. Its snapshot stays readable by id."""
    if branch in found.refs():
        found.manage_snapshots().remove_branch(branch).commit()


def replace(
    found: Table,
    change: Transaction,
    branch: str,
    files: Iterable[DataFile],
    window: Window,
    said: Mapping[str, str],
) -> int:
    """Stage, in a transaction, a snapshot on a branch that stands at main: main with exactly `files` in the window.

    Returns:
        The id of the snapshot.
    """
    named = {lake.PROPERTY + key: value for key, value in said.items()}
    with change.update_snapshot(snapshot_properties=named, branch=branch).overwrite() as overwrite:
        for old in found.scan(row_filter=lake.window_filter(found, window)).plan_files():
            overwrite.delete_data_file(old.file)
        for file in files:
            overwrite.append_data_file(file)
    return overwrite.snapshot_id


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


def delete(name: str, files: Iterable[DataFile]) -> None:
    """Delete files that no snapshot knows."""
    io = lake.table(name).io
    for file in files:
        io.delete(file.file_path)


def _added(found: Table, snapshot: Snapshot) -> list[DataFile]:
    return [
        entry.data_file
        for manifest in snapshot.manifests(found.io)
        if manifest.added_snapshot_id == snapshot.snapshot_id
        for entry in manifest.fetch_manifest_entry(found.io)
        if entry.status == ManifestEntryStatus.ADDED
    ]


def _head(found: Table) -> Snapshot:
    head = found.current_snapshot()
    if head is None:
        raise SourceMissing(f"`{'.'.join(found.name())}` has no snapshot yet. Make it with `make_table`.")
    return head


def _committed(change: Transaction, snapshot_id: int) -> Snapshot:
    snapshot = change.commit_transaction().snapshot_by_id(snapshot_id)
    assert snapshot is not None  # noqa: S101 - just committed
    return snapshot
