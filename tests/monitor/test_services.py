"""Which version answered when, read off the ledger of the embedded AWS."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests import candidate
from tests.monitor.live_model import HOLDOUT, SPEC, TRAIN, clock, publish, register, rows_of, serve
from windtunnel.aws import ledger
from windtunnel.core.contracts import RegisteredVersion, Release
from windtunnel.core.window import Window

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


@pytest.fixture
def versions(lake_of_its_own: None) -> list[RegisteredVersion]:  # noqa: ARG001 - needs its ledger
    """Three of them, registered at the end of February."""
    publish(TRAIN, rows_of(TRAIN).head(10))
    dataset = publish(HOLDOUT, rows_of(HOLDOUT).head(1000))
    windows = (Window.parse("2013-01-01", f"2013-01-{day}") for day in (20, 25, 30))
    return [register(dataset, train=window) for window in windows]


def said() -> list[tuple[str, str, str | None]]:
    def text(moment: datetime | None) -> str | None:
        return f"{moment:%d %H:%M}" if moment else None

    return [(found.version, str(text(found.since)), text(found.until)) for found in ledger.services(SPEC.name)]


def test_before_the_first_release_nothing_answered(versions: list[RegisteredVersion]) -> None:
    assert said() == []
    serve(versions[0], "2013-03-01T12:00", begun="2013-03-01T11:00")
    assert said() == [("V1.1.0", "01 12:00", None)]


def test_while_a_release_is_under_way_no_version_answers_alone(versions: list[RegisteredVersion]) -> None:
    serve(versions[0], "2013-03-01T12:00")
    serve(versions[1], "2013-03-05T10:30", begun="2013-03-05T10:00")
    assert said() == [("V1.1.0", "01 12:00", "05 10:00"), ("V1.1.1", "05 10:30", None)]


def test_a_version_that_is_brought_back_answers_again(versions: list[RegisteredVersion]) -> None:
    first, second, _ = versions
    serve(first, "2013-03-01T12:00")
    serve(second, "2013-03-05T10:00")
    with clock("2013-03-06T10:00"):
        lease = ledger.take(SPEC.name, "rollback:ada", over=True)
        ledger.move(SPEC.name, first.version, "releasing", by="ada", why="Worse.", evidence={}, lease=lease)
    release = Release(
        registered=first,
        previous=ledger.live(SPEC.name),
        owner=lease.owner,
        epoch=lease.epoch,
        endpoint_config="flights-before",
        by="ada",
        why="Worse.",
        rollback=True,
    )
    with clock("2013-03-06T11:00"):
        ledger.go_live(release, candidate.proof(first, "flights-before"))
    assert said()[1:] == [("V1.1.1", "05 10:00", "06 10:00"), ("V1.1.0", "06 11:00", None)]


def begun(version: RegisteredVersion, at: str) -> Release:
    """A release that has begun."""
    with clock(at):
        for state in ("rehearsed", "awaiting-approval", "approved"):
            ledger.move(SPEC.name, version.version, state, by="rita", why="It flies.", evidence={"state": state})
        lease, previous = ledger.take(SPEC.name, f"rollout:{version.version}"), ledger.live(SPEC.name)
        ledger.move(SPEC.name, version.version, "releasing", by="rita", why="It flies.", evidence={}, lease=lease)
    return Release(
        registered=version,
        previous=previous,
        owner=lease.owner,
        epoch=lease.epoch,
        endpoint_config="flights-next",
        by="rita",
        why="It flies.",
    )


def test_a_release_that_falls_back_leaves_a_gap_and_one_that_is_taken_over_a_longer_one(
    versions: list[RegisteredVersion],
) -> None:
    serve(versions[0], "2013-03-01T12:00")
    release = begun(versions[1], "2013-03-05T10:00")
    assert said() == [("V1.1.0", "01 12:00", "05 10:00")], "while it is under way"
    with clock("2013-03-05T11:00"):
        ledger.fell_back(release, "Alarms.")
    ledger.give_back(ledger.lease_of(release))
    assert said() == [("V1.1.0", "01 12:00", "05 10:00"), ("V1.1.0", "05 11:00", None)]
    abandoned = begun(versions[2], "2013-03-07T10:00")
    with clock("2013-03-07T12:00"):
        lease = ledger.take(SPEC.name, "rollback:ada", over=True)
        taken = abandoned.model_copy(update={"owner": lease.owner, "epoch": lease.epoch, "rollback": True})
        ledger.fell_back(taken, "Taken back by ada.")
    assert said()[-2:] == [("V1.1.0", "05 11:00", "07 10:00"), ("V1.1.0", "07 12:00", None)]
