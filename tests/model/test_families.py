"""Every family of models: trained, judged and served through one artefact, and answering as its estimator does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import ipc

from tests.container.served import serving
from tests.model import familiar
from windtunnel.core.catalog import model_spec
from windtunnel.core.errors import ArtefactInvalid, DataRejected
from windtunnel.core.spec import ModelSpec
from windtunnel.ml import artefact, metrics, rows, trusted
from windtunnel.ml.artefact import Artefact
from windtunnel.ml.container import Container
from windtunnel.ml.estimator import said
from windtunnel.ml.evaluation_report import EvaluationReport
from windtunnel.ml.matrix import columns
from windtunnel.ml.scorer import scorer_of
from windtunnel.ml.training import ESTIMATOR, train
from windtunnel.serving.load import load
from windtunnel.serving.table import ARROW

EXPECTED = {
    "tumours": ("onnx", "roc_auc", 0.97),
    "readings": ("onnx", "pr_auc", 0.8),
    "glucose": ("npz", "r2", 0.3),
    "progress": ("skops", "r2", 0.3),
    "tides": ("onnx", "r2", 0.3),
}
"""By family: the form that is served, and what it is at least worth on rows it has not seen."""

NO_TORCH = "PyTorch, an optional extra, is not installed here: the real exporter was NOT run"
LIGHT = ("pandas", "sklearn", "scipy", "skops", "onnx", "skl2onnx", "onnxruntime", "pyarrow", "torch")


@dataclass(frozen=True)
class Flown:
    """A family's model after training and evaluation."""

    spec: ModelSpec
    form: str
    job: Container
    artefact: Artefact
    estimator: Any
    report: EvaluationReport
    log: str

    def frame(self) -> pd.DataFrame:
        """All rows, and some with a text that nobody has seen and with all that may be missing missing."""
        published = familiar.published(self.spec.name)
        texts = [feature.name for feature in self.artefact.signature.features if feature.kind == "string"]
        gaps = [feature.name for feature in self.artefact.signature.features if feature.nullable]
        unknown = published.head(5).assign(**dict.fromkeys(texts, "nowhere"))
        missing = published.head(5).assign(**dict.fromkeys(gaps))
        missing = missing.astype({name: published[name].dtype for name in gaps})
        return rows.features(pd.concat([published, unknown, missing], ignore_index=True), self.spec)

    def instances(self) -> list[dict[str, Any]]:
        """The same rows as a request has them."""
        frame = self.frame()
        texts = [str(name) for name in frame if frame[name].dtype == object]
        given = frame.astype(object).where(frame.notna(), None)
        given[texts] = given[texts].replace("", None)
        return [{str(name): value for name, value in row.items()} for row in given.to_dict("records")]


@pytest.fixture(scope="module", autouse=True)
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = familiar.image(tmp_path_factory.mktemp("image") / "include")
    with familiar.only_families():
        yield folder


@pytest.fixture(scope="module", params=EXPECTED)
def flown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Flown:
    name = request.param
    if name == "tides" and find_spec("torch") is None:
        pytest.skip(NO_TORCH)
    base = tmp_path_factory.mktemp(name)
    with redirect_stdout(StringIO()) as log:
        job = familiar.trained(name, base / "ml")
    made = artefact.read(job.model)
    estimator = trusted.load((job.output / ESTIMATOR).read_bytes(), ESTIMATOR)
    spec = model_spec(name)
    report = familiar.judged(name, job, base / "evaluation")
    return Flown(spec, EXPECTED[name][0], job, made, estimator, report, log.getvalue())


def test_the_form_is_told_by_one_files_name_and_the_task_by_the_signature(flown: Flown) -> None:
    assert {path.name for path in flown.job.model.iterdir()} == {
        artefact.MODELS[flown.form],  # type: ignore[index]  # a form
        *artefact.FILES,
        artefact.LISTING,
    }
    assert (flown.artefact.form, flown.artefact.signature.task) == (flown.form, flown.spec.task)
    coded = [feature.codes is not None for feature in flown.artefact.signature.features if feature.kind == "string"]
    assert coded == [flown.form != "skops"]
    assert ("is served by scikit-learn from `model.skops`: The ONNX model" in flown.log) == (flown.form == "skops")


def test_the_served_answers_are_the_estimators_on_the_whole_holdout(flown: Flown) -> None:
    published = familiar.published(flown.spec.name)
    february = published[published["at"] >= str(familiar.HOLDOUT.start)]
    assert flown.report.holdout.rows == len(february) > 100
    parity = flown.report.parity
    print(f"\n{flown.spec.name}: {parity}, {flown.report.serving}")
    assert parity.largest_difference is not None
    assert parity.largest_difference <= parity.tolerance == flown.spec.evaluation.onnx_tolerance
    assert flown.report.serving.size_bytes == len(flown.artefact.model)

    _, name, least = EXPECTED[flown.spec.name]
    answers = scorer_of(flown.artefact).score(columns(rows.features(february, flown.spec)))
    found = metrics.scores(flown.spec.task, february[flown.spec.target], answers, at=10)
    assert found[name] > least, found
    if flown.spec.task != "anomaly":  # a score that ranks is no number of the target's
        assert flown.report.metrics["rmse"] < flown.report.metrics["seasonal_naive_rmse"]


def test_unknown_categories_and_missing_values_are_answered_as_the_estimator_answers_them(flown: Flown) -> None:
    frame = flown.frame()
    wanted = said(flown.estimator, frame, flown.spec.task)
    answers = scorer_of(flown.artefact).score(columns(frame))
    assert np.abs(answers - wanted).max() <= flown.spec.evaluation.onnx_tolerance
    assert np.ptp(wanted[-10:]) > 0


def test_training_again_gives_the_same_bytes(flown: Flown, tmp_path: Path) -> None:
    again = artefact.read(familiar.trained(flown.spec.name, tmp_path).model)
    assert again.sha256 == flown.artefact.sha256


def test_a_server_of_it_answers_every_row_as_the_estimator_does(flown: Flown, image: Path) -> None:
    instances, frame = flown.instances(), flown.frame()
    wanted = said(flown.estimator, frame, flown.spec.task)
    names = list(flown.spec.features)
    listed = [[instance[name] for name in names] for instance in instances]
    text = "".join(",".join("" if value is None else str(value) for value in row) + "\n" for row in listed)
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist(instances)
    with ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    with serving(flown.job.base, PYTHONPATH=str(image)) as server:
        told = server.client.get("/metadata").json()
        assert told["signature"]["task"] == flown.spec.task
        bodies = {
            "application/json": json.dumps({"instances": instances}).encode(),
            "text/csv": text.encode(),
            ARROW: sink.getvalue().to_pybytes(),
        }
        for kind, body in bodies.items():
            answered = server.client.post(
                "/invocations", content=body, headers={"content-type": kind, "accept": "application/json"}
            )
            assert answered.status_code == 200, answered.text
            _same(answered.json()["predictions"], wanted, flown.spec)
        for at in (0, 7, -1, -6):
            one = server.client.post("/stream", json=instances[at])
            _same([one.json()["prediction"]], wanted[[at]], flown.spec)
        few = server.client.post("/invocations", json={"instances": listed[:3]}).json()["predictions"]
        _same(few, wanted[:3], flown.spec)
        first = flown.spec.features[0]
        refused = server.client.post("/invocations", json={"instances": [{**instances[0], first: "much"}]})
        assert (refused.status_code, refused.json()["error"]["column"]) == (400, first)
        assert server.client.post("/invocations", json={"instances": [instances[0] | {first: None}]}).status_code == (
            200 if flown.artefact.signature.features[0].nullable else 400
        )


def _same(told: list[float], wanted: np.ndarray[Any, Any], spec: ModelSpec) -> None:
    assert np.abs(np.array(told) - wanted).max() <= spec.evaluation.onnx_tolerance


def test_a_server_loads_nothing_that_its_models_form_does_not_need(flown: Flown, image: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from windtunnel.serving import answer, server; "
        "from windtunnel.serving.load import load; model = load(Path(sys.argv[1])); import orjson; "
        "answer.answer(model, orjson.dumps(model.artefact.golden.request()), 'application/json', None); "
        f"print(*[name for name in {LIGHT} if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(flown.job.model)]
    ended = subprocess.run(command, env={"PYTHONPATH": str(image)}, capture_output=True, text=True, check=True)
    needed = {"onnx": {"onnxruntime"}, "npz": set(), "skops": {"pandas", "sklearn", "scipy", "skops"}}[flown.form]
    found = set(ended.stdout.split())
    assert found == needed if flown.form != "skops" else needed <= found <= needed | {"pyarrow"}


def test_a_byte_more_or_another_form_is_refused(flown: Flown, tmp_path: Path) -> None:
    made = flown.artefact
    artefact.write(tmp_path, made.model, made.signature, made.golden, made.form)
    assert load(tmp_path, made.sha256).artefact == made
    path = tmp_path / artefact.MODELS[made.form]
    path.write_bytes(made.model + b"\x00")
    with pytest.raises(ArtefactInvalid, match=f"`{path.name}` in .* was altered or cut short"):
        load(tmp_path)
    path.unlink()
    others = [form for form in artefact.MODELS if form != made.form]
    for form in others:
        artefact.write(tmp_path, made.model, made.signature, made.golden, form)
        with pytest.raises(ArtefactInvalid):
            load(tmp_path)


def test_a_classification_needs_both_classes(tmp_path: Path) -> None:
    job = familiar.lay_out("tumours", tmp_path, familiar.published("tumours").assign(malignant=1))
    with pytest.raises(DataRejected, match="The target of the training rows is 1; a classification needs both 0 and 1"):
        train(job)
    assert not job.model.exists()
