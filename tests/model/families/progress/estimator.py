"""An estimator that skl2onnx does not convert."""

from __future__ import annotations

from collections.abc import Mapping

from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from windtunnel.ml.hyperparameters import Hyperparameter

HYPERPARAMETERS = {"alpha": Hyperparameter(kind="float", default=1.0, low=0, high=100, about="Of large weights.")}


def build(hyperparameters: Mapping[str, float]) -> Pipeline:
    """The unfitted estimator."""
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["ward"]),
        (make_pipeline(SimpleImputer(), StandardScaler()), ["bmi", "pressure", "triglycerides"]),
    )
    return make_pipeline(columns, KernelRidge(kernel="rbf", gamma=0.02, **hyperparameters))
