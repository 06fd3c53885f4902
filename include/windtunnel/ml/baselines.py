"""What a model must be better than: a mean by season and a straight line, fitted on the same rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from windtunnel.core.spec import ModelSpec
from windtunnel.ml.estimator import fit, said


def seasonal_naive(train: pd.DataFrame, holdout: pd.DataFrame, spec: ModelSpec) -> npt.NDArray[np.float64]:
    """The mean of the target in training per group of `spec.evaluation.season`; over all for a group never seen."""
    season = list(spec.evaluation.season)
    means = train.groupby(season, dropna=False)[spec.target].mean().rename("mean")
    expected = holdout[season].join(means, on=season)["mean"]
    return expected.fillna(train[spec.target].mean()).to_numpy(dtype=np.float64)


def linear(
    features: pd.DataFrame, target: npt.NDArray[np.float64], holdout: pd.DataFrame, spec: ModelSpec
) -> npt.NDArray[np.float64]:
    """A line on all features: numbers scaled, their gaps at the mean, and one column per category.

    Ridge regression; for a classification the logistic one, which says probabilities, and for an anomaly the ridge
    regression of 0 and 1, which ranks.

    Args:
        features: `rows.features` of the training rows.
        target: Of the same rows.
        holdout: `rows.features` of the rows to predict.
        spec: The model.
    """
    strings = [name for name in spec.features if spec.column(name).kind == "string"]
    numbers = [name for name in spec.features if name not in strings]
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", dtype=np.float32), strings),
        (make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler()), numbers),
    )
    classes = spec.task == "classification"
    # An anomaly's line is a regression: it has the labels, which a detector of outliers does without.
    task = spec.task if classes else "regression"
    line = make_pipeline(columns, LogisticRegression(max_iter=1_000) if classes else Ridge())
    return said(fit(line, features, target, task), holdout, task)
