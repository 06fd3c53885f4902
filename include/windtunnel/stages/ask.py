"""ask: a verdict that says retrain -> the request that starts `train`, sent once."""

from __future__ import annotations

import logging

from windtunnel.aws import verdicts
from windtunnel.core.approval import MONITOR
from windtunnel.core.contracts import TrainingRequest, Verdict

log = logging.getLogger(__name__)


def ask(verdict: Verdict, run: str) -> TrainingRequest | None:
    """Ask for a retrain where the verdict does. The candidate goes through the same gate as any other.

    Args:
        verdict: The word, and whether it asks.
        run: `monitor:<run id>`. The same verdict may come again from a later run, which then sends nothing.

    Returns:
        The request; None: there is nothing to ask, or another run has sent it.

    Raises:
        CommitConflict: Others kept winning; run it again.
    """
    log.info("ask: %s says %s on %s of %s", verdict.report, verdict.word, verdict.version, verdict.model)
    if not verdict.asks:
        cooling = " it is cooling down." if verdict.word == "retrain" else ""
        log.info("ask: nothing to ask for.%s", cooling)
        return None
    if (sender := verdicts.take(verdict.model, verdict.report, run)) != run:
        log.info("ask: nothing to do, %s", f"`{sender}` sent it" if sender else "a later verdict has asked since")
        return None
    log.info("ask: a training of %s starts by itself", verdict.model)
    return TrainingRequest(model=verdict.model, reason=verdict.sentence, requested_by=MONITOR)
