"""Two copies of one task at the same time: what is left when Airflow loses a supervisor, calls its task dead and tries again.

The first copy is frozen at a mark by SIGSTOP, the retry runs to its end, then the first goes on where it stood. One of
the two takes effect; the other adopts it or learns that it has lost the fence.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests import flown
from tests.forked import Child, Work, run
from tests.release import checker, released, staged
from windtunnel.aws import endpoint, ledger
from windtunnel.aws.clients import client
from windtunnel.aws.endpoint import endpoint_name
from windtunnel.core.contracts import Answer, Dossier, Mirrored, Proof, Rehearsed, Release
from windtunnel.core.errors import FenceLost
from windtunnel.core.settings import settings
from windtunnel.stages.approve import approve
from windtunnel.stages.begin import begin
from windtunnel.stages.deploy import deploy
from windtunnel.stages.judge import judge
from windtunnel.stages.mirror import mirror
from windtunnel.stages.prove import prove
from windtunnel.stages.register import register
from windtunnel.stages.rehearse import rehearse
from windtunnel.stages.withdraw import withdraw

pytestmark = pytest.mark.usefixtures("release_of_its_own", "patience")


@pytest.fixture
def patience() -> Iterator[None]:
    with staged.patient_spec():
        yield


def twice(work: Work, freeze_at: str) -> tuple[Any, Any]:
    """What the retry returned, and what the frozen copy returned or raised when it went on."""
    with Child(work, freeze_at=freeze_at) as stale:
        stale.frozen()
        fresh = run(work)
        stale.thaw()
        ending = stale.ended()
    return fresh, ending.raised or ending.returned


def marks(work: Work) -> tuple[str, ...]:
    """The marks that this work reaches, each once."""
    with Child(work) as child:
        ending = child.ended()
    ending.result()
    return tuple(dict.fromkeys(ending.reached))


def test_register() -> None:
    run(lambda: register(flown.gated("good", reason="So that the group exists.")))
    for mark in marks(lambda: register(flown.gated("good", reason="To see the marks."))):
        gated = flown.gated("good", reason=f"Frozen at {mark}.")
        fresh, stale = twice(functools.partial(register, gated), mark)
        assert stale == fresh
        assert checker.states("flights")[fresh.version] == ["allocated", "registered"]
    checker.check("flights")


def asked() -> Dossier:
    """A dossier that waits for an answer."""
    registered = flown.registered("good", reason=f"Asked at {datetime.now(UTC)}.")
    for state in ("rehearsed", "awaiting-approval"):
        ledger.move("flights", registered.version, state, by="sam", why="It flies.")
    return released.approval(registered).dossier


def test_approve() -> None:
    answer = Answer(by="rita", at=datetime.now(UTC), note="I read it.")
    for mark in marks(functools.partial(approve, asked(), answer)):
        dossier = asked()
        fresh, stale = twice(functools.partial(approve, dossier, answer), mark)
        assert stale == fresh
        assert checker.states("flights")[dossier.registered.version].count("approved") == 1
        described = client("sagemaker").describe_model_package(ModelPackageName=dossier.registered.package_arn)
        assert described["ModelApprovalStatus"] == "Approved"
    checker.check("flights")


def newest(first: Release, second: Release | FenceLost) -> Release:
    """The one of two releases that may still write; there is one."""
    may = []
    for release in (first, second):
        if isinstance(release, Release):
            try:
                ledger.check(ledger.lease_of(release))
            except FenceLost:
                continue
            may.append(release)
    (only,) = may
    return only


def test_begin_and_prove() -> None:
    approved = released.approved("good")
    reached = marks(functools.partial(begin, approved, "rollout:trial"))
    ledger.give_back(ledger.take("flights", "rollout:trial"))
    for mark in reached:
        approved = released.approved("good")
        work = functools.partial(begin, approved, f"rollout:{approved.registered.version}")
        fresh, stale = twice(work, mark)
        assert checker.states("flights")[approved.registered.version].count("releasing") == 1
        ledger.give_back(ledger.lease_of(newest(fresh, stale)))
    release: Release = run(work)
    while (watch := run(functools.partial(deploy, release))) is not None:
        staged.followed(watch)
    fresh, stale = twice(functools.partial(prove, release), "before:ledger.go-live")
    assert isinstance(stale, FenceLost | Proof)
    assert fresh.endpoint_config == release.endpoint_config
    assert checker.states("flights")[release.registered.version].count("live") == 1
    checker.check("flights")


def test_withdraw_and_judge() -> None:
    counted = checker.Counted(settings().ledger_table)
    released.release(released.approved("good"))
    registered = flown.registered("newer", champion=ledger.live("flights"))
    rehearsed: Rehearsed = run(functools.partial(rehearse, registered, "shadow:1"))
    standing: Mirrored = run(functools.partial(mirror, rehearsed, "shadow:1"))
    endpoint.settled(endpoint_name("flights"))
    run(staged.ask)
    mirrored = staged.counted(standing)
    fresh, stale = twice(functools.partial(withdraw, mirrored), "after:ledger.keep")
    assert stale == fresh
    endpoint.settled(endpoint_name("flights"))
    for mark in ("before:ledger.move", "before:ledger.give-back"):
        fresh, stale = twice(functools.partial(judge, rehearsed, mirrored, "shadow:1"), mark)
        assert stale == fresh
    assert checker.states("flights")[registered.version].count("shadowed") == 1
    assert counted.changes(endpoint_name("flights")) == {"CREATING": 1, "UPDATING": 2}
    checker.check("flights")
