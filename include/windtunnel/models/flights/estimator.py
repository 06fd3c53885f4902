"""The estimator of `flights`: gradient boosted trees on what a flight gains or loses in the air."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from windtunnel.ml.hyperparameters import Hyperparameter
from windtunnel.ml.offset import OffsetRegressor
from windtunnel.models.flights.spec import SPEC

HYPERPARAMETERS = {
    "max_iter": Hyperparameter(kind="int", default=200, low=1, high=2000, about="Number of trees."),
    "learning_rate": Hyperparameter(
        kind="float", default=0.05, low=0.001, high=1, scale="Logarithmic", about="Weight of each tree."
    ),
    "max_leaf_nodes": Hyperparameter(kind="int", default=15, low=2, high=255, about="Leaves per tree."),
    "min_samples_leaf": Hyperparameter(
        kind="int", default=100, low=1, high=10_000, scale="Logarithmic", about="Flights per leaf, at least."
    ),
    "l2_regularization": Hyperparameter(kind="float", default=0.0, low=0, high=100, about="Penalty on leaf values."),
}
"""The search space. Six settings tried over five rolling windows of 2013 lay within 0.1 minutes of RMSE of one another;
the defaults are among the smaller of them."""


def build(hyperparameters: Mapping[str, float]) -> OffsetRegressor:
    """The unfitted estimator: arrival delay = departure delay + what trees say of the way between.

    Args:
        hyperparameters: A value for each of `HYPERPARAMETERS`.
    """
    strings = [name for name in SPEC.features if SPEC.column(name).kind == "string"]
    numbers = [name for name in SPEC.features if name not in strings]
    # No scaler: trees need none, and its float64 arithmetic moves values across thresholds that ONNX keeps in float32.
    columns = ColumnTransformer(
        [
            (
                "codes",
                OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32),
                strings,
            ),
            ("numbers", "passthrough", numbers),
        ]
    )
    # No early stopping: it would judge on a random share of the training window instead of on later flights.
    trees = HistGradientBoostingRegressor(early_stopping=False, random_state=0, **hyperparameters)
    return OffsetRegressor(make_pipeline(columns, trees), offset="dep_delay")
