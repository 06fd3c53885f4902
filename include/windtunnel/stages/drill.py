"""drill: the last good version and the live one -> the way back, walked on the staging endpoint and timed."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

from windtunnel.aws import artefacts, deployment, drills, endpoint, ledger, registry, staging
from windtunnel.core.contracts import Drilled, DrillStep, Lease, RegisteredVersion
from windtunnel.core.errors import ReleaseRefused
from windtunnel.ml import rehearsal

log = logging.getLogger(__name__)


def drill(model: str, owner: str) -> Drilled | None:
    """Let the last good version serve, update to the live one, and go back; the golden rows prove each step.

    The staging endpoint is taken down again, however it went. A repeat begins anew, from whatever stands there.

    Args:
        model: Name of the model.
        owner: `drill:<dag run id>`.

    Returns:
        How long each step took, also at `drills/<model>/<date>.json`; None where there is no way back yet: it takes two
        versions that were live and were not rolled back.

    Raises:
        LeaseHeld: A rehearsal stands on the staging endpoint; a later try may succeed.
        ReleaseRefused: A step did not come to serve its version: a rollback would not either. Look into it now, not
            when one is needed.
    """
    good, live = ledger.last_good(model), ledger.live(model)
    if good is None or live is None:
        log.info("drill: nothing to do, %s has %s live and none to go back to", model, live.version if live else "none")
        return None
    log.info("drill: %s, %s -> %s -> %s", model, good.version, live.version, good.version)
    old, new = registry.read(good.package_arn), registry.read(live.package_arn)
    lease = staging.take(model, owner)
    _until_quiet(model)
    try:
        there, forth, back = (_step(registered, lease) for registered in (old, new, old))
    finally:
        for registered in (old, new):
            staging.take_down(registered, lease)
        ledger.give_back(lease)
    at = datetime.now(UTC)
    report = drills.address(model, at)
    drilled = Drilled(model=model, there=there, forth=forth, back=back, drilled_at=at, report=report)
    drills.put(drilled)
    log.info("drill: back at %s after %.1f s, %s", old.version, back.seconds, report)
    return drilled


def _until_quiet(model: str) -> None:
    """A copy of this drill that was killed may have left the endpoint on its way to either version."""
    name = endpoint.staging_name(model)
    found = endpoint.describe(model, name=name)
    if found and found["EndpointStatus"] in ("Creating", "Updating", "SystemUpdating", "RollingBack"):
        endpoint.settled(name)


def _step(registered: RegisteredVersion, lease: Lease) -> DrillStep:
    """The staging endpoint serves a version, and answers its golden rows."""
    began = time.monotonic()
    staging.stand_up(registered, lease)
    name = endpoint.staging_name(registered.model)
    found = endpoint.settled(name)
    wanted = deployment.staging(registered)["EndpointConfig"]["EndpointConfigName"]
    if found["EndpointStatus"] != "InService" or found.get("EndpointConfigName") != wanted:
        raise ReleaseRefused(
            f"`{name}` is `{found['EndpointStatus']}` with `{found.get('EndpointConfigName')}`, not `InService` with "
            f"`{wanted}`. SageMaker says: {found.get('FailureReason', 'no reason given')}. A rollback to "
            f"{registered.version} would fail the same way: mend it before one is needed."
        )
    artefact = artefacts.fetch(registered.evaluated)
    golden, *_ = rehearsal.questions(artefact)
    check = rehearsal.judge(golden, endpoint.ask(name, golden), artefact.golden.tolerance)
    if not check.passed:
        raise ReleaseRefused(
            f"{registered.version} on `{name}`: {check.sentence} A rollback to it would not be proved."
        )
    seconds = time.monotonic() - began
    log.info("drill: %s serves after %.1f s", registered.version, seconds)
    return DrillStep(
        version=registered.version,
        seconds=seconds,
        golden_rows=golden.rows,
        largest_difference=float(check.numbers["largest_difference"] or 0.0),
    )
