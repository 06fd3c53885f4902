"""begin: an approved version -> a release under way, with the lease and the alarms it runs under."""

from __future__ import annotations

import logging

from windtunnel.aws import alarms, deployment, dossiers, endpoint, ledger, registry
from windtunnel.core.contracts import ApprovedVersion, Champion, Lease, Release
from windtunnel.core.errors import LeaseHeld, ReleaseRefused, WindtunnelError
from windtunnel.core.version import Version

log = logging.getLogger(__name__)


def begin(approved: ApprovedVersion, owner: str) -> Release:
    """Check once more everything the approval stands on, and take the right to change what is in service.

    Called again by the same owner it is the same release with a new epoch: an earlier copy of the task can write no more.

    Args:
        approved: The version, its dossier and the person who said yes.
        owner: `rollout:<dag run id>`.

    Raises:
        ReleaseRefused: The dossier's bytes, the approval or what is in service are not what they were.
        LeaseHeld: Another release or a shadow of this model is under way; a later try may succeed.
    """
    registered = approved.registered
    log.info("begin: %s, approved by %s, dossier %s", registered.version, approved.approved_by, approved.dossier.sha256)
    dossiers.require_unchanged(approved.dossier)
    if not registry.is_approved(registered.package_arn):
        raise ReleaseRefused(
            f"`{registered.package_arn}` is not Approved in the Model Registry although {approved.approved_by} said yes. "
            "Someone took the approval back; ask them, and have the version approved again."
        )
    lease = ledger.take(registered.model, owner)
    try:
        release = _begun(approved, lease)
    except WindtunnelError:
        ledger.give_back(lease)
        raise
    log.info(
        "begin: %s goes to %s over %s, epoch %d",
        registered.version,
        release.endpoint_config,
        release.previous.version if release.previous else "nothing",
        release.epoch,
    )
    return release


def _begun(approved: ApprovedVersion, lease: Lease) -> Release:
    registered, dossier = approved.registered, approved.dossier
    model, version = registered.model, registered.version
    config = deployment.deployment(registered)["EndpointConfig"]["EndpointConfigName"]
    champion = ledger.live(model)
    if champion is None or champion.version != version:  # else a run that is cleared after it went live
        _may_go(approved, champion)
        _undisturbed(model, champion, config)
    alarms.put(alarms.bodies(model))
    why = f"Approved by {approved.approved_by} at {approved.approved_at:%Y-%m-%d %H:%M:%S%z}. {approved.note}".strip()
    evidence = {"dossier": dossier.page, "dossier_sha256": dossier.sha256, "endpoint_config": config}
    ledger.move(model, version, "releasing", by=approved.approved_by, why=why, evidence=evidence, lease=lease)
    return Release(
        registered=registered,
        previous=champion,
        owner=lease.owner,
        epoch=lease.epoch,
        endpoint_config=config,
        by=approved.approved_by,
        why=why,
    )


def _may_go(approved: ApprovedVersion, champion: Champion | None) -> None:
    """The version is approved, over what is in service now, and nothing newer is."""
    registered, judged_against = approved.registered, approved.dossier.champion
    state = ledger.history(registered.model, registered.version).record.state
    if state not in ("approved", "releasing"):
        raise ReleaseRefused(
            f"The ledger says that `{registered.version}` of `{registered.model}` is `{state}`, not `approved`. "
            "A version that was turned back or replaced is not released again by itself: train a new one, or bring "
            "an earlier one back with the rollback DAG."
        )
    in_service = champion and champion.version
    if in_service and Version.parse(in_service) > Version.parse(registered.version):
        raise ReleaseRefused(
            f"`{in_service}` is in service of `{registered.model}`, which is newer than `{registered.version}`. "
            "An older version never replaces a newer one this way; the rollback DAG brings one back on purpose."
        )
    if in_service != judged_against:
        raise ReleaseRefused(
            f"`{registered.version}` was judged against `{judged_against or 'nothing'}`, and `{in_service or 'nothing'}` "
            f"is in service of `{registered.model}` now: the evidence is about something else. Ask for a retrain, which "
            "compares with what is in service."
        )


def _undisturbed(model: str, champion: Champion | None, config: str) -> None:
    """The endpoint serves what the ledger says, or is on its way to this very release."""
    found = endpoint.describe(model)
    if found is None or endpoint.heading_for(found) == config:
        return
    if found["EndpointStatus"] in endpoint.UNDER_WAY:
        raise LeaseHeld(
            f"`{found['EndpointName']}` is `{found['EndpointStatus']}`. SageMaker changes one thing at a time: "
            "this task is tried again."
        )
    if champion and found["EndpointConfigName"] != champion.endpoint_config:
        raise ReleaseRefused(
            f"`{found['EndpointName']}` has the config `{found['EndpointConfigName']}`; the ledger says `{champion.version}` "
            f"with `{champion.endpoint_config}` is in service. Bring it back with the rollback DAG, then clear this run."
        )
    if champion is None:
        log.warning(
            "%s serves %s, of which the ledger knows nothing", found["EndpointName"], found["EndpointConfigName"]
        )
