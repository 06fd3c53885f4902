"""What monitoring measures, as tables of the lake: `<model>_predictions`, `_quality`, `_drift`, `_findings`.

A span of whole months is replaced in one commit. Whoever measured from older labels or captures than stand there leaves
them as they are, so late and doubled runs end as if the newest had run alone.
"""

from __future__ import annotations

import logging
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot, ancestors_of

from windtunnel.aws import lake, publication, tables
from windtunnel.core.contracts import CollectedPredictions
from windtunnel.core.marks import shared_write
from windtunnel.core.window import Window
from windtunnel.ml.joined import on

log = logging.getLogger(__name__)

Kind = Literal["predictions", "quality", "drift", "findings"]
type Order = tuple[int, int]
"""Which of two measurements of the same span is newer: N of the labels' tag `d<N>`, then the captures' sequence."""


def order_of(collected: CollectedPredictions) -> Order:
    """The order of what is measured of collected predictions."""
    return int(collected.labels.tag.removeprefix("d")), collected.absorbed.sequence


def table_name(model: str, kind: Kind) -> str:
    """`<database>.<model>_<kind>`."""
    return f"{lake.table_name(model)}_{kind}"


def put(model: str, kind: Kind, rows: pa.Table, *, moment: str, span: Window, work: str, order: Order) -> str:
    """Make exactly these rows stand in a span, unless newer ones do.

    Args:
        model: Name of the model.
        kind: Which table; made where it is missing.
        rows: The rows of the span; may be none.
        moment: Timestamp column that puts a row into its month.
        span: Whole months.
        work: Digest of what the rows were computed from; the same work again changes nothing.
        order: Of this measurement.

    Returns:
        The id of the snapshot in which the span stands as it is now.

    Raises:
        CommitConflict: Others kept winning.
    """
    name = table_name(model, kind)
    tables.make_table(name, rows.schema, moment)
    files = [
        file
        for month in span.months()
        if len(part := _of(rows, moment, month))
        for file in tables.write(name, part, month)
    ]
    with shared_write("measurements.put"):
        snapshot = _put(name, files, span, work, order)
    if snapshot is None:
        tables.delete(files)
        snapshot = tables.head(lake.table(name))
        log.warning("measurements: newer ones of %s stand in %s; these were not written", span, name)
    else:
        publication.keep_only(name, snapshot, files)
    return str(snapshot.snapshot_id)


def read(model: str, kind: Kind, window: Window | None = None, snapshot_id: str | None = None) -> pa.Table | None:
    """The rows of a window, None where there is no such table yet.

    Args:
        model: Name of the model.
        kind: Which table.
        window: Days of its time column; None: all.
        snapshot_id: As it stood then; None: as it stands now.
    """
    try:
        found = lake.catalog().load_table(table_name(model, kind))
    except NoSuchTableError:
        return None
    scan = found.scan(snapshot_id=int(snapshot_id) if snapshot_id else None)
    if window:
        scan = scan.filter(lake.window_filter(found, window))
    return scan.to_arrow()


@tables.until_committed
def _put(found: Table, files: list[DataFile], span: Window, work: str, order: Order) -> Snapshot | None:
    """The snapshot that holds the work; None where newer work stands in one of the months."""
    months = [month.label for month in span.months()]
    there = [_newest(found, month) for month in months]
    if any(newest and newest[1] > order for newest in there):
        return None
    if (first := there[0]) and all(newest and newest[0] == work for newest in there):
        return first[2]
    said = {f"work.{month}": work for month in months} | {
        f"order.{month}": f"{order[0]}.{order[1]}" for month in months
    }
    change = found.transaction()
    return publication.committed(change, publication.replace(found, change, publication.MAIN, files, span, said))


def _newest(found: Table, month: str) -> tuple[str, Order, Snapshot] | None:
    """Work, order and snapshot of the measurement that stands in a month."""
    for snapshot in ancestors_of(found.current_snapshot(), found.metadata):
        said = lake.properties(snapshot)
        if f"work.{month}" in said:
            labels, captures = said[f"order.{month}"].split(".")
            return said[f"work.{month}"], (int(labels), int(captures)), snapshot
    return None


def _of(rows: pa.Table, moment: str, month: Window) -> pa.Table:
    days = pc.cast(rows[moment], pa.date32(), safe=False)
    return rows.filter(on(days, month))
