"""Many show one model at once: what stands in the end was read after each of them had begun.

The same races are run with a write that asks for nothing. There the stale document must win: so it is the conditions
that keep it out, and the tests can see when they do not.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.feed import pages
from tests.forked import Child, run
from tests.release import flight
from tests.release.flight import MODEL, moved
from tests.release.made import gated
from windtunnel.aws import ledger, objects
from windtunnel.aws.feed import documents
from windtunnel.core.contracts import FeedSummary
from windtunnel.core.errors import CommitConflict
from windtunnel.stages import show as stage
from windtunnel.stages.register import register
from windtunnel.stages.show import show

pytestmark = pytest.mark.usefixtures("lake_of_its_own")
WRITERS = 16


def registered() -> str:
    made = register(gated(uuid.uuid4().hex))
    assert made is not None
    return made.version


@pytest.fixture
def unconditional(monkeypatch: pytest.MonkeyPatch) -> None:
    def put_over(uri: str, body: bytes, etag: str | None, *, content_type: str) -> bool:
        del etag
        objects.put(uri, body, content_type=content_type)
        return True

    monkeypatch.setattr(objects, "put_over", put_over)


def test_sixteen_writers_lose_nothing_of_what_each_of_them_did() -> None:
    versions = [registered() for _ in range(WRITERS)]

    def work(version: str) -> Callable[[], bool]:
        def moves_and_shows() -> bool:
            moved(version, "rehearsed")
            show(MODEL)
            return state(version) == "rehearsed"

        return moves_and_shows

    children = [Child(work(version)) for version in versions]
    assert [child.ended().result() for child in children] == [True] * WRITERS
    feed = pages.standing(MODEL)
    assert {one.version: one.state for one in feed.versions} == dict.fromkeys(versions, "rehearsed")
    assert len(feed.entries) == feed.entries[0].sequence == 3 * WRITERS


def state(version: str) -> str | None:
    """What stands of a version in the document, right now."""
    feed = documents.seen(MODEL).feed
    return next((one.state for one in feed.versions if one.version == version), None) if feed else None


def frozen_at(mark: str) -> tuple[str, FeedSummary]:
    """A version moves on while a show stands still at a mark; what that one returns when it goes on."""
    version = registered()
    show(MODEL)
    with Child(lambda: show(MODEL), freeze_at=mark) as stale:
        stale.frozen()
        moved(version, "rehearsed")
        run(lambda: show(MODEL))
        stale.thaw()
        return version, stale.ended().result()


@pytest.mark.parametrize("mark", ["before:feed.model", "after:feed.model", "before:feed.summary", "after:feed.summary"])
def test_a_reading_that_is_overtaken_is_not_written(mark: str) -> None:
    version, returned = frozen_at(mark)
    assert state(version) == "rehearsed"
    assert pages.standing(MODEL).summary.generation >= returned.generation


@pytest.mark.usefixtures("unconditional")
def test_without_a_condition_it_would_be() -> None:
    version, _ = frozen_at("before:feed.model")
    assert state(version) == "registered"


def test_who_finds_that_others_showed_it_all_reads_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    registered()
    show(MODEL)
    reading, read = stage._feed, []

    def overtaken(*given: Any) -> Any:
        read.append(given)
        made = reading(*given)
        if len(read) == 1:  # the first reading is overtaken twice
            show(MODEL)
            show(MODEL)
        return made

    monkeypatch.setattr(stage, "_feed", overtaken)
    shown = show(MODEL)
    assert len(read) == 3, "its own, and those of the two others"
    assert shown == pages.standing(MODEL).summary


def test_who_is_overtaken_once_reads_again(monkeypatch: pytest.MonkeyPatch) -> None:
    version = registered()
    show(MODEL)
    reading, read = stage._feed, []

    def overtaken(*given: Any) -> Any:
        read.append(given)
        made = reading(*given)
        if len(read) == 1:  # its twin may have read before this one began
            moved(version, "rehearsed")
            show(MODEL)
        return made

    monkeypatch.setattr(stage, "_feed", overtaken)
    show(MODEL)
    assert len(read) == 3, "twice its own, and that of the other"
    assert state(version) == "rehearsed"


def test_who_is_always_overtaken_says_so_and_leaves_what_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    registered()
    before = pages.shown(MODEL)
    monkeypatch.setattr(stage, "CONTENTION_SECONDS", 0.2)
    monkeypatch.setattr(objects, "put_over", lambda *_, **__: False)
    with pytest.raises(CommitConflict, match=f"python -m windtunnel show {MODEL}"):
        show(MODEL)
    assert pages.standing(MODEL) == before


@pytest.mark.parametrize("name", ["model.json", "summary.json"])
def test_a_lost_reply_is_recognised(misbehave: Callable[..., Callable[[], int]], name: str) -> None:
    version = registered()
    show(MODEL)
    moved(version, "rehearsed")
    struck = misbehave(kind="drop_reply", operation="s3:PutObject", contains=name, times=1)
    generation = show(MODEL).generation
    assert struck() == 1
    assert pages.standing(MODEL).summary.generation == generation == 2
    assert state(version) == "rehearsed"


def test_the_first_two_documents_of_a_model_are_written_by_one() -> None:
    version = registered()
    children = [Child(lambda: show(MODEL)) for _ in range(4)]
    assert all(child.ended().result().versions == 1 for child in children)
    assert state(version) == "registered"
    champion = flight.live("In service.").version
    assert ledger.live(MODEL) is not None
    assert pages.shown(MODEL).summary.champion == champion
