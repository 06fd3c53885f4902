"""What was ingested: published versions with what was set aside of them, and batches that were refused.

A published batch is a snapshot of the lake. A refused one left nothing but its data docs, so they are read: those of
work that no snapshot holds. A report that cannot be read is named in its batch, and loses no other.
"""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table.snapshots import ancestors_of

from windtunnel.aws import lake, objects, reports
from windtunnel.aws.feed import rejected
from windtunnel.aws.feed.documents import identity
from windtunnel.aws.objects import Listed
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import FeedBatch, FeedReason, FeedReport
from windtunnel.core.settings import settings
from windtunnel.core.window import Window

log = logging.getLogger(__name__)

_MOST_UNMET = 10
type _Files = dict[str, Listed]
"""Name -> object: the data docs of one piece of work."""
type _Folders = Mapping[tuple[str, str], _Files]
"""Label of the window and first digits of the work key -> its data docs."""


class Batches(NamedTuple):
    """Newest first."""

    batches: tuple[FeedBatch, ...]
    reports: tuple[FeedReport, ...]


def batches(model: str, known: Iterable[FeedBatch]) -> Batches:
    """Read the lake and the data docs of every ingestion.

    Args:
        model: Name of the model.
        known: From an earlier document; of the same work only the data docs are looked for again.
    """
    folders = _folders(model)
    before = {(batch.work, batch.tag, batch.at): batch for batch in known}
    held = rejected.snapshots(model)
    published = list(_published(model, folders, before))
    done = {(batch.label, batch.work) for batch in published}
    refused = [
        batch
        for (label, work), files in folders.items()
        if (label, work) not in done and (batch := _refused(model, label, work, folders, before, held))
    ]
    found = sorted([*published, *refused], key=lambda batch: (batch.at, batch.work), reverse=True)
    named = {report.id: report for report in _reports(folders)}
    shown = dict.fromkeys(report for batch in found for report in batch.reports)
    return Batches(tuple(found), tuple(named[report] for report in shown))


def window_of(label: str) -> Window:
    """The window back from its label."""
    start, _, end = label.partition("_")
    return Window.parse(start, end) if end else Window.month(start)


class _Judged(NamedTuple):
    """What the data docs of one piece of work say."""

    rows: int
    quarantined: int
    reasons: Mapping[str, int]
    unmet: tuple[str, ...]
    unreadable: tuple[str, ...]


def _folders(model: str) -> dict[tuple[str, str], _Files]:
    prefix = settings().uri("reports", "ingest", model, "")
    found: dict[tuple[str, str], _Files] = defaultdict(dict)
    for listed in objects.listed(prefix):
        label, work, name = listed.uri.removeprefix(prefix).split("/", 2)
        found[label, work][name] = listed
    return found


def _published(model: str, folders: _Folders, before: Mapping[Any, FeedBatch]) -> Iterator[FeedBatch]:
    try:
        table = lake.catalog().load_table(lake.table_name(model))
    except NoSuchTableError:
        return
    tags = {ref.snapshot_id: name for name, ref in table.refs().items() if ref.snapshot_ref_type == "tag"}
    for snapshot in ancestors_of(table.current_snapshot(), table.metadata):
        if snapshot.snapshot_id not in tags:
            continue
        version, said = lake.version_of(table, tags[snapshot.snapshot_id], snapshot), lake.properties(snapshot)
        window, work = version.window, said["work-key"][:16]
        at = datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)
        raw = [(month.label, said[f"work.{month.label}"][:16]) for month in window.months()]
        docs = _pages(folders, [*raw, (window.label, work)])
        known = before.get((work, version.tag, at))
        if known and not known.unmet:
            yield known.model_copy(update={"reports": docs})
            continue
        judged = _judged(folders.get((window.label, work), {})) if version.quarantined else None
        yield FeedBatch(
            work=work,
            label=window.label,
            start=str(window.start),
            end=str(window.end),
            at=at,
            published=True,
            tag=version.tag,
            rows=version.rows,
            quarantined=version.quarantined,
            reasons=_reasons(judged),
            unmet=judged.unreadable if judged else (),
            reports=docs,
            rejected=_rejected(model, window, work, version.quarantined, version.quarantine_snapshot_id),
        )


def _refused(
    model: str,
    label: str,
    work: str,
    folders: _Folders,
    before: Mapping[Any, FeedBatch],
    held: Mapping[Any, str],
) -> FeedBatch | None:
    """The batch of one piece of work, if it was refused; None while it is under way, or where it is the first part of one."""
    files = folders[label, work]
    # What `check` lets on, it marks rows of; the work then goes on under the key of the whole window.
    if "flagged.json" in files or not (judging := _documents(files)):
        return None
    at = max(document.written_at for document in judging)
    window = window_of(label)
    docs = _pages(folders, [*_landed(folders, window, at), (label, work)])
    if known := before.get((work, None, at)):
        return known.model_copy(update={"reports": docs})
    judged = _judged(files)
    budget = model_spec(model).quarantine_budget
    unmet = [*judged.unreadable, *judged.unmet]
    if judged.quarantined > budget * judged.rows:
        share = judged.quarantined / judged.rows
        unmet.insert(
            0,
            f"{judged.quarantined:,} of {judged.rows:,} rows were to be set aside ({share:.1%}); at most {budget:.1%} may",
        )
    if not unmet:
        return None
    first = next(window.months()).label
    return FeedBatch(
        work=work,
        label=label,
        start=str(window.start),
        end=str(window.end),
        at=at,
        published=False,
        tag=None,
        rows=None,
        quarantined=judged.quarantined,
        reasons=_reasons(judged),
        unmet=tuple(unmet[:_MOST_UNMET]),
        reports=docs,
        rejected=_rejected(model, window, work, judged.quarantined, held.get((first, work))),
    )


def _documents(files: _Files) -> list[Listed]:
    """The results as JSON; where they are by month, each with its month in front."""
    return [listed for name, listed in files.items() if name.endswith(("raw.json", "rows.json", "audit.json"))]


def _judged(files: _Files) -> _Judged:
    rows, quarantined, reasons = 0, 0, Counter[str]()
    unmet: list[str] = []
    unreadable: list[str] = []
    for listed in _documents(files):
        name = listed.uri.rpartition("/")[2]
        try:
            document = json.loads(objects.get(listed.uri))
            if isinstance(document, dict) and set(map(type, document.values())) == {str}:
                continue  # the list of the months' own, by address
            if name.endswith("rows.json"):
                rows += document["rows"]
                quarantined += document["quarantined"]
                reasons.update(document["reasons"])
            else:
                month = name.removesuffix("audit.json").removesuffix("raw.json").rstrip("-")
                unmet += [f"{month}: {words}" if month else words for words in reports.unmet(document)]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("feed: `%s` is no result of an ingestion: %r", listed.uri, error)
            unreadable.append(f"The report `{name}` cannot be read: {type(error).__name__}")
    return _Judged(rows, quarantined, reasons, tuple(unmet), tuple(unreadable))


def _landed(folders: _Folders, window: Window, at: datetime) -> Iterator[tuple[str, str]]:
    """For each month the newest data docs of a file that was let on until then."""
    for month in window.months():
        passed = [
            (files["raw.html"].written_at, work)
            for (label, work), files in folders.items()
            if label == month.label and {"raw.html", "flagged.json"} <= files.keys()
        ]
        if earlier := [one for one in passed if one[0] <= at]:
            yield month.label, max(earlier)[1]


def _pages(folders: _Folders, works: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(report.id for key in works if key in folders for report in _of(key[0], folders[key]))


def _reports(folders: _Folders) -> Iterator[FeedReport]:
    for (label, _), files in folders.items():
        yield from _of(label, files)


def _of(label: str, files: _Files) -> Iterator[FeedReport]:
    """The pages of one piece of work, in the order of the journey; lists of pages are left out."""
    stages = (("raw", "landed", "as it came"), ("rows", "landed", "row by row"), ("audit", "audited", "as published"))
    for part, kind, words in stages:
        names = sorted(name for name in files if name.endswith(f"-{part}.html")) or [f"{part}.html"]
        for name in filter(files.__contains__, names):
            month = name.removesuffix(f"{part}.html").rstrip("-") or label
            address = files[name].uri
            yield FeedReport(id=identity(address), kind=kind, title=f"{month}, {words}", address=address)


def _reasons(judged: _Judged | None) -> tuple[FeedReason, ...]:
    counts = sorted(judged.reasons.items(), key=lambda item: (-item[1], item[0])) if judged else []
    return tuple(FeedReason(reason=reason, rows=rows) for reason, rows in counts)


def _rejected(model: str, window: Window, work: str, quarantined: int, snapshot_id: str | None) -> str | None:
    return rejected.put(model, window, work, snapshot_id) if quarantined and snapshot_id else None
