"""Predict: what a model takes -> predictions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from windtunnel.ml.scorer import Scorer
from windtunnel.serving.refusal import Refusal

Note = Callable[[npt.NDArray[np.float32]], None]


def predict(scorer: Scorer, matrix: npt.NDArray[np.float32], note: Note | None = None) -> npt.NDArray[np.float32]:
    """Predictions `(rows,)` in the target's unit, all finite.

    Args:
        scorer: The model.
        matrix: `(rows, features)`.
        note: Called with what the model answers before any of it is refused.

    Raises:
        Refusal: 400, a row is so far out that the model's answer overflows.
    """
    predictions = scorer.run(matrix)
    if note is not None:
        note(predictions)
    finite = np.isfinite(predictions)
    if not finite.all():
        row = int(np.argmin(finite))
        allowed = "values that a float32 model can add up"
        raise Refusal(400, f"Row {row} has no finite prediction; allowed are {allowed}.", allowed=allowed, row=row)
    return predictions
