"""The staging endpoint of a model: one version at a time stands there to be asked, and is taken down again.

It has a lease of its own, so that a rehearsal and a drill never serve under each other's questions, and neither of them
keeps a release waiting.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from windtunnel.aws import deployment, endpoint, ledger
from windtunnel.aws.clients import client
from windtunnel.aws.endpoint import staging_name
from windtunnel.core.contracts import Lease, RegisteredVersion
from windtunnel.core.marks import shared_write

log = logging.getLogger(__name__)

LEASE_SECONDS = 3_600
"""SageMaker gives a container up to an hour to answer its first ping."""


def take(model: str, owner: str) -> Lease:
    """Take the staging endpoint of a model, or take it again.

    Raises:
        LeaseHeld: A rehearsal or a drill of another run is under way there.
    """
    return ledger.take(staging_name(model), owner, seconds=LEASE_SECONDS)


def stand_up(registered: RegisteredVersion, lease: Lease) -> None:
    """Begin to serve a version; what serves it already is adopted, also when it failed to.

    Raises:
        FenceLost: Another run has taken the staging endpoint over.
        LeaseHeld: The endpoint is changing to another version.
    """
    bodies = deployment.staging(registered)
    name = staging_name(registered.model)
    found = endpoint.describe(registered.model, name=name)
    if found and found["EndpointStatus"] == "Deleting":
        endpoint.remove(name)
    elif found and endpoint.heading_for(found) == bodies["EndpointConfig"]["EndpointConfigName"]:
        log.info("adopted: `%s` is `%s` with this version", name, found["EndpointStatus"])
        return
    endpoint.prepare(bodies)
    endpoint.turn(bodies["Endpoint"], partial(ledger.check, lease))


def take_down(registered: RegisteredVersion, lease: Lease) -> None:
    """Remove the endpoint, its config and its model; what is gone already is fine.

    Raises:
        FenceLost: Another run has taken the staging endpoint over.
    """
    bodies = deployment.staging(registered)
    ledger.check(lease)
    endpoint.remove(staging_name(registered.model))
    sagemaker = client("sagemaker")
    with shared_write("staging-config.delete"):
        _unless_gone(
            partial(sagemaker.delete_endpoint_config, EndpointConfigName=bodies["EndpointConfig"]["EndpointConfigName"])
        )
    with shared_write("staging-model.delete"):
        _unless_gone(partial(sagemaker.delete_model, ModelName=bodies["Model"]["ModelName"]))


def _unless_gone(delete: Any) -> None:
    try:
        delete()
    except ClientError as error:
        if "Could not find" not in error.response["Error"]["Message"]:
            raise
