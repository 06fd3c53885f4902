"""Leases, against the embedded AWS: one release at a time, and whoever was overtaken writes nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.release import flight
from tests.release.flight import MODEL, approved, live, moved, proof, released, states
from windtunnel.aws import ledger
from windtunnel.core.contracts import Lease
from windtunnel.core.errors import FenceLost, LeaseHeld
from windtunnel.core.settings import settings

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


def test_the_epoch_rises_with_every_taking() -> None:
    taken = [ledger.take(MODEL, "rollout:1") for _ in range(3)]
    assert [lease.epoch for lease in taken] == [1, 2, 3]


def test_another_owner_waits_until_the_time_is_over() -> None:
    first = ledger.take(MODEL, "rollout:1", seconds=60)
    with pytest.raises(LeaseHeld, match=r"`rollout:1` is changing what `flights` has in service.*`rollout:2` waits"):
        ledger.take(MODEL, "rollout:2")
    ledger.keep(first, -1)
    assert ledger.take(MODEL, "rollout:2").epoch == 2


def test_a_lease_that_is_kept_is_not_over() -> None:
    lease = ledger.take(MODEL, "rollout:1", seconds=-1)
    kept = ledger.keep(lease, 60)
    assert (kept.epoch, kept.owner) == (lease.epoch, lease.owner)
    assert kept.until > lease.until
    with pytest.raises(LeaseHeld):
        ledger.take(MODEL, "rollout:2")


def test_a_lease_stands_as_long_as_the_setting_says() -> None:
    before, lease = ledger.take(MODEL, "rollout:1", seconds=0), ledger.take(MODEL, "rollout:1")
    assert settings().lease_seconds <= (lease.until - before.until).total_seconds() < settings().lease_seconds + 30


def test_a_persons_rollback_takes_it_from_a_shadow() -> None:
    shadow = ledger.take(MODEL, "shadow:1", seconds=3600)
    rollback = ledger.take(MODEL, "rollback:1", over=True)
    ledger.check(rollback)
    with pytest.raises(FenceLost, match=r"`shadow:1` holds epoch 1 .*`rollback:1` holds epoch 2"):
        ledger.check(shadow)


def test_a_lease_that_was_given_back_is_free() -> None:
    first = ledger.take(MODEL, "rollout:1")
    ledger.give_back(first)
    second = ledger.take(MODEL, "rollout:2")
    ledger.give_back(first)  # a copy that comes late
    with pytest.raises(LeaseHeld):
        ledger.take(MODEL, "rollout:3")
    ledger.check(second)


def test_the_leases_of_two_models_are_two() -> None:
    assert ledger.take("flights", "rollout:1").epoch == 1
    assert ledger.take("flights-staging", "shadow:1").epoch == 1


def test_a_lease_that_nobody_took_fences_nothing() -> None:
    lease = ledger.take(MODEL, "rollout:1").model_copy(update={"model": "other"})
    with pytest.raises(FenceLost, match="nobody ever took one"):
        ledger.check(lease)


WRITES: dict[str, Callable[[Lease, str], Any]] = {
    "move": lambda lease, version: moved(version, "releasing", by="other", lease=lease),
    "repeated move": lambda lease, version: moved(version, "releasing", lease=lease),
    "go_live": lambda lease, version: ledger.go_live(
        flight.release(version, lease), proof(flight.release(version, lease))
    ),
    "fell_back": lambda lease, version: ledger.fell_back(flight.release(version, lease), "No."),
    "keep": lambda lease, _: ledger.keep(lease, 60),
    "check": lambda lease, _: ledger.check(lease),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("by", ["the same task, tried again", "a rollback"])
def test_whoever_was_overtaken_writes_nothing(write: str, by: str) -> None:
    champion = live("First.")
    version = approved("Second.")
    old = ledger.lease_of(released(version, "rollout:2"))
    new = ledger.take(MODEL, "rollback:1", over=True) if by == "a rollback" else ledger.take(MODEL, "rollout:2")
    before = states(version)
    with pytest.raises(FenceLost, match=f"`rollout:2` holds epoch {old.epoch}"):
        WRITES[write](old, version)
    assert states(version) == before
    assert ledger.live(MODEL) == champion
    ledger.check(new)


def test_a_release_that_was_taken_up_again_ends_once() -> None:
    """The supervisor died and its copy goes on: the second attempt of the same task has the fence."""
    version = approved()
    first = released(version, "rollout:1")
    second = released(version, "rollout:1")
    assert states(version).count("releasing") == 1
    made = ledger.go_live(second, proof(second))
    with pytest.raises(FenceLost):
        ledger.go_live(first, proof(first))
    assert ledger.go_live(second, proof(second)) == made
    assert states(version)[-2:] == ["releasing", "live"]


def test_a_run_that_is_cleared_after_it_went_live_finds_everything_done() -> None:
    version = approved()
    release = released(version, "rollout:1")
    made = ledger.go_live(release, proof(release))
    ledger.give_back(ledger.lease_of(release))
    again = released(version, "rollout:1")
    assert ledger.go_live(again, proof(again)) == made
    assert states(version)[-2:] == ["releasing", "live"]
