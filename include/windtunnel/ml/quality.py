"""Quality of predictions whose labels have come: over all of them, and day by day."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.core.contracts import Quality
from windtunnel.ml import metrics


def quality_of(
    rows: pa.Table, *, moment: str, target: str, prediction: str
) -> tuple[Quality | None, dict[str, Quality]]:
    """Errors over all labelled rows, and per day of event time.

    Args:
        rows: Predictions; `target` is null where the label has not come.
        moment: Timestamp column that puts a row into its day.
        target: Column of the label.
        prediction: Column of the prediction.

    Returns:
        The whole, and ISO day -> its errors, oldest first; (None, {}) where nothing is labelled.
    """
    labelled = rows.filter(pc.is_valid(rows[target]))
    if not len(labelled):
        return None, {}
    true, said = (labelled[name].to_numpy().astype(np.float64) for name in (target, prediction))
    days = labelled[moment].to_numpy().astype("datetime64[D]")
    return metrics.quality(true, said), dict(sorted(metrics.by_group(days, true, said).items()))
