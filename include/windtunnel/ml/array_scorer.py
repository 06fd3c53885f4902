"""Runs a model of arrays by the `predict` of its own folder: numpy and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from windtunnel.core.errors import ArtefactInvalid
from windtunnel.ml import arrays
from windtunnel.ml.array_model import code_of
from windtunnel.ml.artefact import Feature
from windtunnel.ml.matrix import Columns, Matrix


class ArrayScorer:
    """A model of arrays: the matrix `(rows, features)` of float32 in, one number per row out.

    Args:
        model: The bytes of its npz.
        name: Its name: the `estimator.py` of that folder in this image has the code.
        features: Of its signature.

    Attributes:
        matrix: Makes what it takes of columns.
        inputs_of: The same as a function.

    Raises:
        ArtefactInvalid: The bytes hold anything but arrays of numbers, or there is no such code.
    """

    def __init__(self, model: bytes, name: str, features: Sequence[Feature]) -> None:
        self._arrays = arrays.read(model)
        self._predict = code_of(name, "predict")
        self.matrix = Matrix(features)
        self.inputs_of = self.matrix.of

    def score(self, columns: Columns) -> npt.NDArray[np.float32]:
        """Answers `(rows,)` to one array `(rows,)` per feature."""
        return self.run(self.matrix.of(columns))

    def run(self, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Answers `(rows,)` to a matrix `(rows, features)`.

        Raises:
            ArtefactInvalid: The code fails with these arrays, or answers something else than a number per row.
        """
        try:
            said = np.asarray(self._predict(self._arrays, matrix), dtype=np.float32)
        except Exception as error:  # the model's own code: any kind
            raise ArtefactInvalid(f"`predict` failed: {error!r}. Serve it with the image it was made with.") from error
        if said.shape != (len(matrix),):
            raise ArtefactInvalid(
                f"`predict` answers {said.shape} to {len(matrix)} rows; allowed is one number per row. Correct "
                "`estimator.py`, and train again."
            )
        return said
