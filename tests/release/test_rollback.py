"""The way back: one action, decided once, from wherever a release stands."""

from __future__ import annotations

import threading
import time

import pytest

from tests import flown
from tests.release import released
from tests.release.traffic import steady
from windtunnel.aws import alarms, ledger
from windtunnel.aws.clients import client
from windtunnel.core.contracts import Proof
from windtunnel.core.errors import FenceLost, ReleaseRefused, VersionInvalid
from windtunnel.core.settings import settings
from windtunnel.stages.begin import begin
from windtunnel.stages.deploy import deploy
from windtunnel.stages.prove import prove
from windtunnel.stages.recall import recall

pytestmark = pytest.mark.usefixtures("release_of_its_own", "patient")
WHY = "Delays are wrong since noon."


def in_service() -> str:
    champion = ledger.live("flights")
    return champion.version if champion else "nothing"


def test_the_last_good_version_comes_back_as_it_was_proved() -> None:
    released.release(released.approved("good"))
    before, champion = released.serves(), ledger.live("flights")
    assert champion is not None
    released.release(released.approved("newer"))
    # What is in service is sick, and its alarms ring: they must not keep it there.
    alarms.ring("flights", "For a test.")
    with steady(10) as traffic:
        traffic.allow("newer", "good")
        proof = released.roll_back()
        traffic.allow("good")
    assert traffic.wrong() == []
    assert (proof.version, proof.largest_difference) == ("V1.1.0", 0.0)
    assert released.serves() == before
    again = ledger.live("flights")
    assert again is not None
    assert again.model_copy(update={"live_since": champion.live_since}) == champion, "its drift baseline with it"
    entry = ledger.history("flights", "V1.1.1").entries[-1]
    assert (entry.state, entry.by) == ("rolled-back", "ada")
    assert "worse than the one before" in entry.why
    with pytest.raises(ReleaseRefused, match="no version was proved before it that is still good"):
        recall("flights", None, "ada", WHY, "rollback:2")
    assert released.roll_back("V1.1.1").version == "V1.1.1", "named, it comes back"


def test_a_rollout_that_is_under_way_is_turned_back(monkeypatch: pytest.MonkeyPatch) -> None:
    released.release(released.approved("good"))
    before = released.serves()
    monkeypatch.setenv("WINDTUNNEL_WATCH_SECONDS", "60")
    settings.cache_clear()
    with steady(10) as traffic:
        traffic.allow("good", "newer")
        begun = begin(released.approved("newer"), "rollout:1")
        released.start(begun)
        began = time.monotonic()
        proof = released.roll_back()
        seconds = time.monotonic() - began
        traffic.allow("good")
    assert traffic.wrong() == []
    assert proof.version == "V1.1.0"
    assert seconds < 30, "nobody waits for the steps of a rollout that is given up"
    assert released.serves() == before
    assert (in_service(), released.state("V1.1.0"), released.state("V1.1.1")) == ("V1.1.0", "live", "rolled-back")
    with pytest.raises(FenceLost):
        prove(begun)


def test_a_rollback_that_is_cleared_goes_where_it_went_before() -> None:
    """The first try changes the ledger; read anew, it would lead one version further back."""
    for kind in ("good", "newer", "good"):
        released.release(released.approved(kind))
    begun = begin(released.approved("newer"), "rollout:1")
    first = recall("flights", None, "ada", WHY, "rollback:1")
    again = recall("flights", None, "ada", WHY, "rollback:1")
    assert first.registered.version == again.registered.version == "V1.1.2"
    assert again.epoch > first.epoch
    with pytest.raises(FenceLost):
        deploy(begun)
    released.settle(again)
    assert prove(again).version == "V1.1.2"
    assert prove(recall("flights", None, "ada", WHY, "rollback:1")).version == "V1.1.2", "cleared when all is done"


def test_a_version_that_was_never_released_is_no_way_back() -> None:
    champion = released.record_live(released.approved("good"))
    flown.registered("newer")
    with pytest.raises(ReleaseRefused, match=r"`V1\.1\.1` of `flights` is `registered`: it was never released"):
        recall("flights", "V1.1.1", "ada", WHY, "rollback:1")
    with pytest.raises(VersionInvalid, match=r"knows no version `V7\.0\.0`"):
        recall("flights", "V7.0.0", "ada", WHY, "rollback:2")
    assert ledger.live("flights") == champion


def test_a_shadow_does_not_keep_a_person_waiting() -> None:
    released.record_live(released.approved("good"))
    released.record_live(released.approved("newer"))
    held = ledger.take("flights", "shadow:1", seconds=3600)
    begun = recall("flights", None, "ada", WHY, "rollback:1")
    assert begun.epoch == held.epoch + 1
    with pytest.raises(FenceLost):
        ledger.check(held)


def test_a_config_that_was_removed_is_made_again() -> None:
    released.release(released.approved("good"))
    config = released.serves()
    released.release(released.approved("newer"))
    client("sagemaker").delete_endpoint_config(EndpointConfigName=config["EndpointConfigName"])
    assert released.roll_back().version == "V1.1.0"
    found = released.serves()
    assert found["ProductionVariants"] == config["ProductionVariants"]
    assert found["DataCaptureConfig"] == config["DataCaptureConfig"]


def test_two_copies_of_a_rollback_have_one_effect() -> None:
    released.release(released.approved("good"))
    released.release(released.approved("newer"))
    proofs: list[Proof] = []

    def copy() -> None:
        try:
            proofs.append(released.roll_back(run="1"))
        except FenceLost:
            return

    copies = [threading.Thread(target=copy) for _ in range(2)]
    for each in copies:
        each.start()
    for each in copies:
        each.join()
    assert {proof.version for proof in proofs} == {"V1.1.0"}
    states = [entry.state for entry in ledger.history("flights", "V1.1.0").entries]
    assert (states.count("live"), states.count("rolled-back")) == (2, 0)
