"""How long a live model has been without a verdict, as a metric of its own.

CloudWatch looks back seven days at most, and a verdict may be rightly due only once a month: no alarm can hear that
`Verdict` has been silent for so long. So the days are counted here, by every run of `monitor` and at least daily, and the
alarm listens to both: the count, and whether anybody counts.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from windtunnel.aws import figures, objects, verdicts
from windtunnel.core import vitals
from windtunnel.core.contracts import Champion
from windtunnel.core.marks import shared_write

log = logging.getLogger(__name__)


def put(champion: Champion, now: datetime) -> float:
    """Write how long a live model has been without a verdict.

    Args:
        champion: What is live.
        now: Counted until then.

    Returns:
        Days since the newest verdict, or since the version went live where that is later.
    """
    concluded = objects.written_at(verdicts.newest_address(champion.model))
    heard = max(champion.live_since, concluded or champion.live_since)
    days = max(0.0, (now - heard) / timedelta(days=1))
    with shared_write("guard.put-silence"):
        figures.put(champion.model, {vitals.SILENT_DAYS: days})
    log.info("silence: %s has been without a verdict for %.1f days", champion.model, days)
    return days
