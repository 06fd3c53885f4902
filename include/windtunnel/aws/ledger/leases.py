"""Leases: one release of a model at a time. The epoch is what keeps it so; the clock only says when to stop waiting."""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime, timedelta

from windtunnel.aws.ledger import table
from windtunnel.core.contracts import Lease, Release
from windtunnel.core.errors import FenceLost, LeaseHeld
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings

log = logging.getLogger(__name__)


def key(model: str) -> table.Key:
    """Of a model's lease."""
    return model, "lease"


def take(model: str, owner: str, *, seconds: int | None = None, over: bool = False) -> Lease:
    """Take the lease of a model. The epoch rises, so whoever held it before can write no more.

    Args:
        model: Whose releases.
        owner: `<stage>:<dag run id>`. The same owner may always take again: its own earlier copy loses.
        seconds: How long it stands without a sign of life; None: the setting.
        over: Whether to take it from another owner whose time is not over.

    Raises:
        LeaseHeld: Another owner's time is not over.
    """
    nonce = uuid.uuid4().hex
    lease = table.settle(model, lambda: _attempt(model, owner, nonce, _until(seconds), over=over))
    log.info("ledger: %s has the lease of %s with epoch %d until %s", owner, model, lease.epoch, lease.until)
    return lease


def _attempt(model: str, owner: str, nonce: str, until: datetime, *, over: bool) -> Lease | None:
    held = table.get([key(model)]).get(key(model))
    if held and held["nonce"] == nonce:  # ours, its reply was lost
        return Lease(model=model, owner=owner, epoch=held["epoch"], until=held["until"])
    if held and held["owner"] != owner and not over and datetime.fromisoformat(held["until"]) > datetime.now(UTC):
        raise LeaseHeld(
            f"`{held['owner']}` is changing what `{model}` has in service, until {held['until']} unless it goes on. "
            f"`{owner}` waits: this task is tried again."
        )
    epoch = held["epoch"] if held else 0
    body = {"epoch": epoch + 1, "owner": owner, "until": until.isoformat(), "nonce": nonce}
    with shared_write("ledger.take"):
        if table.commit([table.put(key(model), body, {"epoch": [epoch]} if held else None)]):
            return Lease(model=model, owner=owner, epoch=epoch + 1, until=until)
    return None


def held(model: str) -> Lease | None:
    """The newest lease of a model, over or not; None: nobody ever took one."""
    found = table.get([key(model)]).get(key(model))
    if found is None:
        return None
    return Lease.from_json({"model": model, **{name: found[name] for name in ("owner", "epoch", "until")}})


def of(release: Release) -> Lease:
    """The lease a release writes under. Its time is not known here, and plays no part in a fence."""
    return Lease(model=release.registered.model, owner=release.owner, epoch=release.epoch, until=datetime.now(UTC))


def keep(lease: Lease, seconds: int | None = None) -> Lease:
    """Say that the owner is alive, and stay until `seconds` from now; None: the setting.

    Raises:
        FenceLost: Someone else took over.
    """
    kept = lease.model_copy(update={"until": _until(seconds)})
    with shared_write("ledger.keep"):
        _rewrite(lease, kept.until)
    return kept


def check(lease: Lease) -> None:
    """Stand right before a write that DynamoDB cannot fence, such as UpdateEndpoint.

    Raises:
        FenceLost: Someone else took over.
    """
    require(lease, table.get([key(lease.model)]).get(key(lease.model)))


def give_back(lease: Lease) -> None:
    """Let the next owner begin at once. Nothing happens when someone took over already."""
    with shared_write("ledger.give-back"):
        try:
            _rewrite(lease, datetime.now(UTC))
        except FenceLost as lost:
            log.info("ledger: nothing to give back. %s", lost)


def require(lease: Lease, held: table.Item | None) -> table.Item:
    """The item of a lease, when it is still the newest.

    Raises:
        FenceLost: It is not.
    """
    if held is None or held["epoch"] != lease.epoch:
        newest = f"`{held['owner']}` holds epoch {held['epoch']}" if held else "nobody ever took one"
        raise FenceLost(
            f"`{lease.owner}` holds epoch {lease.epoch} of the lease of `{lease.model}`; {newest}. Nothing was changed: "
            "see what the newer one does, and clear this run from its first task if it should begin again."
        )
    return held


def _rewrite(lease: Lease, until: datetime) -> None:
    def attempt() -> bool | None:
        held = require(lease, table.get([key(lease.model)]).get(key(lease.model)))
        body = held | {"until": until.isoformat()}
        return held == body or table.commit([table.put(key(lease.model), body, {"epoch": [lease.epoch]})]) or None

    table.settle(lease.model, attempt)


def _until(seconds: int | None) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=settings().lease_seconds if seconds is None else seconds)
