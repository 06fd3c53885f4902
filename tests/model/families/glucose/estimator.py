"""A model of arrays: ridge regression on numbers with their means for gaps, and a column per code of the last text."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from windtunnel.core.hyperparameters import Hyperparameter
from windtunnel.ml.array_model import ArrayModel
from windtunnel.ml.matrix_estimator import MatrixEstimator

HYPERPARAMETERS = {"penalty": Hyperparameter(kind="float", default=0.1, low=0, high=100, about="Of large weights.")}

Arrays = Mapping[str, npt.NDArray[np.float64]]


def build(hyperparameters: Mapping[str, float]) -> MatrixEstimator:
    """The unfitted estimator."""
    return MatrixEstimator(ArrayModel("glucose", hyperparameters))


def fit(
    matrix: npt.NDArray[np.float32], target: npt.NDArray[np.float64], hyperparameters: Mapping[str, float]
) -> dict[str, npt.NDArray[np.float64]]:
    """Learn the weights; a text that nobody has seen gets none of its own."""
    means = np.nanmean(matrix[:, :-1].astype(np.float64), axis=0)
    codes = np.unique(matrix[:, -1]).astype(np.float64)
    given = _wide(matrix, means, codes)
    penalty = hyperparameters["penalty"] * np.eye(given.shape[1])
    penalty[0, 0] = 0
    return {"means": means, "codes": codes, "weights": np.linalg.solve(given.T @ given + penalty, given.T @ target)}


def predict(arrays: Arrays, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Answers `(rows,)`."""
    # Summed row by row: a product of matrices adds up in another order where the rows are others.
    return np.asarray((_wide(matrix, arrays["means"], arrays["codes"]) * arrays["weights"]).sum(axis=1))


def _wide(
    matrix: npt.NDArray[np.float32], means: npt.NDArray[np.float64], codes: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    numbers = matrix[:, :-1].astype(np.float64)
    numbers = np.where(np.isnan(numbers), means, numbers)
    return np.hstack([np.ones((len(matrix), 1)), numbers, matrix[:, -1:] == codes])
