"""check: landed file -> the same, with its file-level faults ruled out and its bad rows marked."""

from __future__ import annotations

import json
import logging

from windtunnel.aws import landing, objects, reports
from windtunnel.core.catalog import model_expectations, model_spec
from windtunnel.core.contracts import CheckedFile, LandedFile
from windtunnel.core.errors import DataRejected, quoted
from windtunnel.ml import expectations, raw

log = logging.getLogger(__name__)


def check(landed: LandedFile) -> CheckedFile:
    """Run the model's raw expectations on a landed file, as text.

    Returns:
        The file, with the address of the rows that go to quarantine and of the report.

    Raises:
        DataRejected: The file is no CSV in UTF-8, has other columns than the spec, no rows, or misses an expectation
            on the file as a whole.
    """
    log.info("check: %s", landed.uri)
    spec, work_key = model_spec(landed.model), landing.work_of(landed)
    wanted, page_address = list(spec.raw_columns), reports.address(spec.name, landed.window, work_key, "raw")
    try:
        file = raw.read(landing.read(landed), wanted)
    except raw.Unreadable as error:
        raise DataRejected(
            f"`{landed.uri}` is no CSV file in UTF-8: {error}. Have the source write UTF-8, then run this month again.",
            report=reports.refuse(page_address, f"The file is no CSV in UTF-8: {error}"),
        ) from error
    judged = [expectations.columns_are(wanted)]
    if file.columns == wanted:
        judged += [expectations.has_rows(), *model_expectations(spec.name).raw()]
    found = expectations.validate(file.values(), judged, f"{spec.name} {landed.window.label} raw")
    report = reports.write(page_address, found.page(), found.to_json())
    if file.columns != wanted:
        raise DataRejected(_other_columns(landed.uri, wanted, file.columns), report=report)
    if found.failed:
        raise DataRejected(
            f"`{landed.uri}` ({file.records:,} rows) fails {quoted(found.failed)}. Nothing was loaded. "
            "Mend the source, or the expectation if it is wrong, and run this month again.",
            report=report,
        )
    flagged = found.flagged | ({f"does not have {len(wanted)} cells": sorted(file.ragged)} if file.ragged else {})
    flagged_address = objects.put(
        page_address.replace("raw.html", "flagged.json"), json.dumps(flagged).encode(), content_type="application/json"
    )
    checked = CheckedFile(landed=landed, rows=file.records, flagged=flagged_address, report=report)
    marked = len({row for rows in flagged.values() for row in rows})
    reasons = ", ".join(f"{reason} ({len(rows):,})" for reason, rows in flagged.items())
    log.info(
        "check: %d rows, %d marked for quarantine%s; %s",
        checked.rows,
        marked,
        f": {reasons}" if reasons else "",
        report,
    )
    return checked


def _other_columns(uri: str, wanted: list[str], found: list[str]) -> str:
    if not found:
        return f"`{uri}` is empty: not even a header. It must have the columns {quoted(wanted, most=99)}."
    differences = [
        f"{what} {quoted(names)}"
        for what, names in (
            ("missing", set(wanted) - set(found)),
            ("unknown", set(found) - set(wanted)),
            ("twice", {name for name in found if found.count(name) > 1}),
        )
        if names
    ] or [f"another order: {', '.join(f'`{name}`' for name in found)}"]
    return (
        f"`{uri}` does not have the columns of the spec: {'; '.join(differences)}. "
        f"It must have {', '.join(f'`{name}`' for name in wanted)}, in this order. "
        "Mend the source, or `raw_columns` in the model's spec.py, and run this month again."
    )
