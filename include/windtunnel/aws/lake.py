"""The lake: Iceberg tables in the Glue catalog. Whoever holds a snapshot's id reads exactly that snapshot's files.

Each model has one table, partitioned by the month of its event time. `publication` writes it; everyone else reads
through this module, always by snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import pyarrow as pa
from botocore.exceptions import ClientError
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, NoSuchTableError
from pyiceberg.expressions import And, BooleanExpression, GreaterThanOrEqual, LessThan, Reference
from pyiceberg.expressions.literals import literal
from pyiceberg.table import DataScan, FileScanTask, Table
from pyiceberg.table.snapshots import Snapshot, ancestors_of

from windtunnel.aws.clients import client
from windtunnel.core.contracts import DatasetVersion
from windtunnel.core.errors import SourceMissing, WindowInvalid, quoted
from windtunnel.core.settings import settings
from windtunnel.core.window import Window

PROPERTY = "windtunnel."
"""Prefix of our properties in a snapshot's summary."""


class DataFile(NamedTuple):
    """One Parquet file of a snapshot."""

    uri: str
    rows: int
    size_bytes: int


def ensure() -> None:
    """Make the project's bucket and database unless they are there. Two callers at once are fine."""
    s3, bucket = client("s3"), settings().bucket
    region = s3.meta.region_name
    try:
        if region == "us-east-1":  # the one region that may not be named
            s3.create_bucket(Bucket=bucket)
        else:
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})  # type: ignore[typeddict-item]
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "OperationAborted"}:
            raise
    try:
        catalog().create_namespace(settings().database, {"location": settings().uri("lake")})
    except NamespaceAlreadyExistsError:
        return


@cache
def catalog() -> GlueCatalog:
    """The catalog of this process; it and the files behind it live where boto3 finds S3 and Glue."""
    s3 = client("s3")
    properties = {
        "warehouse": settings().uri("lake"),
        "s3.endpoint": s3.meta.endpoint_url,
        "s3.region": s3.meta.region_name,
        "s3.connect-timeout": "3",
        "s3.request-timeout": "20",
    }
    return GlueCatalog("windtunnel", client=client("glue"), **properties)


def table_name(model: str) -> str:
    """`<database>.<model>` with the model's hyphens as underscores, as Athena and Spark want it."""
    return f"{settings().database}.{model.replace('-', '_')}"


def table(name: str) -> Table:
    """A table as it is now.

    Raises:
        SourceMissing: There is no such table.
    """
    try:
        return catalog().load_table(name)
    except NoSuchTableError as error:
        raise SourceMissing(f"The lake has no table `{name}`. Run `ingest` for a month of this model first.") from error


def files(name: str, snapshot_id: str, window: Window) -> list[DataFile]:
    """A snapshot's own data files that hold rows of a window, oldest first; for a manifest, without copying.

    A window that cuts a month gets that month's whole file: filter its rows by event time.

    Args:
        name: Table, as in `DatasetVersion.table`.
        snapshot_id: As in `DatasetVersion.snapshot_id`.
        window: Days of event time.

    Raises:
        SourceMissing: No such table or snapshot.
        WindowInvalid: The snapshot has no rows in the window.
    """
    found = table(name)
    planned = _files(_scan(found, snapshot_id, window))
    if not planned:
        raise _no_data(found, snapshot_id, window)
    return [DataFile(task.file.file_path, task.file.record_count, task.file.file_size_in_bytes) for task in planned]


def rows(name: str, snapshot_id: str, window: Window, columns: Sequence[str] = ("*",)) -> pa.Table:
    """All rows of a snapshot in a window; `batches` holds one month at a time instead.

    Raises:
        SourceMissing: No such table or snapshot.
        WindowInvalid: The snapshot has no rows in the window.
    """
    return pa.concat_tables(batches(name, snapshot_id, window, columns))


def batches(name: str, snapshot_id: str, window: Window, columns: Sequence[str] = ("*",)) -> Iterator[pa.Table]:
    """The rows of a snapshot in a window, one table per month that has any, oldest first.

    Raises:
        SourceMissing: No such table or snapshot.
        WindowInvalid: The snapshot has no rows in the window.
    """
    found, empty = table(name), True
    for month in window.months():
        read = _scan(found, snapshot_id, month, columns).to_arrow()
        if read.num_rows:
            empty = False
            yield read
    if empty:
        raise _no_data(found, snapshot_id, window)


def months(name: str, snapshot_id: str) -> list[Window]:
    """The months a snapshot has rows of, oldest first."""
    return _months(table(name), snapshot_id)


def extent(name: str, snapshot_id: str) -> Window:
    """From the first day of the first month a snapshot has rows of, to the last of the last; there may be gaps.

    Raises:
        SourceMissing: No such table or snapshot, or one without rows.
    """
    if not (present := months(name, snapshot_id)):
        raise SourceMissing(f"Snapshot `{snapshot_id}` of `{name}` has no rows. Ingest a month first.")
    return Window(start=present[0].start, end=present[-1].end)


def dataset_version(model: str, *, tag: str | None = None, snapshot_id: str | None = None) -> DatasetVersion:
    """A published version by its tag `d<N>` or by its snapshot.

    Raises:
        SourceMissing: Nothing was published under that name.
    """
    found = table(table_name(model))
    tags = {name: ref.snapshot_id for name, ref in found.refs().items() if ref.snapshot_ref_type == "tag"}
    for name, tagged in tags.items():
        if name == tag or str(tagged) == snapshot_id:
            return version_of(found, name, _snapshot(found, str(tagged)))
    raise SourceMissing(
        f"`{model}` has no dataset version `{tag or snapshot_id}`. Published: {quoted(tags)}. "
        "Take the tag or the snapshot id from the run of `ingest` that published it."
    )


def current(model: str) -> DatasetVersion:
    """The newest version, for people who look or start something by hand; a stage is given the one it works on.

    Raises:
        SourceMissing: Nothing was published yet.
    """
    found = table(table_name(model))
    tags = {ref.snapshot_id: name for name, ref in found.refs().items() if ref.snapshot_ref_type == "tag"}
    for snapshot in ancestors_of(found.current_snapshot(), found.metadata):
        if snapshot.snapshot_id in tags:
            return version_of(found, tags[snapshot.snapshot_id], snapshot)
    raise SourceMissing(f"No month of `{model}` was published yet. Run `ingest` for one first.")


def version_of(found: Table, tag: str, snapshot: Snapshot) -> DatasetVersion:
    """The contract of a published snapshot, rebuilt from its summary alone."""
    said = properties(snapshot)
    return DatasetVersion(
        model=said["model"],
        table=".".join(found.name()),
        snapshot_id=str(snapshot.snapshot_id),
        tag=tag,
        window=Window.parse(said["window-start"], said["window-end"]),
        rows=int(said["rows"]),
        quarantined=int(said["quarantined"]),
        quarantine_snapshot_id=said.get("quarantine-snapshot-id"),
        report=said["report"],
    )


def properties(snapshot: Snapshot) -> dict[str, str]:
    """Our own properties of a snapshot, without their prefix."""
    summary = snapshot.summary.additional_properties if snapshot.summary else {}
    return {key.removeprefix(PROPERTY): value for key, value in summary.items() if key.startswith(PROPERTY)}


def window_filter(found: Table, window: Window) -> BooleanExpression:
    """The rows of a table whose event time, the column it is partitioned by, lies in a window."""
    # No string: the parser's exceptions hold the frames they passed, and with them a month of rows, in a cycle.
    event_time = Reference(found.schema().find_field(found.spec().fields[0].source_id).name)
    return And(
        GreaterThanOrEqual(term=event_time, value=literal(f"{window.start}T00:00:00")),
        LessThan(term=event_time, value=literal(f"{window.end}T00:00:00")),
    )


def _scan(found: Table, snapshot_id: str, window: Window, columns: Sequence[str] = ("*",)) -> DataScan:
    return found.scan(
        row_filter=window_filter(found, window),
        selected_fields=tuple(columns),
        snapshot_id=_snapshot(found, snapshot_id).snapshot_id,
    )


def _files(scan: DataScan) -> list[FileScanTask]:
    # Month first: the partition is an int, months since 1970.
    return sorted(scan.plan_files(), key=lambda task: (task.file.partition[0], task.file.file_path))


def _months(found: Table, snapshot_id: str) -> list[Window]:
    scan = found.scan(snapshot_id=_snapshot(found, snapshot_id).snapshot_id)
    since_1970 = sorted({task.file.partition[0] for task in scan.plan_files()})
    return [Window.month(f"{1970 + month // 12}-{month % 12 + 1:02d}") for month in since_1970]


def _snapshot(found: Table, snapshot_id: str) -> Snapshot:
    snapshot = found.snapshot_by_id(int(snapshot_id)) if snapshot_id.isdigit() else None
    if snapshot is None:
        raise SourceMissing(
            f"Table `{'.'.join(found.name())}` has no snapshot `{snapshot_id}`. "
            "Give the `snapshot_id` of a dataset version that was published."
        )
    return snapshot


def _no_data(found: Table, snapshot_id: str, window: Window) -> WindowInvalid:
    there = quoted((month.label for month in _months(found, snapshot_id)), most=24)
    return WindowInvalid(
        f"Snapshot `{snapshot_id}` of `{'.'.join(found.name())}` has no rows in `{window}`. It has: {there}. "
        "Give a window inside them, or ingest the missing months first."
    )
