"""Estimator: how one is fitted, and what it says, in each task. The one place for training, evaluation and baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from windtunnel.core.errors import DataRejected
from windtunnel.core.spec import Task
from windtunnel.ml.matrix_estimator import MatrixEstimator

Floats = npt.NDArray[np.float64]


def fit(estimator: Any, frame: pd.DataFrame, target: Floats, task: Task) -> Any:
    """Fit an estimator to the number, to 0 and 1, or to the rows alone.

    Args:
        estimator: Of scikit-learn's form, or a `MatrixEstimator`.
        frame: The features `(rows, features)`.
        target: `(rows,)`, none missing.
        task: Of the model's spec.

    Returns:
        The estimator.

    Raises:
        DataRejected: The targets of a classification are not 0 and 1, both of them.
    """
    if task != "classification":
        return estimator.fit(frame, target)
    if (found := np.unique(target)).tolist() != [0, 1]:
        values = ", ".join(f"{value:g}" for value in found[:5])
        raise DataRejected(
            f"The target of the training rows is {values}; a classification needs both 0 and 1. Choose a window that "
            "has both, or derive 0 and 1 in `spec.py`."
        )
    return estimator.fit(frame, target.astype(np.int64))


def said(estimator: Any, frame: pd.DataFrame, task: Task) -> Floats:
    """What a fitted estimator answers `(rows,)`.

    - regression: the number.
    - classification: the probability of 1.
    - anomaly: a score that ranks, the higher the more anomalous; scikit-learn's own is the higher the more normal.

    Args:
        estimator: What `fit` returned; a `MatrixEstimator` answers in its task by itself.
        frame: The features `(rows, features)`.
        task: Of the model's spec.
    """
    if task == "regression" or isinstance(estimator, MatrixEstimator):
        answers = estimator.predict(frame)
    elif task == "classification":
        answers = estimator.predict_proba(frame)[:, 1]
    else:
        answers = -estimator.decision_function(frame)
    return np.asarray(answers, dtype=np.float64)
