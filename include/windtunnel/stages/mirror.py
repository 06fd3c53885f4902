"""mirror: a rehearsed version -> beside the champion as its shadow, with a copy of every live request."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from windtunnel.aws import ledger, shadow
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Champion, Mirrored, Rehearsed
from windtunnel.core.errors import ReleaseRefused, WindtunnelError
from windtunnel.core.settings import settings

log = logging.getLogger(__name__)

PUT_ON_AND_TAKE_OFF = 4
"""Lease times for the two updates of the endpoint, which take minutes each, and their retries."""


def mirror(rehearsed: Rehearsed, owner: str) -> Mirrored | None:
    """Begin to put a version beside the champion that its gate compared it with.

    Called again by the same owner it adopts what stands, with a new epoch: an earlier copy of the task can write no more.

    Args:
        rehearsed: The version, after its rehearsal.
        owner: `shadow:<run id>`.

    Returns:
        What was begun; it counts from the moment when the shadow stands. None: nothing is in service yet.

    Raises:
        ReleaseRefused: Something else is in service than the gate compared with, or than the ledger says.
        LeaseHeld: A release of this model is under way; a later try may succeed.
    """
    registered = rehearsed.registered
    log.info("mirror: %s of %s", registered.version, registered.model)
    if registered.gate.champion is None and ledger.live(registered.model) is None:
        log.info("mirror: nothing is in service, so there are no requests to mirror")
        return None
    seconds = stands_seconds(registered.model)
    lease = ledger.take(registered.model, owner, seconds=seconds + PUT_ON_AND_TAKE_OFF * settings().lease_seconds)
    try:
        champion = _judged_against(rehearsed)
        config = shadow.put_on(champion, registered, lease)
    except WindtunnelError:
        ledger.give_back(lease)
        raise
    since = datetime.now(UTC)
    mirrored = Mirrored(
        rehearsed=rehearsed,
        champion=champion,
        shadow_config=config,
        since=since,
        until=since + timedelta(seconds=seconds),
        owner=lease.owner,
        epoch=lease.epoch,
    )
    log.info(
        "mirror: %s goes beside %s with %s, for %d s at most", registered.version, champion.version, config, seconds
    )
    return mirrored


def stands_seconds(model: str) -> int:
    """The longest that a shadow of a model stands."""
    given = settings().shadow_seconds
    return 60 * model_spec(model).shadow.most_minutes if given is None else given


def _judged_against(rehearsed: Rehearsed) -> Champion:
    registered = rehearsed.registered
    champion, compared = ledger.live(registered.model), registered.gate.champion
    if champion is None or champion.version != compared:
        raise ReleaseRefused(
            f"The gate compared `{registered.version}` with `{compared or 'nothing'}`, and "
            f"`{champion.version if champion else 'nothing'}` is in service of `{registered.model}` now: the evidence is "
            "about something else. Ask for a retrain, which compares with what is in service.",
            report=registered.gate.report,
        )
    return champion
