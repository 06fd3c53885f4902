"""A version beside the champion on the live endpoint: put on, and taken off again to exactly the config before.

The lease keeps releases away while it stands. Every update stands right behind the fence.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from windtunnel.aws import deployment, endpoint, ledger
from windtunnel.aws.endpoint import endpoint_name
from windtunnel.core.contracts import Champion, Lease, RegisteredVersion
from windtunnel.core.errors import ReleaseRefused, ServiceUnavailable, quoted

log = logging.getLogger(__name__)


def put_on(champion: Champion, registered: RegisteredVersion, lease: Lease) -> str:
    """Begin to mirror the live requests to a version; a shadow that stands already is adopted.

    A shadow that a run left behind, which has lost its lease, is replaced.

    Returns:
        The name of the config with the shadow.

    Raises:
        ReleaseRefused: The endpoint does not serve the champion alone.
        FenceLost: Someone else has taken the lease over.
        LeaseHeld: The endpoint is changing to something else.
    """
    config = _config_of(champion)
    bodies = deployment.with_shadow(config, champion, registered)
    name = str(bodies["EndpointConfig"]["EndpointConfigName"])
    _serves(champion, config)
    endpoint.prepare(bodies)
    body = {"EndpointName": endpoint_name(champion.model), "EndpointConfigName": name}
    endpoint.turn(body, partial(ledger.check, lease))
    return name


def take_off(champion: Champion, lease: Lease) -> None:
    """Begin to serve the champion as before, unless the endpoint does or is about to.

    Raises:
        FenceLost: Someone else has taken the lease over; the endpoint is theirs.
        LeaseHeld: The endpoint is still changing to something else.
    """
    ledger.check(lease)
    body = {"EndpointName": endpoint_name(champion.model), "EndpointConfigName": champion.endpoint_config}
    endpoint.turn(body, partial(ledger.check, lease))


def prove_off(champion: Champion) -> dict[str, Any]:
    """Wait until the endpoint has settled, and see that it serves the champion by the config before, and nobody else.

    Returns:
        SageMaker's description of the endpoint.

    Raises:
        ServiceUnavailable: SageMaker did not take the shadow off; a later try may succeed.
    """
    found = endpoint.settled(endpoint_name(champion.model))
    serves = (found["EndpointStatus"], found["EndpointConfigName"], found.get("ShadowProductionVariants") or [])
    if serves != ("InService", champion.endpoint_config, []):
        raise ServiceUnavailable(
            f"`{found['EndpointName']}` is `{serves[0]}` with `{serves[1]}`, not with `{champion.endpoint_config}` of "
            f"`{champion.version}` alone. SageMaker says: {found.get('FailureReason', 'no reason given')}. The champion "
            "answers all requests; this is tried again."
        )
    return found


def _config_of(champion: Champion) -> dict[str, Any]:
    config = endpoint.describe_config(champion.endpoint_config)
    if config is None:
        raise ReleaseRefused(
            f"The config `{champion.endpoint_config}` of `{champion.version}` is gone, so nothing could be brought back "
            "after a shadow. Run the rollback DAG with this version, which makes it anew, then clear this run."
        )
    variants = [variant["VariantName"] for variant in config["ProductionVariants"]]
    if len(variants) != 1:
        raise ReleaseRefused(
            f"`{champion.endpoint_config}` has the production variants {quoted(variants)}; SageMaker takes a shadow "
            "beside exactly one. Release a version by the rollout DAG, then clear this run."
        )
    return config


def _serves(champion: Champion, config: dict[str, Any]) -> None:
    """The endpoint serves the champion, alone or with a shadow: its own, or one that was left behind."""
    found = endpoint.describe(champion.model)
    name = endpoint.heading_for(found) if found else None
    if name == champion.endpoint_config:
        return
    there = endpoint.describe_config(name) if name else None
    if there is None or there["ProductionVariants"] != config["ProductionVariants"]:
        raise ReleaseRefused(
            f"`{endpoint_name(champion.model)}` has the config `{name}`; the ledger says that `{champion.version}` is in "
            f"service by `{champion.endpoint_config}`. Bring it back with the rollback DAG, then clear this run."
        )
    log.warning("`%s` has the shadow of `%s`", endpoint_name(champion.model), name)
