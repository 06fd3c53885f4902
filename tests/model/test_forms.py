"""What an artefact of each form is refused for, and what becomes of an estimator that has no ONNX."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import skops.io
from onnx import TensorProto, helper
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.graphs import of_column
from tests.model import familiar
from windtunnel.core.catalog import model_spec
from windtunnel.core.errors import ArtefactInvalid, DataRejected
from windtunnel.core.spec import ModelSpec, Task
from windtunnel.ml import arrays, artefact, trusted
from windtunnel.ml.array_model import ArrayModel
from windtunnel.ml.artefact import Answers, Artefact, Feature, Form, Golden, Signature
from windtunnel.ml.champion import refusal
from windtunnel.ml.conversion import on_matrix
from windtunnel.ml.estimator import fit, said
from windtunnel.ml.matrix import columns
from windtunnel.ml.matrix_estimator import MatrixEstimator
from windtunnel.ml.onnx_scorer import INPUT, OUTPUT, OnnxScorer
from windtunnel.ml.scorer import scorer_of
from windtunnel.ml.served import serve
from windtunnel.serving.load import load

NAMES = ("size", "age")
FEATURES = tuple(Feature(name=name, kind="float64", nullable=True) for name in NAMES)


@pytest.fixture(scope="module", autouse=True)
def families() -> Iterator[None]:
    with familiar.only_families():
        yield


def written(folder: Path, form: Form, content: bytes, *predictions: float, **changes: Any) -> Path:
    """An artefact whose digests hold, of rows (1, 1), (2, 2) and so on."""
    signature = Signature(
        model="glucose",
        features=FEATURES,
        target="answer",
        unit="points",
        answers=Answers(mean=0, deviation=1, low=-10, high=10),
        libraries={},
    )
    rows = tuple((float(at), float(at)) for at in range(1, len(predictions) + 1))
    golden = Golden(columns=NAMES, rows=rows, predictions=predictions, tolerance=0.001)
    artefact.write(folder, content, signature.model_copy(update=changes), golden, form)
    return folder


def line(weights: tuple[float, ...] = (1.0, 2.0, 3.0)) -> bytes:
    """Arrays that the code of `glucose` takes: a constant, one number, and one code of the last column."""
    return arrays.written({"means": [0.0], "codes": [1.0], "weights": weights})


def estimator(target: tuple[float, ...] = (1.0, 2.0)) -> BaseEstimator:
    return LinearRegression().fit(pd.DataFrame({"size": [1.0, 2.0], "age": [0.0, 0.0]}), np.array(target))


def test_arrays_are_served_by_the_code_of_the_models_folder(tmp_path: Path) -> None:
    model = load(written(tmp_path, "npz", line(), 6.0, 5.0))  # 1 + 2 * 1 + 3, 1 + 2 * 2
    assert model.scorer.run(np.array([[np.nan, 1]], np.float32)).tolist() == [4.0]


def test_other_arrays_under_digests_of_their_own_do_not_pass_the_golden_rows(tmp_path: Path) -> None:
    with pytest.raises(ArtefactInvalid, match=r"Golden row 1 scores 5\.0 here and scored 5\.5 when"):
        load(written(tmp_path, "npz", line(), 6.0, 5.5))


def test_another_estimator_under_digests_of_its_own_does_not_pass_them_either(tmp_path: Path) -> None:
    with pytest.raises(ArtefactInvalid, match="Golden row 0 scores"):
        load(written(tmp_path, "skops", trusted.dump(estimator((1.0, 9.0))), 1.5, 2.0))


def test_arrays_that_hold_an_object_are_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.savez(file, weights=np.array([print], dtype=object))
    with pytest.raises(ArtefactInvalid, match=r"`model\.npz` holds `weights` of type `object`"):
        load(written(tmp_path, "npz", file.getvalue(), 6.0))


@pytest.mark.parametrize(
    ("model", "changes", "reason"),
    [
        (line(), {"model": "gone"}, "Unknown model `gone`.*Serve it with the image it was made with"),
        (line(), {"model": "progress"}, "`estimator.py` of `progress` has no function `predict`"),
        (arrays.written({"means": [0.0]}), {}, r"`predict` failed: KeyError\('codes'\)"),
        (line((1.0, 2.0)), {}, "`predict` failed: ValueError"),
        (
            line(),
            {"features": (FEATURES[0], Feature(name="age", kind="string", nullable=True))},
            "The signature has no codes for the texts of `age`",
        ),
        (line(), {"features": FEATURES[:1]}, r"`golden.json` has the columns \['size', 'age'\]"),
    ],
    ids=["no model", "no code", "no array", "another shape", "no codes", "another feature"],
)
def test_arrays_whose_code_is_not_there_are_refused(
    tmp_path: Path, model: bytes, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ArtefactInvalid, match=reason):
        load(written(tmp_path, "npz", model, 6.0, **changes))


def test_an_estimator_with_a_type_that_is_not_trusted_is_refused_by_training_and_by_serving(tmp_path: Path) -> None:
    spoiled = estimator()
    spoiled.attached = pytest.raises
    with pytest.raises(ArtefactInvalid, match=r"holds types that are not trusted: .*raises.*`TYPES`"):
        trusted.dump(spoiled)
    with pytest.raises(ArtefactInvalid, match=r"`model.skops` holds types that are not trusted: .*raises"):
        load(written(tmp_path, "skops", skops.io.dumps(spoiled), 1.0))


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"not a zip"], ids=["empty", "hollow", "text"])
def test_bytes_that_are_no_estimator_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ArtefactInvalid, match=r"`model\.skops` cannot be read"):
        load(written(tmp_path, "skops", content, 1.0))


def test_an_estimator_that_would_unpack_to_more_than_is_allowed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted, "LARGEST", 100_000)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * 200_000)
    assert len(file.getvalue()) < 1_000
    with pytest.raises(ArtefactInvalid, match="`any` unpacks to 200,000 bytes; allowed are 100,000"):
        trusted.load(file.getvalue(), "any")


def test_equal_estimators_give_equal_bytes_and_load_as_what_they_were() -> None:
    given = pd.DataFrame({"size": np.arange(200.0), "age": np.arange(200.0)[::-1]})
    made = [
        make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=5, random_state=0)).fit(
            given, given["size"]
        )
        for _ in range(2)
    ]
    first, second = (trusted.dump(each) for each in made)
    assert first == second
    np.testing.assert_array_equal(trusted.load(first, "any").predict(given), made[0].predict(given))


def test_a_model_whose_answer_depends_on_the_other_rows_is_refused_at_its_start(tmp_path: Path) -> None:
    """All at once its golden rows are right; a request of one row would get another answer."""
    model = of_column("Identity", NAMES, "size")
    (last,) = [node for node in model.graph.node if node.op_type == "Identity"]
    last.output[0] = "own"
    model.graph.initializer.append(helper.make_tensor("axes", TensorProto.INT64, [1], [0]))
    model.graph.node.extend(
        [helper.make_node("ReduceMean", ["own", "axes"], ["mean"]), helper.make_node("Sub", ["own", "mean"], [OUTPUT])]
    )
    with pytest.raises(ArtefactInvalid, match=r"Golden row 0 scores 0\.0 here and scored -1\.0"):
        load(written(tmp_path, "onnx", model.SerializeToString(), -1.0, 0.0, 1.0))


def test_an_answer_that_is_no_number_does_not_pass_the_golden_rows(tmp_path: Path) -> None:
    with pytest.raises(ArtefactInvalid, match=r"Golden row 0 scores nan"):
        load(written(tmp_path, "npz", line((float("nan"), 2.0, 3.0)), 6.0))


@pytest.fixture
def spec() -> ModelSpec:
    found = model_spec("glucose")
    return found.model_copy(update={"features": NAMES})


def test_a_scaler_that_moves_values_across_thresholds_is_served_as_it_is(spec: ModelSpec) -> None:
    """ONNX scales in float32: of values this large, some come to stand on the other side of a tree's threshold."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({name: (random.normal(size=4_000) + 5e4).astype(np.float32) for name in NAMES})
    target = (frame["size"] * 1_000 % 7).to_numpy(np.float64)
    trees = make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=20, random_state=0))
    made = serve(fit(trees, frame, target, "regression"), spec, FEATURES, frame)
    assert made.form == "skops"
    assert made.why_slow is not None
    print(made.why_slow)
    assert made.why_slow.startswith("The ONNX model answers ")
    assert "training rows otherwise than the estimator, by up to" in made.why_slow
    np.testing.assert_allclose(made.answers, trees.predict(frame), rtol=1e-6)


def test_a_model_on_a_matrix_that_would_be_served_otherwise_than_it_was_trained_is_refused(spec: ModelSpec) -> None:
    class Lies(ArrayModel):
        def predict(self, matrix: Any) -> Any:
            return super().predict(matrix) + 1

    frame = pd.DataFrame({name: np.arange(50, dtype=np.float32) % 9 for name in NAMES})
    model = MatrixEstimator(Lies("glucose", {"penalty": 1.0})).fit(frame, frame["size"].to_numpy(np.float64))
    with pytest.raises(ArtefactInvalid, match="The served model answers 50 of 50 training rows otherwise"):
        serve(model, spec, FEATURES, frame)


@pytest.mark.parametrize("task", ["regression", "classification", "anomaly"])
def test_what_an_estimator_says_in_each_task(task: Task) -> None:
    given, target = load_breast_cancer(return_X_y=True, as_frame=True)
    frame = given.iloc[:, :2].astype(np.float32).set_axis(NAMES, axis=1)
    if task == "anomaly":
        model = fit(LocalOutlierFactor(novelty=True), frame, target.to_numpy(np.float64), task)
        far = pd.DataFrame({name: [1e4] for name in NAMES}, dtype=np.float32)
        assert said(model, far, task)[0] > said(model, frame, task).max() > 0
    elif task == "classification":
        model = fit(LogisticRegression(), frame, target.to_numpy(np.float64), task)
        found = said(model, frame, task)
        assert 0 <= found.min() < found[target == 0].mean() < found[target == 1].mean() < found.max() <= 1
    else:
        model = fit(DummyRegressor(), frame, target.to_numpy(np.float64), task)
        assert said(model, frame, task) == pytest.approx(target.mean())


@pytest.mark.parametrize("target", [[0.0, 0.0], [1.0, 2.0], [0.0, 0.5, 1.0]])
def test_a_classification_of_anything_but_0_and_1_is_refused(target: list[float]) -> None:
    with pytest.raises(DataRejected, match="a classification needs both 0 and 1"):
        fit(DummyRegressor(), pd.DataFrame({"size": target}), np.array(target), "classification")


def test_a_champion_of_another_task_is_not_asked(spec: ModelSpec, tmp_path: Path) -> None:
    table = pd.DataFrame({name: [1.0] for name in NAMES})
    champion = artefact.read(written(tmp_path, "npz", line(), 6.0, target=spec.target, unit=spec.unit))
    assert refusal(champion, table, spec) is None
    classifier = spec.model_copy(update={"task": "classification"})
    assert refusal(champion, table, classifier) == (
        "It answers a question of regression, the model's is now one of classification."
    )


def exported() -> onnx.ModelProto:
    """A model as PyTorch's exporter writes one: on the matrix already, with notes of where its code stood."""
    model = of_column("Relu", NAMES, "age")
    del model.metadata_props[:]
    model.graph.name, model.producer_name, model.doc_string = "main_graph", "pytorch", "at /home/someone"
    for each in (*model.graph.node, model.graph.input[0], model.graph.output[0], model.graph, model):
        each.metadata_props.add(key="pkg.torch.onnx.stack_trace", value='File "/home/someone/estimator.py", line 6')
    model.graph.node[0].doc_string = "/home/someone"
    return model


def test_an_exporters_model_is_served_without_its_notes() -> None:
    made = on_matrix(exported(), "any", NAMES)
    assert b"/home/someone" in exported().SerializeToString()
    assert b"/home/someone" not in made
    assert onnx.load_from_string(made).graph.name == "any"
    assert json.loads(onnx.load_from_string(made).metadata_props[0].value) == list(NAMES)
    asked = pd.DataFrame({"size": [1.0, 2.0], "age": [-3.0, 4.0]}, dtype=np.float32)
    assert OnnxScorer(made, FEATURES).score(columns(asked)).tolist() == [0.0, 4.0]


def test_an_exporters_model_of_other_names_is_refused() -> None:
    model = exported()
    model.graph.input[0].name = model.graph.node[0].input[0] = "x"
    with pytest.raises(ArtefactInvalid, match=f"its signature says one matrix `{INPUT}`"):
        OnnxScorer(on_matrix(model, "any", NAMES), FEATURES)


def test_a_scorer_of_code_that_has_changed_since_is_not_had(tmp_path: Path) -> None:
    """An old champion asked by a new image: its arrays with another code are another model."""
    old: Artefact = artefact.read(written(tmp_path, "npz", line(), 6.0, 5.0))
    assert scorer_of(old).score({name: np.ones(1, np.float32) for name in NAMES}).tolist() == [6.0]
    changed = old.model_copy(update={"golden": old.golden.model_copy(update={"predictions": (6.1, 5.0)})})
    with pytest.raises(ArtefactInvalid, match="Serve it with the image it was made with"):
        scorer_of(changed)
