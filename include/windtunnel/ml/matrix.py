"""Matrix: the columns of a request or of a dataset as the one array that a model takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from windtunnel.core.errors import ArtefactInvalid, quoted
from windtunnel.ml.artefact import Feature
from windtunnel.ml.codes import Codes

if TYPE_CHECKING:
    import pandas as pd

Columns = Mapping[str, npt.NDArray[np.generic]]
"""`(rows,)` by feature: float32 with NaN for missing; texts as objects with "" for missing, or their codes as float32."""


class Matrix:
    """Lays columns side by side, in the order of a signature.

    Args:
        features: Of the signature.

    Attributes:
        codes: Of each text column.

    Raises:
        ArtefactInvalid: A text column has no codes.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self._names = [feature.name for feature in features]
        if uncoded := [feature.name for feature in features if feature.kind == "string" and feature.codes is None]:
            raise ArtefactInvalid(f"The signature has no codes for the texts of {quoted(uncoded)}. Train again.")
        self.codes = {
            feature.name: Codes(feature.categories or (), feature.codes or ())
            for feature in features
            if feature.kind == "string"
        }

    def of(self, columns: Columns) -> npt.NDArray[np.float32]:
        """The matrix `(rows, features)` of float32."""
        matrix = np.empty((len(columns[self._names[0]]), len(self._names)), np.float32)
        for at, name in enumerate(self._names):
            column = columns[name]
            if name in self.codes and column.dtype != np.float32:
                column = np.fromiter(map(self.codes[name].__getitem__, column.tolist()), np.float32, len(column))
            matrix[:, at] = column
        return matrix


def columns(frame: pd.DataFrame) -> Columns:
    """The inputs of a scorer from a frame of features, in the types a model computes in."""
    return {str(name): frame[name].to_numpy() for name in frame.columns}
