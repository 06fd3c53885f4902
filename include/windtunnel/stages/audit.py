"""audit: branch -> audited branch. The rows are read back from the lake and judged before anybody else can read them."""

from __future__ import annotations

import logging

from windtunnel.aws import lake, publication, reports
from windtunnel.core.catalog import model_expectations
from windtunnel.core.contracts import AuditedBranch, LoadedBranch
from windtunnel.core.errors import DataRejected, quoted
from windtunnel.core.window import Window
from windtunnel.ml import expectations

log = logging.getLogger(__name__)


def audit(loaded: LoadedBranch) -> AuditedBranch:
    """Run the model's audit expectations on each month of a branch.

    Raises:
        DataRejected: A month misses one of them, or other rows are read than were written. The branch is dropped.
    """
    log.info("audit: %s, branch %s, snapshot %s", loaded.table, loaded.branch, loaded.snapshot_id)
    faults: list[str] = []
    pages, rows = {}, 0
    for month in loaded.window.months():
        count, found = _judge(loaded, month)
        rows += count
        pages[month.label] = (found.page(), found.to_json())
        faults += [f"{month.label}: {unmet}" for unmet in found.unmet]
    if rows != loaded.rows:
        faults.append(f"{rows} rows are read back, {loaded.rows} were written")
    page_address = reports.address(loaded.model, loaded.window, loaded.work_key, "audit")
    report = reports.write_months(page_address, pages)
    if faults:
        publication.drop_branch(loaded.table, loaded.branch)
        raise DataRejected(
            f"The rows of `{loaded.model}` for `{loaded.window}` fail their audit: {quoted(faults)}. Nothing was "
            "published; the dataset is as it was. Mend the source, or the expectation if it is wrong, and run the "
            "window again.",
            report=report,
        )
    log.info("audit: %d rows of %s read back, every expectation is met; %s", rows, loaded.window, report)
    return AuditedBranch(loaded=loaded, report=report)


def _judge(loaded: LoadedBranch, month: Window) -> tuple[int, expectations.Validated]:
    rows = lake.rows(loaded.table, loaded.snapshot_id, month)
    frame = expectations.numbers_to_64_bit(rows.to_pandas())
    suite = model_expectations(loaded.model).audit()
    return rows.num_rows, expectations.validate(frame, suite, f"{loaded.model} {month.label} audit")
