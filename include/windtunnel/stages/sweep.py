"""sweep: what SageMaker holds of a model -> what nobody needs of it, listed or removed."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from windtunnel.aws import ledger, orphans, staging
from windtunnel.aws.orphans import GRACE
from windtunnel.core.contracts import Orphan, Swept

log = logging.getLogger(__name__)


def sweep(model: str, owner: str, *, remove: bool = False, grace: timedelta = GRACE) -> Swept:
    """List the endpoints, endpoint configs and models of ours that no version needs; remove them only when told.

    Removing holds the leases of the live and of the staging endpoint, so that nobody adopts what is about to go.

    Args:
        model: Name of the model.
        owner: `<stage>:<dag run id>`, or the person at the command line.
        remove: Whether to delete them, one by one; a repeat goes on where the first try ended.
        grace: What is younger is needed.

    Raises:
        LeaseHeld: They were to be removed and a release, a rehearsal or a drill of this model is under way.
        FenceLost: A person's rollback took the lease over; what was removed by then was nobody's.
    """
    log.info("sweep: orphans of %s older than %s, remove: %s", model, grace, remove)
    found = _removed(model, owner, grace) if remove else orphans.orphans(model, grace=grace)
    for orphan in found:
        log.info("sweep: %s", _line(orphan))
    swept = Swept(model=model, orphans=found, removed=remove, sentence=_sentence(found, remove))
    log.info("sweep: %s", swept.sentence)
    return swept


def _removed(model: str, owner: str, grace: timedelta) -> tuple[Orphan, ...]:
    with ExitStack() as held:
        leases = []
        for take in (ledger.take, staging.take):
            leases.append(take(model, owner))
            held.callback(ledger.give_back, leases[-1])
        found = orphans.orphans(model, grace=grace)
        for orphan in found:
            for lease in leases:
                ledger.keep(lease)
            orphans.remove(orphan)
    return found


def _sentence(found: tuple[Orphan, ...], remove: bool) -> str:
    if not found:
        return "No orphans."
    prices = [orphan.usd_per_hour for orphan in found]
    known = sum(price for price in prices if price is not None)
    unknown = prices.count(None)
    saves = f"{known:.2f} USD per hour" + (f" and {unknown} whose price is not known" if unknown else "")
    return f"{len(found)} orphans, {'removed' if remove else 'nothing was removed'}: {saves}."


def _line(orphan: Orphan) -> str:
    days = (datetime.now(UTC) - orphan.created_at).total_seconds() / 86_400
    price = "price not known" if orphan.usd_per_hour is None else f"{orphan.usd_per_hour:.3f} USD per hour"
    return f"{orphan.kind} `{orphan.name}` of {orphan.version}, {days:.1f} days old, {price}"
