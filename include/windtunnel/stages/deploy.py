"""deploy: a release under way -> SageMaker moves the traffic, or is waited for."""

from __future__ import annotations

import json
import logging
from typing import Any, Literal

from windtunnel.aws import alarms, artefacts, deployment, endpoint, ledger
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Release, Watch
from windtunnel.core.settings import settings
from windtunnel.ml.artefact import Golden

log = logging.getLogger(__name__)


def deploy(release: Release) -> Watch | None:
    """Do what can be done now, and say what to wait for; call it again when that has come.

    A rollout first waits until all alarms are OK: one that rings, or hears nothing, would turn it back at its first
    step. Then it is one UpdateEndpoint, right behind the fence. A deployment that is under way or was turned back is
    never begun a second time, whoever calls.

    Returns:
        What to wait for; None: SageMaker is done, one way or the other, and `prove` tells which.

    Raises:
        ArtefactInvalid: What lies at the artefact's address is not what was evaluated.
        FenceLost: Someone else has taken the release over.
        LeaseHeld: The endpoint is on its way somewhere else; a later try may succeed.
    """
    model = release.registered.model
    found = endpoint.describe(model)
    log.info("deploy: %s to %s, now %s", model, release.endpoint_config, found and found["EndpointStatus"])
    if found and _ended(release, found):
        log.info("deploy: SageMaker is done, the endpoint has %s", found["EndpointConfigName"])
        return None
    golden = artefacts.fetch(release.registered.evaluated).golden
    bodies = _bodies(release)
    if "Model" in bodies and not (found and found["EndpointStatus"] in endpoint.UNDER_WAY):
        endpoint.prepare(bodies)
    if found and found["EndpointStatus"] == "InService" and not release.rollback and not _quiet(model):
        log.info("deploy: %s waits until its alarms are OK; no traffic moves before", model)
        return _watch(release, "heard", bodies, golden)
    # SageMaker ends by itself within that time, whether or not anybody follows.
    lease = ledger.keep(ledger.lease_of(release), model_spec(model).rollout.most_seconds + settings().lease_seconds)
    if endpoint.turn(bodies["Endpoint"], fence=lambda: ledger.check(lease)):
        log.info("deploy: SageMaker begins to move the traffic of %s to %s", model, release.endpoint_config)
    return _watch(release, "settled", bodies, golden)


def _ended(release: Release, found: dict[str, Any]) -> bool:
    """Whether the deployment of this release has come to its end, or to its turning back."""
    status, config = found["EndpointStatus"], found["EndpointConfigName"]
    if status in endpoint.UNDER_WAY:
        return False
    if (status, config) == ("InService", release.endpoint_config):
        return True
    if not found.get("FailureReason"):
        return False
    # A reason may be left over from an earlier release: then the endpoint has not changed since this one began.
    entries = ledger.history(release.registered.model, release.registered.version).entries
    begun = max((entry.at for entry in entries if entry.state == "releasing"), default=None)
    return begun is not None and bool(found["LastModifiedTime"] > begun)


def _bodies(release: Release) -> dict[str, Any]:
    """What to create and where to turn; a rollback takes the config as it was proved, unless someone removed it."""
    bodies = deployment.deployment(release.registered)
    if not release.rollback:
        return bodies
    body = {
        "EndpointName": bodies["Endpoint"]["EndpointName"],
        "EndpointConfigName": release.endpoint_config,
        "DeploymentConfig": deployment.at_once(release.registered.model),
    }
    if release.endpoint_config == bodies["EndpointConfig"]["EndpointConfigName"]:
        return {**bodies, "Endpoint": body}
    return {"Endpoint": body}


def _quiet(model: str) -> bool:
    states = alarms.states(alarms.names(model))
    return set(states) == set(alarms.names(model)) and all(state.value == "OK" for state in states.values())


def _watch(release: Release, until: Literal["heard", "settled"], bodies: dict[str, Any], golden: Golden) -> Watch:
    model = release.registered.model
    over = bodies["Endpoint"]["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    return Watch(
        until=until,
        endpoint=endpoint.endpoint_name(model),
        endpoint_config=release.endpoint_config,
        alarms=tuple(alarm["AlarmName"] for alarm in over),
        step_seconds=deployment.watch_seconds(model),
        question=json.dumps(golden.request()),
        answers=golden.predictions,
        tolerance=golden.tolerance,
    )
