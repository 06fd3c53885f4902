"""enter: a registered version -> on its way onto the staging endpoint, where it will rehearse."""

from __future__ import annotations

import logging

from windtunnel.aws import staging
from windtunnel.aws.endpoint import staging_name
from windtunnel.core.contracts import RegisteredVersion

log = logging.getLogger(__name__)


def enter(registered: RegisteredVersion, owner: str) -> str:
    """Begin to serve a version on the staging endpoint; `rehearse` would, but waiting there holds a worker.

    Args:
        registered: The version.
        owner: `shadow:<run id>`; the same as in `rehearse`.

    Returns:
        The name of the endpoint to wait for.

    Raises:
        LeaseHeld: A rehearsal or a drill of another run is under way there.
    """
    name = staging_name(registered.model)
    log.info("enter: %s onto `%s`", registered.version, name)
    staging.stand_up(registered, staging.take(registered.model, owner))
    log.info("enter: `%s` comes up with %s; it is waited for without a worker", name, registered.version)
    return name
