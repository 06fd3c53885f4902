"""A model of arrays: two functions in a model's `estimator.py` that need numpy alone, and the arrays that they share.

    def fit(matrix, target, hyperparameters) -> dict[str, np.ndarray]     # learns the arrays
    def predict(arrays, matrix) -> np.ndarray                             # (rows,); nothing else decides the answer

The artefact holds the arrays; the code is that of the image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from windtunnel.core.catalog import model_estimator
from windtunnel.core.errors import ArtefactInvalid, UnknownModel, quoted
from windtunnel.ml import arrays
from windtunnel.ml.artefact import Form


class ArrayModel:
    """Learns and answers by the functions `fit` and `predict` of a model's `estimator.py`.

    Args:
        name: The model, whose folder has them.
        hyperparameters: Handed to `fit`.
    """

    def __init__(self, name: str, hyperparameters: Mapping[str, float]) -> None:
        self.name = name
        self.hyperparameters = dict(hyperparameters)

    def fit(self, matrix: npt.NDArray[np.float32], target: npt.NDArray[np.generic]) -> Self:
        """Learn the arrays from a matrix `(rows, features)` and the targets `(rows,)`."""
        learned = code_of(self.name, "fit")(matrix, target, self.hyperparameters)
        # Through the bytes that are served, so that what they refuse is told by the training.
        self.arrays_ = dict(arrays.read(arrays.written(learned)))
        return self

    def predict(self, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
        """Answers `(rows,)`."""
        said: npt.NDArray[np.floating] = code_of(self.name, "predict")(self.arrays_, matrix)
        return said

    def served(self, name: str, columns: Sequence[str]) -> tuple[Form, bytes]:  # noqa: ARG002 - npz has no room for them
        """The arrays."""
        return "npz", arrays.written(self.arrays_)


def code_of(name: str, function: str) -> Callable[..., Any]:
    """A function of a model's `estimator.py`.

    Raises:
        ArtefactInvalid: This image has no such model, or its `estimator.py` no such function.
    """
    try:
        found: Callable[..., Any] | None = getattr(model_estimator(name), function, None)
    except UnknownModel as error:
        raise ArtefactInvalid(f"{error} Serve it with the image it was made with.") from error
    if not callable(found):
        raise ArtefactInvalid(
            f"`estimator.py` of `{name}` has no function {quoted([function])}; a model of arrays needs `fit` and "
            "`predict`. Serve it with the image it was made with, or write the function."
        )
    return found
