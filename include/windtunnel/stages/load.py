"""load: checked files -> typed rows on a branch of the lake, and the failed rows in quarantine."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from windtunnel.aws import lake, landing, objects, publication, quarantine, reports, tables
from windtunnel.core.catalog import model_expectations, model_spec
from windtunnel.core.contracts import CheckedFile, LoadedBranch
from windtunnel.core.errors import DataRejected
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.core.workkey import work_key
from windtunnel.ml import expectations, raw, schema

log = logging.getLogger(__name__)


def load(checked: Sequence[CheckedFile]) -> LoadedBranch:
    """Type the rows of checked files, quarantine those that fail, write the others to a branch that nobody reads.

    Works a month at a time: memory does not grow with the number of files. The same files under the same rules are
    the same work: a branch or a publication that did it already is found and returned.

    Args:
        checked: Files of one model, of months that follow each other.

    Raises:
        DataRejected: More rows of a file failed than the model's quarantine budget allows.
        SpecInvalid: `derive` does not make the columns of the spec.
        CommitConflict: Others kept committing to the table.
    """
    landed = [file.landed for file in checked]
    spec = model_spec(landed[0].model)
    work = {file.window.label: landing.work_of(file) for file in landed}
    key = work_key(work=work)
    name, branch = lake.table_name(spec.name), f"audit-{key[:16]}"
    log.info("load: %s -> %s, branch %s", ", ".join(file.uri for file in landed), name, branch)
    lake.ensure()
    tables.make_table(name, schema.arrow_schema(spec), spec.event_time)
    snapshot = publication.find_published(name, work) or publication.find_branch(name, branch)
    if snapshot is None:
        window = Window(start=landed[0].window.start, end=landed[-1].window.end)
        snapshot = _stage(spec, checked, window, key, branch, work)
    else:
        log.info("load: this work is done already, in snapshot %s", snapshot.snapshot_id)
    said = lake.properties(snapshot)
    loaded = LoadedBranch(
        model=spec.name,
        table=name,
        branch=f"audit-{said['work-key'][:16]}",
        snapshot_id=str(snapshot.snapshot_id),
        window=Window.parse(said["window-start"], said["window-end"]),
        work_key=said["work-key"],
        rows=int(said["rows"]),
        quarantined=int(said["quarantined"]),
        quarantine_snapshot_id=said.get("quarantine-snapshot-id"),
        report=said["rows-report"],
    )
    log.info(
        "load: %d rows of %s on a branch that nobody reads, %d in quarantine; %s",
        loaded.rows,
        loaded.window,
        loaded.quarantined,
        loaded.report,
    )
    return loaded


class _Month(NamedTuple):
    """What became of one file: Parquet files that no snapshot knows yet, and what to say about them."""

    files: list[Any]
    quarantine_files: list[Any]
    rows: int
    quarantined: int
    page: tuple[str, dict[str, Any]]
    refusal: str | None


def _stage(
    spec: ModelSpec, checked: Sequence[CheckedFile], window: Window, key: str, branch: str, work: dict[str, str]
) -> Any:
    months = {file.landed.window.label: _write(spec, file) for file in checked}
    files = [file for month in months.values() for file in month.files]
    pages = {label: month.page for label, month in months.items()}
    report = reports.write_months(reports.address(spec.name, window, key, "rows"), pages)
    held = [file for month in months.values() for file in month.quarantine_files]
    quarantined = quarantine.commit(spec.name, window, key, held)
    if refusals := [month.refusal for month in months.values() if month.refusal]:
        tables.delete(files)
        raise DataRejected(" ".join(refusals), report=report)
    said = {
        "model": spec.name,
        "window-start": str(window.start),
        "window-end": str(window.end),
        "work-key": key,
        "rows": str(sum(month.rows for month in months.values())),
        "quarantined": str(sum(month.quarantined for month in months.values())),
        "rows-report": report,
        "report": reports.address(spec.name, window, key, "audit"),
    }
    if quarantined:
        said["quarantine-snapshot-id"] = quarantined
    return publication.stage(lake.table_name(spec.name), branch, files, window, work, said)


def _write(spec: ModelSpec, checked: CheckedFile) -> _Month:
    """Sort a file's rows and write them; none of them stays in memory."""
    month, columns = checked.landed.window, schema.arrow_schema(spec)
    file = raw.read(landing.read(checked.landed), list(spec.raw_columns))
    failed = schema.Failed()
    for reason, numbers in objects.get_json(checked.flagged).items():
        failed.add(reason, numbers)
    rows = schema.derived(spec, schema.typed(spec, file.values(), failed), failed)
    schema.fail_outside(spec, rows, month, failed)
    judged = expectations.validate(
        expectations.numbers_to_64_bit(rows), model_expectations(spec.name).rows(), f"{spec.name} {month.label} rows"
    )
    for reason, numbers in judged.flagged.items():
        failed.add(reason, numbers)
    rows = failed.passed(rows)
    schema.fail_repeated(spec, rows, failed)
    rows = failed.passed(rows)
    held = quarantine.rows(failed.reasons, file.rows, file.ragged)
    counts = failed.counts()
    document = {"rows": checked.rows, "quarantined": len(held), "reasons": counts, **judged.to_json()}
    refused = len(held) > spec.quarantine_budget * checked.rows
    return _Month(
        files=[] if refused else tables.write(lake.table_name(spec.name), schema.to_arrow(rows, columns), month),
        quarantine_files=quarantine.write(spec, month, checked.landed.uri, held),
        rows=len(rows),
        quarantined=len(held),
        page=(judged.page(counts), document),
        refusal=_refusal(spec, checked, len(held), counts) if refused else None,
    )


def _refusal(spec: ModelSpec, checked: CheckedFile, failed: int, counts: dict[str, int]) -> str:
    reasons = [f"{reason} ({count:,})" for reason, count in counts.items()]
    rest = f" and {len(reasons) - 10} more reasons" if len(reasons) > 10 else ""
    return (
        f"{failed:,} of {checked.rows:,} rows of `{checked.landed.uri}` failed ({failed / checked.rows:.1%}); "
        f"at most {spec.quarantine_budget:.1%} may: {'; '.join(reasons[:10])}{rest}. Nothing was published; the rows "
        f"stand in `{quarantine.table_name(spec.name)}`. Mend the source, or the expectation if it is wrong, and run "
        f"{checked.landed.window.label} again."
    )
