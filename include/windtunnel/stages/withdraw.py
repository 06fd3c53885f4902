"""withdraw: a shadow that has stood long enough -> on its way off the live endpoint."""

from __future__ import annotations

import logging

from windtunnel.aws import ledger, shadow
from windtunnel.aws.endpoint import endpoint_name
from windtunnel.core.contracts import Mirrored
from windtunnel.core.settings import settings

log = logging.getLogger(__name__)


def withdraw(mirrored: Mirrored) -> str:
    """Begin to take the shadow off; `judge` would, but waiting there holds a worker.

    Returns:
        The name of the endpoint to wait for.

    Raises:
        FenceLost: Someone else has taken the lease over, such as a rollback; nothing was touched.
        LeaseHeld: The endpoint is still changing; a later try may succeed.
    """
    name = endpoint_name(mirrored.champion.model)
    log.info("withdraw: %s goes back to %s", name, mirrored.champion.endpoint_config)
    ledger.keep(mirrored.lease, 2 * settings().lease_seconds)
    shadow.take_off(mirrored.champion, mirrored.lease)
    log.info("withdraw: the shadow comes off `%s`; %s serves on alone", name, mirrored.champion.version)
    return name
