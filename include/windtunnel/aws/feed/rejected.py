"""The rows of a batch that were set aside, as CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Iterator

import pyarrow as pa
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table.snapshots import ancestors_of

from windtunnel.aws import lake, objects, quarantine
from windtunnel.aws.feed import documents
from windtunnel.core.errors import SourceMissing, WindowInvalid
from windtunnel.core.marks import shared_write
from windtunnel.core.window import Window

log = logging.getLogger(__name__)

MOST_ROWS = 10_000
"""What a person can read; the table of the quarantine has them all."""

_OWN = {"_month": None, "_source": "source", "_row": "row", "_reasons": "reasons", "_line": "line"}
"""The quarantine's own columns by the names people read; None: not shown, the source names its month."""

_FORMULA = re.compile("[\t\r]|\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]")
"""What a spreadsheet takes for a formula; the last four are the wide forms that one set to Japanese or Chinese takes too."""
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?")


def put(model: str, window: Window, work: str, snapshot_id: str) -> str | None:
    """Write the rows that a batch set aside, at most `MOST_ROWS`, in the order of the source.

    The same work sets the same rows aside: a repeat writes the same bytes.

    Args:
        model: Name of the model.
        window: Of the batch.
        work: First digits of its work key.
        snapshot_id: Of the quarantine table.

    Returns:
        The address; None where the quarantine does not have them any more.
    """
    try:
        rows = lake.rows(quarantine.table_name(model), snapshot_id, window)
    except (SourceMissing, WindowInvalid) as error:
        log.warning("feed: the rows set aside of %s %s cannot be shown. %s", model, window, error)
        return None
    address = documents.address(model, f"rejected/{work}.csv")
    with shared_write("feed.rejected"):
        return objects.put(address, text(rows).encode(), content_type="text/csv; charset=utf-8")


def snapshots(model: str) -> dict[tuple[str, str], str]:
    """The quarantine's snapshots by the first month of a batch and the first digits of its work key."""
    try:
        found = lake.catalog().load_table(quarantine.table_name(model))
    except NoSuchTableError:
        return {}
    return {
        (name.removeprefix("work."), key[:16]): str(snapshot.snapshot_id)
        for snapshot in ancestors_of(found.current_snapshot(), found.metadata)
        for name, key in lake.properties(snapshot).items()
        if name.startswith("work.")
    }


def text(rows: pa.Table) -> str:
    """Rows of the quarantine as CSV, every cell quoted, none that a spreadsheet takes for a formula."""
    shown = [(name, _OWN.get(name, name)) for name in rows.column_names]
    body = io.StringIO()
    writer = csv.writer(body, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([harmless(title) for _, title in shown if title])
    first = rows.sort_by([("_month", "ascending"), ("_row", "ascending")]).slice(0, MOST_ROWS)
    writer.writerows(_cells(first.select([name for name, title in shown if title])))
    return body.getvalue()


def harmless(cell: str) -> str:
    """A cell that a spreadsheet shows as it is: what begins like a formula and is no number gets an apostrophe."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def _cells(rows: pa.Table) -> Iterator[list[str]]:
    for row in zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True):
        yield ["" if cell is None else harmless(str(cell)) for cell in row]
