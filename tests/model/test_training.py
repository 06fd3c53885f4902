"""The program `train`: what it writes, that it writes the same twice, and how it refuses."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.model.trials import TRAIN, Predict, run
from windtunnel.ml import artefact, rows, trusted
from windtunnel.ml.container import Container
from windtunnel.ml.metrics import METRIC_DEFINITIONS
from windtunnel.ml.training import ESTIMATOR, SUMMARY, Training
from windtunnel.models.flights.estimator import HYPERPARAMETERS
from windtunnel.models.flights.spec import SPEC


def test_the_artefact_and_the_estimator_are_written_and_named(trained: Container) -> None:
    assert {path.name for path in trained.model.iterdir()} == {"model.onnx", *artefact.FILES, artefact.LISTING}
    assert {path.name for path in trained.output.iterdir()} == {ESTIMATOR, SUMMARY}
    summary = Training.model_validate_json((trained.output / SUMMARY).read_text())
    assert summary.artefact_sha256 == artefact.read(trained.model).sha256
    assert summary.hyperparameters == {name: rule.default for name, rule in HYPERPARAMETERS.items()}


def test_the_signature_says_what_a_request_needs(trained: Container, flights: pd.DataFrame) -> None:
    signature = artefact.read(trained.model).signature
    assert [feature.name for feature in signature.features] == list(SPEC.features)
    assert (signature.target, signature.unit) == ("arr_delay", "minutes")
    by_name = {feature.name: feature for feature in signature.features}
    assert by_name["dep_delay"].nullable
    assert not by_name["distance"].nullable
    assert by_name["origin"].categories == ("EWR", "JFK", "LGA")
    assert set(by_name["carrier"].categories or ()) <= set(flights["carrier"])


def test_the_signature_says_what_the_model_answered_to_its_own_rows(
    trained: Container, flights: pd.DataFrame, predict: Predict
) -> None:
    months = flights["scheduled_at"].between(str(TRAIN.start), str(TRAIN.end), inclusive="left")
    own = predict(flights[months & flights[SPEC.target].notna()])
    answers = artefact.read(trained.model).signature.answers
    assert (answers.mean, answers.deviation) == pytest.approx((own.mean(), own.std(ddof=0)), rel=1e-5)
    assert (answers.low, answers.high) == SPEC.serving.plausible


def test_golden_rows_are_real_rows_with_the_estimators_own_answers(trained: Container, flights: pd.DataFrame) -> None:
    golden = artefact.read(trained.model).golden
    assert len(golden.rows) == SPEC.serving.golden_rows
    frame = pd.DataFrame(list(golden.rows), columns=list(golden.columns))
    assert frame.merge(flights, on=list(SPEC.features), how="left")["flight_id"].notna().all()
    estimator = trusted.load((trained.output / ESTIMATOR).read_bytes(), ESTIMATOR)
    expected = estimator.predict(rows.features(frame, SPEC))
    assert np.asarray(golden.predictions) == pytest.approx(expected, abs=golden.tolerance)


def test_the_same_input_gives_the_same_artefact_whatever_threads_hashes_and_the_order_of_files(
    trained: Container, job: Callable[..., Container], snapshot: Path
) -> None:
    again = job()
    again.channel("train").unlink()
    again.channel("train").mkdir()
    for number, path in enumerate(sorted(snapshot.rglob("*.parquet"), reverse=True)):
        shutil.copy(path, again.channel("train") / f"{number}.parquet")
    for seed in "02":  # with these two skl2onnx lists its operator sets in another order
        assert run("train", again, OMP_NUM_THREADS="1", PYTHONHASHSEED=seed).returncode == 0
        assert artefact.read(again.model).sha256 == artefact.read(trained.model).sha256


def test_other_hyperparameters_give_another_artefact_and_metrics_that_sagemaker_reads(
    trained: Container, job: Callable[..., Container]
) -> None:
    other = job(max_iter="20", _tuning_objective_metric="train:rmse")
    ended = run("train", other)
    assert ended.returncode == 0, ended.stderr
    assert artefact.read(other.model).sha256 != artefact.read(trained.model).sha256
    summary = Training.model_validate_json((other.output / SUMMARY).read_text())
    for definition in METRIC_DEFINITIONS:
        (told,) = re.findall(definition["Regex"], ended.stdout)
        written = getattr(summary.quality, definition["Name"].removeprefix("train:"))
        assert float(told) == pytest.approx(written)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"model": "trains"}, "UnknownModel: Unknown model `trains`. Known models: .*`flights`"),
        ({"max_iter": "0"}, "HyperparameterInvalid: Hyper-parameter `max_iter` is `0`; allowed is an integer from 1"),
        ({"depth": "3"}, "HyperparameterInvalid: Unknown hyper-parameter `depth`. Allowed: .*`max_iter`"),
        ({"window_start": "2013-13"}, "WindowInvalid: `2013-13` is not a day or a month"),
        ({"window_start": "2013-05-01"}, "WindowInvalid: Window `2013-05-01`..`2013-04-01` is empty"),
        (
            {"window_start": "2014-01-01", "window_end": "2014-02-01"},
            "WindowInvalid: No eligible, .* in `2014-01-01..2014-02-01`.* rows from `2013-01-01 05:15:00` to `2013-04-30",
        ),
    ],
    ids=["model", "value", "name", "month", "order", "window"],
)
def test_a_request_that_cannot_be_met_ends_with_the_reason_and_no_model(
    job: Callable[..., Container], given: dict[str, str], reason: str
) -> None:
    container = job(**given)
    assert run("train", container).returncode == 1
    assert re.match(reason, (container.base / "output" / "failure").read_text())
    assert not container.model.exists()


def test_a_missing_hyperparameter_is_named(job: Callable[..., Container]) -> None:
    container = job()
    container.hyperparameters.write_text(json.dumps({"model": "flights"}))
    assert run("train", container).returncode == 1
    reason = (container.base / "output" / "failure").read_text()
    assert "`window_end`, `window_start` is missing; given are `model`" in reason
