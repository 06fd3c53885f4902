"""An estimator that starts from a column which is already close to the answer, and learns only the rest."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin, clone


class OffsetRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Prediction = the column `offset` + what `regressor` learned of the difference. A missing offset counts as 0.

    Trees cannot answer beyond the values they were trained on; a flight that leaves ten hours late arrives about ten
    hours late, though no flight of the training did. The term is the offset of generalised linear models.

    Args:
        regressor: A scikit-learn regressor or pipeline on the same features.
        offset: Name of a number column, in the unit of the target.
    """

    def __init__(self, regressor: Any, offset: str) -> None:
        self.regressor = regressor
        self.offset = offset

    def fit(self, features: pd.DataFrame, target: npt.NDArray[np.float64]) -> Self:
        """Fit the regressor to what the offset leaves."""
        self.regressor_ = clone(self.regressor).fit(features, target - self._known(features))
        return self

    def predict(self, features: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Offset plus the learned rest, in the unit of the target."""
        rest: npt.NDArray[np.float64] = self.regressor_.predict(features)
        return rest + self._known(features)

    def _known(self, features: pd.DataFrame) -> npt.NDArray[np.float64]:
        column = features[self.offset].to_numpy(dtype=np.float64)
        return np.where(np.isnan(column), 0.0, column)
