"""Runs what cannot be converted: a scikit-learn estimator on a frame, at scikit-learn's speed. The slow way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from windtunnel.core.errors import ArtefactInvalid
from windtunnel.ml import trusted
from windtunnel.ml.artefact import MODELS, Signature
from windtunnel.ml.estimator import said
from windtunnel.ml.matrix import Columns


class SkopsScorer:
    """An estimator: a frame of features in, one number per row out.

    Args:
        model: What `trusted.dumped` wrote.
        signature: Its features and its task.

    Raises:
        ArtefactInvalid: The bytes are no estimator, or hold a type that is not trusted.
    """

    matrix = None

    def __init__(self, model: bytes, signature: Signature) -> None:
        self._estimator = trusted.load(model, MODELS["skops"])
        self._names = [feature.name for feature in signature.features]
        self._task = signature.task

    def score(self, columns: Columns) -> npt.NDArray[np.float32]:
        """Answers `(rows,)` to one array `(rows,)` per feature."""
        return self.run(self.inputs_of(columns))

    def inputs_of(self, columns: Columns) -> pd.DataFrame:
        """The frame that the estimator was fitted on, with other rows."""
        # With its type: pandas would take an array of texts for another kind of column than training gave.
        return pd.DataFrame({name: pd.Series(columns[name], dtype=columns[name].dtype) for name in self._names})

    def run(self, frame: pd.DataFrame) -> npt.NDArray[np.float32]:
        """Answers `(rows,)` to a frame.

        Raises:
            ArtefactInvalid: The estimator fails on rows that it should be able to answer.
        """
        try:
            return said(self._estimator, frame, self._task).astype(np.float32)
        except Exception as error:  # scikit-learn's: any kind
            raise ArtefactInvalid(
                f"The estimator failed: {error!r}. Serve it with the image it was made with."
            ) from error
