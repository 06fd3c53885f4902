"""Writing the lake: a month goes to a branch that nobody reads, then main moves to it and gets a tag, in one commit.

Every commit is conditional on the table's refs and on Glue's version of it. Whoever loses reads again and repeats; a
repeat looks for its own work first, so a lost reply, a twin and a retry all end in the one commit that took effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pyiceberg.manifest import DataFile
from pyiceberg.table import Table, Transaction
from pyiceberg.table.snapshots import Snapshot, ancestors_of
from pyiceberg.table.update.snapshot import ManageSnapshots

from windtunnel.aws import lake
from windtunnel.aws.tables import added, delete, head, until_committed
from windtunnel.core.contracts import DatasetVersion
from windtunnel.core.errors import SourceMissing
from windtunnel.core.window import Window

MAIN = "main"


def find_branch(name: str, branch: str) -> Snapshot | None:
    """The snapshot a branch points at, if there is such a branch."""
    return lake.table(name).snapshot_by_name(branch)


def find_published(name: str, work: Mapping[str, str]) -> Snapshot | None:
    """The published snapshot that completed some months, if the newest rows of each of them came from the same work.

    Args:
        name: Table.
        work: The work key of each month, by its label.
    """
    return _published(lake.table(name), work)


def _properties(work: Mapping[str, str]) -> dict[str, str]:
    """What a snapshot says of the work that made its months."""
    return {f"work.{month}": key for month, key in work.items()}


def _published(found: Table, work: Mapping[str, str]) -> Snapshot | None:
    left, newest = _properties(work), None
    for snapshot in ancestors_of(found.current_snapshot(), found.metadata):
        said = lake.properties(snapshot)
        for month in left.keys() & said.keys():
            if said[month] != left.pop(month):
                return None
            newest = newest or snapshot
        if not left:
            return newest
    return None


def stage(
    name: str,
    branch: str,
    files: Sequence[DataFile],
    window: Window,
    work: Mapping[str, str],
    said: Mapping[str, str],
) -> Snapshot:
    """Make a branch in which exactly these files hold the window, unless the same work was staged or published before.

    Args:
        name: Table.
        branch: Named after the work.
        files: From `tables.write`. Deleted when a twin was first.
        window: Whole months.
        work: The work key of each month, by its label.
        said: What else the snapshot says of itself; `lake.properties` reads it back.

    Returns:
        The snapshot that holds the work.

    Raises:
        CommitConflict: Others kept winning.
    """
    snapshot = _stage(name, branch, files, window, work, said)
    keep_only(name, snapshot, files)
    return snapshot


@until_committed
def _stage(
    found: Table,
    branch: str,
    files: Sequence[DataFile],
    window: Window,
    work: Mapping[str, str],
    said: Mapping[str, str],
) -> Snapshot:
    if there := _published(found, work) or found.snapshot_by_name(branch):
        return there
    change = found.transaction()
    ManageSnapshots(change).create_branch(head(found).snapshot_id, branch).commit()
    return committed(change, replace(found, change, branch, files, window, {**said, **_properties(work)}))


@until_committed
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
        names = {str(snapshot.snapshot_id), lake.properties(snapshot).get("staged-as")}
        if snapshot_id in names and snapshot.snapshot_id in tags:
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
    if staged.parent_snapshot_id == head(found).snapshot_id:
        ManageSnapshots(change).set_current_snapshot(staged.snapshot_id)
        published_id = staged.snapshot_id
    else:
        said = lake.properties(staged) | {"staged-as": snapshot_id}
        published_id = replace(found, change, MAIN, added(found, staged), window, said)
    tag = f"d{max((int(tag[1:]) for tag in tags.values() if tag[1:].isdigit()), default=0) + 1}"
    ManageSnapshots(change).create_tag(published_id, tag).remove_branch(branch).commit()
    return lake.version_of(found, tag, committed(change, published_id))


def overwrite(name: str, files: Sequence[DataFile], window: Window, work: Mapping[str, str]) -> Snapshot:
    """Make exactly these files hold a window of a table without branches. The same work again changes nothing.

    Args:
        name: Table.
        files: From `tables.write`. Deleted when a twin was first.
        window: Whole months.
        work: The work key of each month, by its label.

    Returns:
        The snapshot that holds them.

    Raises:
        CommitConflict: Others kept winning.
    """
    snapshot = _overwrite(name, files, window, work)
    keep_only(name, snapshot, files)
    return snapshot


@until_committed
def _overwrite(found: Table, files: Sequence[DataFile], window: Window, work: Mapping[str, str]) -> Snapshot:
    if there := _published(found, work):
        return there
    change = found.transaction()
    return committed(change, replace(found, change, MAIN, files, window, _properties(work)))


@until_committed
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


def keep_only(name: str, snapshot: Snapshot, files: Iterable[DataFile]) -> None:
    """Delete those of our files that a snapshot did not take, because a twin's were there first."""
    kept = {file.file_path for file in added(lake.table(name), snapshot)}
    delete(file for file in files if file.file_path not in kept)


def committed(change: Transaction, snapshot_id: int) -> Snapshot:
    """Commit a transaction; the snapshot of it that has this id."""
    snapshot = change.commit_transaction().snapshot_by_id(snapshot_id)
    assert snapshot is not None  # noqa: S101 - just committed
    return snapshot
