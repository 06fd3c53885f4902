"""What an endpoint was asked and answered, as the table `<model>_predictions`: each capture file is taken up once.

The table says itself which files it holds. Files are added in one commit per month of capture; whoever finds that
another was faster looks again what is left for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby, takewhile

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import Reference, StartsWith
from pyiceberg.expressions.literals import literal
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot, ancestors_of

from windtunnel.aws import capture, endpoint, lake, measurements, publication, tables
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import AbsorbedCaptures
from windtunnel.core.errors import CommitConflict
from windtunnel.core.marks import shared_write
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.core.workkey import work_key
from windtunnel.ml.joined import CAPTURED_AT

log = logging.getLogger(__name__)

_ROUNDS = 10
_WORK = "absorbed"


def absorb(model: str) -> AbsorbedCaptures:
    """Add the captured requests of a model's live endpoint that the table does not hold yet.

    Twins, retries and lost replies add nothing twice: what counts is whether the table has rows of a file.

    Raises:
        CommitConflict: Others kept winning; run it again.
    """
    spec, name = model_spec(model), measurements.table_name(model, "predictions")
    tables.make_table(name, capture.schema(spec), CAPTURED_AT)
    prefix = f"{endpoint.capture_prefix(model)}/{endpoint.endpoint_name(model)}/{endpoint.VARIANT}/"
    new_rows = sum(
        _absorb(name, prefix, list(files), spec) for _, files in groupby(capture.sources(prefix), lambda file: file[:7])
    )
    newest = tables.head(lake.table(name))
    return AbsorbedCaptures(
        model=model,
        table=name,
        snapshot_id=str(newest.snapshot_id),
        sequence=newest.sequence_number or 0,
        new_rows=new_rows,
    )


def batches(model: str, snapshot_id: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The captured rows of a snapshot, one table per month of capture, oldest first.

    Args:
        model: Name of the model.
        snapshot_id: As in `AbsorbedCaptures.snapshot_id`.
        columns: Some of those of `capture.schema`; None: all.

    Raises:
        SourceMissing: No such table or snapshot.
    """
    name, schema = measurements.table_name(model, "predictions"), capture.schema(model_spec(model))
    wanted = pa.schema([schema.field(column) for column in columns or schema.names])
    for month in lake.months(name, snapshot_id):
        for rows in lake.batches(name, snapshot_id, month, wanted.names):
            yield rows.select(wanted.names).cast(wanted)


def _absorb(name: str, prefix: str, files: list[str], spec: ModelSpec) -> int:
    """Add the rows of the files of one month that are not there; how many there were."""
    for _ in range(_ROUNDS):
        seen = tables.head(lake.table(name))
        unread = sorted(set(files) - _absorbed(lake.table(name), seen, files[0][:8]))
        rows = capture.rows(prefix, unread, spec)
        if not len(rows):
            return 0
        written = [file for month, part in _by_month(rows) for file in tables.write(name, part, month)]
        with shared_write("predictions.append"):
            snapshot = _append(name, written, work_key(files=unread), seen.snapshot_id)
        if snapshot is None:
            log.info("predictions: another absorption was faster; looking again at %d files", len(files))
            tables.delete(written)
            continue
        publication.keep_only(name, snapshot, written)
        mine = {file.file_path for file in tables.added(lake.table(name), snapshot)}
        return len(rows) if all(file.file_path in mine for file in written) else 0
    raise CommitConflict(f"Others kept adding to `{name}` while captures were read. Nothing was lost; run this again.")


def _absorbed(found: Table, snapshot: Snapshot, month: str) -> set[str]:
    """The files of a folder `yyyy/mm/` that the table has rows of; the statistics of its own files leave most unread."""
    scan = found.scan(
        row_filter=StartsWith(term=Reference(capture.SOURCE), value=literal(month)),
        selected_fields=(capture.SOURCE,),
        snapshot_id=snapshot.snapshot_id,
    )
    return {
        name for batch in scan.to_arrow_batch_reader() for name in pc.unique(batch.column(capture.SOURCE)).to_pylist()
    }


@tables.until_committed
def _append(found: Table, files: list[DataFile], work: str, seen: int) -> Snapshot | None:
    """The snapshot that holds the work; None where others have added files since the table was `seen`."""
    since = list(
        takewhile(lambda snapshot: snapshot.snapshot_id != seen, ancestors_of(found.current_snapshot(), found.metadata))
    )
    for snapshot in since:
        if lake.properties(snapshot).get(_WORK) == work:
            return snapshot
    if since:
        return None
    change = found.transaction()
    said = {lake.PROPERTY + _WORK: work}
    with change.update_snapshot(snapshot_properties=said, branch=publication.MAIN).fast_append() as append:
        for file in files:
            append.append_data_file(file)
    return publication.committed(change, append.snapshot_id)


def _by_month(rows: pa.Table) -> Iterator[tuple[Window, pa.Table]]:
    months = pc.strftime(rows[CAPTURED_AT], format="%Y-%m")
    for label in sorted(pc.unique(months).to_pylist()):
        yield Window.month(label), rows.filter(pc.equal(months, label))
