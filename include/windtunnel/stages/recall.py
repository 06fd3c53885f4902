"""recall: a person's wish -> a release that brings an earlier version back."""

from __future__ import annotations

import logging
import time

from windtunnel.aws import alarms, deployment, endpoint, ledger, objects, registry
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Champion, Lease, Release
from windtunnel.core.errors import ReleaseRefused, ServiceUnavailable, quoted
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings
from windtunnel.core.workkey import work_key

log = logging.getLogger(__name__)

LEAVES = "leaves"
"""Evidence of a rollback: the version it leaves."""


def recall(model: str, version: str | None, by: str, why: str, owner: str) -> Release:
    """Take over whatever is under way, and begin the way back.

    A rollout that is under way is turned back by SageMaker first. The target then comes back with the endpoint config
    it was proved with.

    Args:
        model: Name of the model.
        version: What to bring back; None: what the ledger says is in service where a release is under way or the
            endpoint serves something else, otherwise the last good version before it.
        by: The person.
        why: On record with both versions.
        owner: `rollback:<dag run id>`.

    Raises:
        ReleaseRefused: There is nothing to go back to.
        VersionInvalid: The ledger does not know that version, or it was never approved.
        ServiceUnavailable: SageMaker is still turning back; this is tried again.
    """
    log.info("recall: %s to %s, asked by %s: %s", model, version or "the last good version", by, why)
    champion = ledger.live(model)
    target = _decided(model, owner, version, champion)
    config = _config(model, target)
    lease = ledger.take(model, owner, over=True)
    alarms.put([*alarms.bodies(model), *alarms.bodies_of_return(model, config)])
    _turn_back(model, config, f"Taken back by {by}: {why}")
    for left in _under_way(model):
        if left != target:
            _give_up(lease, model, left, champion, by, why)
    if champion is None or champion.version != target:
        evidence = {"endpoint_config": config, LEAVES: champion.version if champion else "nothing"}
        ledger.move(model, target, "releasing", by=by, why=why, evidence=evidence, lease=lease)
    release = _release(lease, model, target, champion, by, why, config)
    log.info("recall: %s comes back with %s, epoch %d", target, config, lease.epoch)
    return release


def _decided(model: str, owner: str, version: str | None, champion: Champion | None) -> str:
    """The version to go back to, decided once per run: a retry finds a ledger that the first try has changed."""
    address = settings().uri("rollbacks", model, f"{work_key(owner=owner)[:16]}.json")
    if not objects.exists(address):
        decision = {"owner": owner, "target": version or _target(model, champion)}
        with shared_write("rollback.decide"):
            objects.put_json(address, decision)
    return str(objects.get_json(address)["target"])


def _target(model: str, champion: Champion | None) -> str:
    """The version to go back to when nobody names one."""
    found, under_way = endpoint.describe(model), _under_way(model)
    for version in under_way:
        if LEAVES in ledger.history(model, version).entries[-1].evidence:
            return version  # the rollback of someone else, which is gone on with
    if champion and (under_way or found is None or found["EndpointConfigName"] != champion.endpoint_config):
        return champion.version
    if (good := ledger.last_good(model)) is None:
        raise ReleaseRefused(
            f"`{champion.version if champion else 'nothing'}` is in service of `{model}`, and no version was proved before "
            f"it that is still good. Name one: the ledger knows {quoted(r.version for r in ledger.versions(model))}."
        )
    return good.version


def _under_way(model: str) -> list[str]:
    """Versions whose release has begun and not ended."""
    return [record.version for record in ledger.versions(model) if record.state == "releasing"]


def _config(model: str, version: str) -> str:
    """The endpoint config that a version was proved with, while it exists; otherwise the one it would get today."""
    history = ledger.history(model, version)
    if history.record.state not in ("live", "retired", "rolled-back", "releasing"):
        raise ReleaseRefused(
            f"`{version}` of `{model}` is `{history.record.state}`: it was never released, so there is nothing to bring "
            "back. The way into service for the first time leads through shadow, dossier and approval."
        )
    proved = [entry.evidence["endpoint_config"] for entry in history.entries if entry.state == "live"]
    if proved and endpoint.describe_config(proved[-1]) is not None:
        return proved[-1]
    log.warning("recall: %s has no proved endpoint config any more; it gets a new one", version)
    bodies = deployment.deployment(registry.read(_package(model, version)))
    return str(bodies["EndpointConfig"]["EndpointConfigName"])


def _turn_back(model: str, config: str, why: str) -> None:
    """Make SageMaker give up a deployment that leads elsewhere, and wait until the endpoint is at rest."""
    until = time.monotonic() + model_spec(model).rollout.most_seconds
    while (found := endpoint.describe(model)) and found["EndpointStatus"] in endpoint.UNDER_WAY:
        if endpoint.heading_for(found) == config:
            return
        if found["EndpointStatus"] == "Updating":
            log.info("recall: %s rings, so that SageMaker turns back", alarms.ring(model, why))
        if time.monotonic() > until:
            raise ServiceUnavailable(
                f"`{found['EndpointName']}` is still `{found['EndpointStatus']}`; this is tried again."
            )
        time.sleep(settings().poll_seconds)


def _give_up(lease: Lease, model: str, version: str, champion: Champion | None, by: str, why: str) -> None:
    """Write down that a release that was under way ends here."""
    config = ledger.history(model, version).entries[-1].evidence["endpoint_config"]
    ledger.fell_back(_release(lease, model, version, champion, by, why, config), f"Taken back by {by}: {why}")


def _release(
    lease: Lease, model: str, version: str, champion: Champion | None, by: str, why: str, config: str
) -> Release:
    return Release(
        registered=registry.read(_package(model, version)),
        previous=champion,
        owner=lease.owner,
        epoch=lease.epoch,
        endpoint_config=config,
        by=by,
        why=why,
        rollback=True,
    )


def _package(model: str, version: str) -> str:
    arn = ledger.history(model, version).record.package_arn
    assert arn is not None  # noqa: S101 - registered before it was approved, and approved before it was released
    return arn
