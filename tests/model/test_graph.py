"""A graph on a matrix answers as the estimator does, for categories known, unknown and missing; trees read it as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from windtunnel.ml.artefact import Feature
from windtunnel.ml.codes import Codes
from windtunnel.ml.conversion import to_onnx
from windtunnel.ml.matrix import columns
from windtunnel.ml.offset import OffsetRegressor
from windtunnel.ml.onnx_scorer import OnnxScorer

FEATURES = (
    Feature(name="size", kind="float64", nullable=False),
    Feature(name="place", kind="string", nullable=True, categories=("Boston", "Ulm", "Überlingen")),
    Feature(name="day", kind="string", nullable=False, categories=("Fri", "Mon", "unknown")),
    Feature(name="age", kind="int64", nullable=False),
)
TEXTS, NUMBERS = ["place", "day"], ["age", "size"]


def ordinal() -> BaseEstimator:
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32)


def prepared(encoder: BaseEstimator, numbers: Any = "passthrough") -> ColumnTransformer:
    return ColumnTransformer([("texts", encoder, TEXTS), ("numbers", numbers, NUMBERS)], sparse_threshold=0)


def both() -> BaseEstimator:
    """The same texts through two encoders that give them different numbers."""
    other = OrdinalEncoder(
        categories=[["Überlingen", "Ulm", "Boston", ""], ["unknown", "Mon", "Fri"]],
        handle_unknown="use_encoded_value",
        unknown_value=-7,
        dtype=np.float32,
    )
    return FeatureUnion([("one", ordinal()), ("other", other), ("hot", OneHotEncoder(handle_unknown="ignore"))])


TREES = {"max_iter": 20, "random_state": 0}
ESTIMATORS = {
    "trees on codes": make_pipeline(prepared(ordinal()), HistGradientBoostingRegressor(**TREES)),
    "an offset beside them": OffsetRegressor(
        make_pipeline(prepared(ordinal()), HistGradientBoostingRegressor(**TREES)), offset="size"
    ),
    "trees on columns": make_pipeline(
        prepared(OneHotEncoder(handle_unknown="ignore")), HistGradientBoostingRegressor(**TREES)
    ),
    "other trees": make_pipeline(prepared(ordinal()), GradientBoostingRegressor(n_estimators=20, random_state=0)),
    "a line": make_pipeline(
        prepared(OneHotEncoder(handle_unknown="ignore"), make_pipeline(SimpleImputer(), StandardScaler())), Ridge()
    ),
    "a line on codes": make_pipeline(prepared(ordinal()), Ridge()),
    "two encoders of one text": make_pipeline(prepared(both()), Ridge()),
    "numbers alone": make_pipeline(ColumnTransformer([("all", "passthrough", NUMBERS)]), Ridge()),
}
IN_PLACE = {"trees on codes": 2, "an offset beside them": 5, "other trees": 2}
"""Of these nothing is left but the trees, the offset and the answer's name."""


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": random.normal(size=400).astype(np.float32),
            "place": random.choice(["Boston", "Ulm", "Überlingen", ""], 400),
            "day": random.choice(["Mon", "Fri", "unknown"], 400),
            "age": random.integers(0, 90, 400).astype(np.float32),
        }
    )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_matrix_is_answered_as_the_estimator_answers_the_frame(name: str, frame: pd.DataFrame) -> None:
    places = {"Boston": 0.0, "Ulm": 10.0, "Überlingen": 20.0, "": 5.0}
    target = frame["size"] * 3 + frame["place"].map(places) + (frame["day"] == "Mon") * frame["age"]
    estimator: Any = ESTIMATORS[name].fit(frame, target)

    model, features = to_onnx(estimator, "any", FEATURES)
    nodes = onnx.load_from_string(model).graph.node
    assert len(nodes) == IN_PLACE.get(name, len(nodes))
    unknown = pd.DataFrame(
        {
            "size": np.array([1, 2, 3], np.float32),
            "place": ["nowhere", "ulm", ""],
            "day": ["Mon", "", "Sun"],
            "age": np.array([1, 2, 3], np.float32),
        }
    )
    asked = pd.concat([frame, unknown])
    scorer = OnnxScorer(model, features)
    said = scorer.score(columns(asked))
    np.testing.assert_allclose(said, estimator.predict(asked), rtol=1e-5, atol=1e-4)


def test_a_text_that_is_not_known_leaves_no_trace() -> None:
    codes = Codes(["a", "b"], [0, 1, -1, 7])
    assert [codes["a"], codes["b"], codes[""], codes["c"]] == [0, 1, codes.missing, codes.unknown] == [0, 1, -1, 7]
    assert len(codes) == 3
