"""A detector of outliers that converts: it sees no label."""

from __future__ import annotations

from collections.abc import Mapping

from sklearn.compose import make_column_transformer
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from windtunnel.ml.hyperparameters import Hyperparameter

HYPERPARAMETERS = {"n_estimators": Hyperparameter(kind="int", default=30, low=1, high=500, about="Trees.")}


def build(hyperparameters: Mapping[str, float]) -> Pipeline:
    """The unfitted estimator."""
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["sensor"]), (SimpleImputer(), ["heat", "load"])
    )
    return make_pipeline(columns, IsolationForest(random_state=0, **hyperparameters))
