"""A classifier of scikit-learn that converts: trees on numbers, some missing, and on the places of a text."""

from __future__ import annotations

from collections.abc import Mapping

from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from windtunnel.ml.hyperparameters import Hyperparameter

HYPERPARAMETERS = {"max_iter": Hyperparameter(kind="int", default=40, low=1, high=500, about="Trees.")}


def build(hyperparameters: Mapping[str, float]) -> Pipeline:
    """The unfitted estimator."""
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["clinic"]), remainder="passthrough")
    return make_pipeline(
        columns, HistGradientBoostingClassifier(random_state=0, early_stopping=False, **hyperparameters)
    )
