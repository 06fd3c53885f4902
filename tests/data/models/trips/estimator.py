"""The estimator of the small model: a mean per line of stops."""

from __future__ import annotations

from collections.abc import Mapping

from sklearn.tree import DecisionTreeRegressor

from windtunnel.ml.hyperparameters import Hyperparameter

HYPERPARAMETERS = {
    "depth": Hyperparameter(kind="int", default=2, low=1, high=10, about="Depth of the tree."),
}


def build(hyperparameters: Mapping[str, float]) -> DecisionTreeRegressor:
    return DecisionTreeRegressor(random_state=0, max_depth=int(hyperparameters["depth"]))
