"""The page of ingestions, and the way from a run or a report to the page that shows it."""

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import urlencode

from windtunnel_ui import evidence
from windtunnel_ui.access import Part
from windtunnel_ui.store import Away, Missing, TooLarge

PREVIEW_ROWS = 50
MOST_PREVIEW_BYTES = 8 * 2**20

PART_OF_REPORT: dict[str, Part] = {
    "dossier": "dossier",
    "drift": "drift",
    "requests": "drift",
    "landed": "data",
    "audited": "data",
}
"""Kind of a report -> the part of a model it belongs to, and so who may see it."""


async def view(document: dict[str, Any], *, window: str, work: str) -> dict[str, Any]:
    """What the page shows.

    Args:
        document: A model's `Feed`.
        window: Label of the ingestion to show; the newest by default.
        work: Which of the ingestions of that window; the newest by default.

    Returns:
        `chosen`, a `FeedBatch` or None; `asked`, a label that is not there, if any; `reports`, its data docs; `columns`
        and `rows`, the first of those set aside; `fault`, why they cannot be shown; `rows_id` for the download; `months`,
        what to choose in the form to run it again.
    """
    batches = document["batches"]
    of_window = [batch for batch in batches if batch["label"] == window]
    asked = window if window and not of_window else None
    chosen = next((batch for batch in of_window if batch["work"] == work), next(iter(of_window or batches), None))
    reports = [report for report in document["reports"] if chosen and report["id"] in chosen["reports"]]
    shown: dict[str, Any] = {"columns": [], "rows": [], "fault": None, "rows_id": None}
    if chosen and chosen["rejected"]:
        shown["rows_id"] = evidence.rejected_id(chosen["rejected"])
        try:
            read = await evidence.read(chosen["rejected"], MOST_PREVIEW_BYTES)
            lines = csv.reader(io.StringIO(read.body.decode("utf-8", "replace")))
            shown["columns"] = next(lines, [])
            shown["rows"] = [row for _, row in zip(range(PREVIEW_ROWS), lines, strict=False)]
        except (Missing, Away, TooLarge) as error:
            shown["fault"] = str(error)
    return {"chosen": chosen, "asked": asked, "reports": reports, "months": months(chosen) if chosen else (), **shown}


def months(batch: dict[str, Any]) -> tuple[str, str]:
    """First and last month of an ingestion, as the form of `ingest` takes them: `2013-01`."""
    year, month = int(batch["end"][:4]), int(batch["end"][5:7])
    after = batch["end"][8:] != "01"
    last = f"{year}-{month:02d}" if after else f"{year - (month == 1)}-{(month - 2) % 12 + 1:02d}"
    return batch["start"][:7], last


def page_of_run(stage: str, events: list[dict[str, Any]], document: dict[str, Any], owner: str) -> str:
    """The page about what a run made, or about what started it; empty when nothing says.

    Args:
        stage: Of the run's DAG.
        events: `extra` of the asset events that it made, then of those that started it.
        document: The model's `Feed`.
        owner: `<stage>:<run id>`, who the run is in the ledger.
    """
    if stage == "ingest":
        label = next((_label(event.get("window")) for event in events), "")
        return f"/data?{urlencode({'window': label})}" if label else "/data"
    if stage == "monitor":
        label = next((max(reports) for event in events if (reports := event.get("reports"))), "")
        return f"/drift?{urlencode({'window': label})}" if label else "/drift"
    wrote = [entry["version"] for entry in document["entries"] if entry["by"] == owner]
    version = next((found for event in events if (found := _version(event))), wrote[0] if wrote else "")
    made = next((one for one in document["versions"] if one["version"] == version), None)
    if made is None:
        return ""
    return f"/dossiers/{version}" if made["dossier"] else f"/versions/{version}"


def _version(event: Any) -> str:
    """The version that an event is about, wherever its contract keeps it."""
    while isinstance(event, dict):
        if isinstance(event.get("version"), str):
            return str(event["version"])
        event = event.get("registered") or event.get("dossier")
    return ""


def _label(window: Any) -> str:
    """As `Window.label` of the stages says it."""
    if not isinstance(window, dict) or not {"start", "end"} <= window.keys():
        return ""
    start, end = str(window["start"]), str(window["end"])
    year, month = int(start[:4]), int(start[5:7])
    whole_month = start.endswith("-01") and end == f"{year + month // 12}-{month % 12 + 1:02d}-01"
    return start[:7] if whole_month else f"{start}_{end}"
