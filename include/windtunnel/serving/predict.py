"""Predict: what a model takes -> predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from windtunnel.ml.scorer import Scorer
from windtunnel.serving.refusal import Refusal

Note = Callable[[npt.NDArray[np.float32]], None]


def predict(scorer: Scorer, inputs: Any, note: Note | None = None) -> npt.NDArray[np.float32]:
    """Predictions `(rows,)`, all finite: what they mean, the signature's task and unit say.

    Args:
        scorer: The model.
        inputs: What it takes: a matrix `(rows, features)`, or what `Model.inputs` says.
        note: Called with what the model answers before any of it is refused.

    Raises:
        Refusal: 400, a row is so far out that the model's answer overflows.
    """
    predictions = scorer.run(inputs)
    if note is not None:
        note(predictions)
    finite = np.isfinite(predictions)
    if not finite.all():
        row = int(np.argmin(finite))
        allowed = "values that a float32 model can add up"
        raise Refusal(400, f"Row {row} has no finite prediction; allowed are {allowed}.", allowed=allowed, row=row)
    return predictions
