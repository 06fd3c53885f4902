"""show: everything that stands about a model -> the documents that the pages of the Airflow UI read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_random_exponential

from windtunnel.aws import lake
from windtunnel.aws.feed import documents
from windtunnel.aws.feed.documents import Seen
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Feed, FeedBatch, FeedReport, FeedService, FeedSummary, FeedWindow
from windtunnel.core.errors import CommitConflict
from windtunnel.core.spec import Arrival
from windtunnel.core.window import Window

if TYPE_CHECKING:
    from windtunnel.aws.feed.versions import Told
    from windtunnel.aws.feed.watch import Watched

log = logging.getLogger(__name__)

CONTENTION_SECONDS = 180
_WINDOWS = 8


def show(model: str) -> FeedSummary:
    """Bring the pages of a model to what stands now in the ledger, the registry, the lake and the reports.

    A source that is not there yet gives an empty part. What the documents there say already and cannot change is not
    read again. Several may show a model at once: what stands in the end was read after each of them had begun.

    Args:
        model: Name of the model.

    Returns:
        The line of the page of all models, as it stands now.

    Raises:
        CommitConflict: Others kept writing.
    """
    log.info("show: %s", model)
    lake.ensure()
    first: list[Seen] = []

    def attempt() -> FeedSummary | None:
        seen = documents.seen(model)
        if not first:
            first.append(seen)
        elif seen.feed and seen.covers(first[0]):
            log.info("show: others have shown all this meanwhile")
            return seen.feed.summary
        try:
            feed = _feed(model, seen)
        except CommitConflict as conflict:
            log.info("show: reading again. %s", conflict)
            return None
        return feed.summary if documents.put(feed, seen) else None

    retrying = Retrying(
        retry=retry_if_result(lambda shown: shown is None),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        stop=stop_after_delay(CONTENTION_SECONDS),
    )
    try:
        shown = retrying(attempt)
    except RetryError as error:
        raise CommitConflict(
            f"Others kept writing `{documents.address(model, 'model.json')}` for {CONTENTION_SECONDS} s. The pages show "
            f"what they read; `python -m windtunnel show {model}` shows it again."
        ) from error
    assert shown is not None  # noqa: S101 - what `retry` waits for
    log.info("show: %s %s", documents.address(model, "model.json"), _sentence(shown))
    return shown


def _feed(model: str, seen: Seen) -> Feed:
    """The whole document, read from the sources now."""
    from windtunnel.aws.feed import batches, lookup, versions, watch

    at, before = datetime.now(UTC), seen.feed
    told = versions.told(model, before.versions if before else ())
    watched = watch.watched(model, before.verdicts if before else (), before.reports if before else ())
    ingested = batches.batches(model, before.batches if before else ())
    months = lookup.months(model, before.predictions if before else ())
    return Feed(
        summary=_summary(model, at, max(seen.generations) + 1, told, watched, ingested.batches),
        versions=told.versions,
        entries=told.entries,
        services=told.services,
        windows=watched.windows,
        verdicts=watched.verdicts,
        batches=ingested.batches,
        predictions=months,
        reports=_once([*told.dossiers, *watched.reports, *ingested.reports]),
    )


def _summary(
    model: str, at: datetime, generation: int, told: Told, watched: Watched, ingested: Sequence[FeedBatch]
) -> FeedSummary:
    from windtunnel.ml.metrics import FIRST

    spec, champion = model_spec(model), _in_service(told.services)
    newest = max(
        (batch for batch in ingested if batch.published), key=lambda batch: (batch.end, batch.at), default=None
    )
    return FeedSummary(
        generation=generation,
        model=model,
        about=spec.about,
        owner=spec.owner,
        task=spec.task,
        unit=spec.unit,
        metric=FIRST[spec.task],
        at=at,
        versions=len(told.states),
        champion=champion and champion.version,
        champion_since=champion and champion.since,
        awaiting=tuple(name for name, state in told.states.items() if state == "awaiting-approval"),
        releasing=next((name for name, state in told.states.items() if state == "releasing"), None),
        verdict=watched.newest,
        windows=_last(watched.windows),
        data_until=newest and newest.end,
        data_at=newest and newest.at,
        data_due=_due(spec.arrival, newest.end if newest else None),
        refused=ingested[0].label if ingested and not ingested[0].published else None,
    )


def _in_service(services: Sequence[FeedService]) -> FeedService | None:
    return services[0] if services and services[0].until is None else None


def _last(windows: Sequence[FeedWindow]) -> tuple[FeedWindow, ...]:
    """The last windows, oldest first; of two versions that answered in one, the newer."""
    found: dict[str, FeedWindow] = {}
    for window in windows:
        found.setdefault(window.label, window)
    return tuple(list(found.values())[:_WINDOWS])[::-1]


def _due(arrival: Arrival, until: str | None) -> str | None:
    """The day after the next month, on which its data should be there; None where no more is to come."""
    month = Window.month(until[:7] if until else arrival.first)
    if arrival.last and month.start > Window.month(arrival.last).start:
        return None
    return str(month.end)


def _once(reports: Sequence[FeedReport]) -> tuple[FeedReport, ...]:
    return tuple({report.id: report for report in reports}.values())


def _sentence(shown: FeedSummary) -> str:
    waiting = f", {', '.join(shown.awaiting)} waiting for a reviewer" if shown.awaiting else ""
    return (
        f"says of {shown.at:%Y-%m-%d %H:%M:%S}Z: {shown.versions} versions, {shown.champion or 'none'} in service"
        f"{waiting}, data until {shown.data_until or 'no day'}, verdict {shown.verdict.word if shown.verdict else 'none'}"
    )
