"""What the monitor measured and said, as the pages show it."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from windtunnel.aws import measurements, objects, verdicts
from windtunnel.aws.feed.documents import identity
from windtunnel.aws.objects import Listed
from windtunnel.core.contracts import FeedReport, FeedVerdict, FeedWindow, Finding, Verdict
from windtunnel.core.settings import settings
from windtunnel.core.version import Version
from windtunnel.ml import findings

log = logging.getLogger(__name__)

_LOOKS = 5
"""Of so many newest reports of a window it is asked which version they are about; earlier ones are of no use."""


class Watched(NamedTuple):
    """What is known of a model in service, newest first."""

    windows: tuple[FeedWindow, ...]
    verdicts: tuple[FeedVerdict, ...]
    newest: FeedVerdict | None
    "The verdict that counts now."
    reports: tuple[FeedReport, ...]


def watched(model: str, known: Iterable[FeedVerdict], drawn: Iterable[FeedReport]) -> Watched:
    """Read the findings, and those verdicts and reports that are not known yet.

    Args:
        model: Name of the model.
        known: Verdicts of an earlier document; one that was said stays as it is.
        drawn: Reports of an earlier document, which know their version.
    """
    said = _verdicts(model, {verdict.id: verdict for verdict in known})
    newest = verdicts.newest(model)
    rows = measurements.read(model, "findings")
    found = findings.of_table(rows) if rows is not None else []
    found.sort(key=lambda one: (one.window.start, Version.parse(one.version)), reverse=True)
    reports = _reports(model, found, {report.id: report for report in drawn})
    return Watched(
        windows=tuple(_window(one, reports) for one in found),
        verdicts=tuple(said),
        newest=next((one for one in said if newest and one.id == identity(newest.report)), None),
        reports=tuple({report.id: report for report in reports.values()}.values()),
    )


def _verdicts(model: str, known: Mapping[str, FeedVerdict]) -> list[FeedVerdict]:
    listed = list(objects.listed(settings().uri("monitor", model, "verdicts", "")))
    found = [known.get(identity(one.uri)) or _verdict(one, verdicts.find(one.uri)) for one in listed]
    return sorted((one for one in found if one), key=lambda one: (one.at, one.id), reverse=True)


def _verdict(listed: Listed, verdict: Verdict | None) -> FeedVerdict | None:
    if verdict is None:
        return None
    return FeedVerdict(
        id=identity(listed.uri),
        at=listed.written_at,
        version=verdict.version,
        label=verdict.window.label,
        word=verdict.word,
        sentence=verdict.sentence,
        asks=verdict.asks,
    )


type _Key = tuple[str, str, str]
"""Kind, label of the window, version."""


def _window(found: Finding, reports: Mapping[_Key, FeedReport]) -> FeedWindow:
    drift, checks = (reports.get((kind, found.window.label, found.version)) for kind in ("drift", "requests"))
    return FeedWindow(
        label=found.window.label,
        version=found.version,
        labelled=found.labelled,
        coverage=found.coverage,
        error=found.error,
        expected=found.expected,
        worse=found.worse,
        drift=found.drift,
        drifted=found.drifted,
        failed=found.failed,
        says=found.says,
        report=drift and drift.id,
        checks=checks and checks.id,
    )


def _reports(model: str, found: Sequence[Finding], drawn: Mapping[str, FeedReport]) -> dict[_Key, FeedReport]:
    """The newest report of each window and version, and the newest data docs of each window's requests."""
    prefix = settings().uri("reports", "monitor", model, "")
    pages: dict[tuple[str, str], list[Listed]] = defaultdict(list)
    for page in objects.listed(prefix):
        label, _, name = page.uri.removeprefix(prefix).split("/", 2)
        pages[label, name].append(page)
    for held in pages.values():
        held.sort(key=lambda page: (page.written_at, page.uri), reverse=True)
    reports: dict[_Key, FeedReport] = {}
    versions: dict[str, set[str]] = defaultdict(set)
    for one in found:
        versions[one.window.label].add(one.version)
    for label, wanted in versions.items():
        for page in islice(pages[label, "report.html"], _LOOKS):
            report = drawn.get(identity(page.uri)) or _drift(label, page)
            if report and report.version in wanted:
                reports.setdefault(("drift", label, report.version), report)
            if all(("drift", label, version) in reports for version in wanted):
                break
        if docs := pages[label, "expectations.html"]:
            title = f"Requests of {label}"
            report = FeedReport(id=identity(docs[0].uri), kind="requests", title=title, address=docs[0].uri)
            reports |= {("requests", label, version): report for version in wanted}
    return reports


def _drift(label: str, page: Listed) -> FeedReport | None:
    """A report with its version, which stands in the JSON beside it; None where that cannot be read."""
    address = page.uri.removesuffix(".html") + ".json"
    there = objects.get_if_there(address)
    try:
        version = str(json.loads(there[0])["version"]) if there else None
    except (KeyError, TypeError, ValueError) as error:
        log.warning("feed: `%s` is no report's document: %s", address, error)
        version = None
    if version is None:
        log.warning("feed: nobody knows which version `%s` is about, it is not shown", page.uri)
        return None
    title = f"Drift and quality of {version}, {label}"
    return FeedReport(id=identity(page.uri), kind="drift", title=title, address=page.uri, version=version)
