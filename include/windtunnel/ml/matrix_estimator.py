"""An estimator on the matrix that serving makes of a request: what is learned and what is served read one preprocessing.

Imports numpy alone, so that a model's `estimator.py` with such an estimator costs a server nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
import numpy.typing as npt

from windtunnel.ml.artefact import Feature, Form
from windtunnel.ml.codes import numbered
from windtunnel.ml.matrix import Matrix

if TYPE_CHECKING:
    import pandas as pd


class OnMatrix(Protocol):
    """A model on a matrix `(rows, features)` of float32, NaN where a number is missing, texts as their codes."""

    def fit(self, matrix: npt.NDArray[np.float32], target: npt.NDArray[np.generic]) -> Self:
        """Learn from a matrix and the targets `(rows,)`."""
        ...

    def predict(self, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
        """Answers `(rows,)`, in the task of the model."""
        ...

    def served(self, name: str, columns: Sequence[str]) -> tuple[Form, bytes]:
        """The fitted model as what is served, `name` and the matrix's `columns` told in it where it has room."""
        ...


class MatrixEstimator:
    """Learns the codes of texts, and asks a model about the matrix they make.

    Of the `n` texts of a column, in order, the codes are 0 to n - 1; n stands for a missing text, n + 1 for an unknown one.

    Args:
        model: What learns and answers.
    """

    def __init__(self, model: OnMatrix) -> None:
        self.model = model

    def fit(self, features: pd.DataFrame, target: npt.NDArray[np.generic]) -> Self:
        """Learn the texts of each column, then fit the model.

        Args:
            features: In the types a model computes in: float32, texts as objects with "" for missing.
            target: `(rows,)`.
        """
        self.categories_ = {
            str(name): sorted(text for text in features[name].unique() if text)
            if features[name].dtype.kind == "O"
            else None
            for name in features.columns
        }
        self.model.fit(self._matrix(features), target)
        return self

    def predict(self, features: pd.DataFrame) -> npt.NDArray[np.float64]:
        """What the model answers `(rows,)`, in its task."""
        return np.asarray(self.model.predict(self._matrix(features)), dtype=np.float64)

    def coded(self, features: Sequence[Feature]) -> tuple[Feature, ...]:
        """Features of a signature, those of texts with the codes that the matrix has."""
        return tuple(
            feature
            if (known := self.categories_[feature.name]) is None
            else feature.model_copy(update={"categories": tuple(known), "codes": numbered(known)})
            for feature in features
        )

    def _matrix(self, features: pd.DataFrame) -> npt.NDArray[np.float32]:
        plain = [
            Feature(name=name, kind="float64" if known is None else "string", nullable=True)
            for name, known in self.categories_.items()
        ]
        columns = {name: features[name].to_numpy() for name in self.categories_}
        return Matrix(self.coded(plain)).of(columns)
