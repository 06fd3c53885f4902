"""String inputs as codes: the answers are those of the estimator, for categories known, unknown and missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from windtunnel.ml.artefact import Feature
from windtunnel.ml.codes import Codes
from windtunnel.ml.conversion import to_onnx
from windtunnel.ml.scorer import Scorer

FEATURES = (
    Feature(name="place", kind="string", nullable=True, categories=("Boston", "Ulm", "Überlingen")),
    Feature(name="size", kind="float64", nullable=False),
)
ENCODERS = {
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32),
    "one hot": OneHotEncoder(handle_unknown="ignore"),
}
MODELS = {"trees": HistGradientBoostingRegressor(max_iter=20, random_state=0), "line": Ridge()}


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("model", MODELS)
def test_codes_answer_as_the_estimator_does(encoder: str, model: str) -> None:
    random = np.random.default_rng(0)
    places = ["Boston", "Ulm", "Überlingen", ""]
    frame = pd.DataFrame({"place": random.choice(places, 400), "size": random.normal(size=400).astype(np.float32)})
    target = frame["size"] * 3 + frame["place"].map({name: at * 10.0 for at, name in enumerate(places)})
    encoding = ColumnTransformer(
        [("encoder", ENCODERS[encoder], ["place"])], remainder="passthrough", sparse_threshold=0
    )
    estimator: Any = make_pipeline(encoding, MODELS[model]).fit(frame, target)

    scorer = Scorer(to_onnx(estimator, "any", FEATURES))
    assert scorer.inputs == {"place": "tensor(int64)", "size": "tensor(float)"}
    unknown = pd.DataFrame({"place": ["nowhere", "ulm", ""], "size": np.array([1, 2, 3], np.float32)})
    asked = pd.concat([frame, unknown])
    columns = {"place": asked["place"].to_numpy(object), "size": asked["size"].to_numpy(np.float32)}
    wanted = estimator.predict(asked)
    np.testing.assert_allclose(scorer.score(columns), wanted, rtol=1e-5, atol=1e-4)
    coded = {**columns, "place": np.array([scorer.codes["place"][name] for name in asked["place"]])}
    np.testing.assert_array_equal(scorer.score(coded), scorer.score(columns))


def test_a_text_that_is_not_known_leaves_no_trace() -> None:
    codes = Codes(["a", "b"])
    assert [codes["a"], codes["b"], codes[""], codes["c"]] == [0, 1, codes.missing, codes.unknown]
    assert len(codes) == 3
