"""The way of an imagined version through the ledger, for tests of the ledger: what the stages write, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests import candidate
from tests.release.made import gated
from windtunnel.aws import ledger
from windtunnel.core.contracts import Champion, Entry, Lease, Proof, RegisteredVersion, Release, State

MODEL = "flights"
ON_THE_WAY: tuple[State, ...] = ("registered", "rehearsed", "shadowed", "awaiting-approval", "approved")


def allocated(reason: str = "New data.") -> str:
    """A version with a number and nothing else."""
    return ledger.allocate(gated(reason))


def moved(version: str, state: State, **given: Any) -> Entry:
    """The move that a stage makes."""
    usual = {"by": "sam", "why": "Because.", "evidence": {"report": f"s3://reports/{version}/{state}"}}
    return ledger.move(MODEL, version, state, **usual | given)


def approved(reason: str = "New data.") -> str:
    """A version that may be released."""
    version = allocated(reason)
    for state in ON_THE_WAY:
        moved(version, state)
    return version


def released(version: str, owner: str, **given: Any) -> Release:
    """A release under way, by the owner's newest lease."""
    lease = ledger.take(MODEL, owner)
    moved(version, "releasing", lease=lease)
    return release(version, lease, **given)


def release(version: str, lease: Lease, **given: Any) -> Release:
    """A release of a version over what is in service."""
    usual: dict[str, Any] = {
        "registered": registered(version),
        "previous": ledger.live(MODEL),
        "owner": lease.owner,
        "epoch": lease.epoch,
        "endpoint_config": f"config-{version}",
        "by": "rita",
        "why": "I read it.",
    }
    return Release.model_validate(usual | given)


def registered(version: str) -> RegisteredVersion:
    """The version as the registry has it."""
    return candidate.registered(version=version)


def proof(release: Release) -> Proof:
    """That it serves, proved now."""
    return Proof(
        model=MODEL,
        version=release.registered.version,
        endpoint="windtunnel-flights",
        endpoint_config=release.endpoint_config,
        package_arn=release.registered.package_arn,
        weights={"champion": 1.0},
        capture_percent=100,
        golden_rows=64,
        largest_difference=0.0,
        proved_at=datetime.now(UTC),
    )


def live(reason: str, *, owner: str = "rollout:1") -> Champion:
    """A version from its number into service."""
    return brought_live(released(approved(reason), owner))


def back(version: str, *, owner: str = "rollback:1") -> Champion:
    """An earlier version brought back."""
    return brought_live(released(version, owner, rollback=True))


def brought_live(release: Release) -> Champion:
    """What a release brings into service."""
    ledger.go_live(release, proof(release))
    ledger.give_back(ledger.lease_of(release))
    champion = ledger.live(MODEL)
    assert champion is not None
    return champion


def states(version: str) -> list[State]:
    """What happened to a version."""
    return [entry.state for entry in ledger.history(MODEL, version).entries]
