"""absorb: the capture files of the live endpoint -> rows of the table `<model>_predictions`."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from windtunnel.core.contracts import AbsorbedCaptures

log = logging.getLogger(__name__)


def absorb(model: str) -> AbsorbedCaptures:
    """Take up the captured requests that the lake does not hold yet; each request once, however often this runs.

    Says last that monitoring is alive: a metric counts the days without a verdict, and an alarm hears when it stops.

    Raises:
        CommitConflict: Others kept winning; run it again.
    """
    from windtunnel.aws import endpoint, ledger, predictions, silence

    log.info("absorb: captures of %s in %s", model, endpoint.capture_prefix(model))
    absorbed = predictions.absorb(model)
    if champion := ledger.live(model):
        silence.put(champion, datetime.now(UTC))
    log.info(
        "absorb: %d requests taken up that were not there; %s stands at snapshot %s",
        absorbed.new_rows,
        absorbed.table,
        absorbed.snapshot_id,
    )
    return absorbed
