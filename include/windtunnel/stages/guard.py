"""guard: a live model -> the alarms and the dashboard that stand over it, whether or not Airflow runs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from windtunnel.aws import channels, dashboards, ledger, silence, standing_alarms
from windtunnel.core.contracts import Guarded

log = logging.getLogger(__name__)


def guard(model: str) -> Guarded | None:
    """Put alarms and dashboard as the spec wants them, and count the days without a verdict; may be repeated.

    Alarms that are right keep their state, changes by hand are undone.

    Returns:
        What stands there now; None: nothing is in service yet.

    Raises:
        SettingInvalid: The topic cannot be made under its name.
    """
    log.info("guard: alarms and dashboard of %s", model)
    champion = ledger.live(model)
    if champion is None:
        log.info("guard: nothing to do, nothing of %s is in service", model)
        return None
    topic = channels.topic_arn()
    # Before its alarm, which would ring for a metric without a value.
    days = silence.put(champion, datetime.now(UTC))
    states = standing_alarms.put(model, topic)
    guarded = Guarded(
        model=model,
        version=champion.version,
        alarms={name: states[name].value for name in sorted(states)},
        topic=topic,
        dashboard=dashboards.put(model, topic),
        silent_days=days,
    )
    log.info("guard: %d alarms tell %s, dashboard %s", len(guarded.alarms), topic, guarded.dashboard)
    return guarded
