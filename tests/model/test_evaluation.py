"""The program `evaluate`: figures, parity on the whole holdout, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LinearRegression

from tests.graphs import of_column
from tests.model.trials import HOLDOUT, TRAIN, pack, run
from windtunnel.core.errors import WindtunnelError
from windtunnel.core.window import Window
from windtunnel.ml import artefact, rows
from windtunnel.ml.candidate import Candidate, read_candidate
from windtunnel.ml.container import Container
from windtunnel.ml.evaluation import evaluate, measure
from windtunnel.ml.evaluation_report import BASELINES, EvaluationReport
from windtunnel.ml.metrics import quality
from windtunnel.ml.training import ESTIMATOR, SUMMARY
from windtunnel.models.flights.spec import SPEC
from windtunnel.serving import latency


def arguments(train: Window = TRAIN, holdout: Window = HOLDOUT) -> list[str]:
    return [
        *("--model", "flights", "--train-start", str(train.start), "--train-end", str(train.end)),
        *("--holdout-start", str(holdout.start), "--holdout-end", str(holdout.end)),
    ]


def report_of(container: Container) -> EvaluationReport:
    return EvaluationReport.model_validate_json((container.processing("evaluation") / "evaluation.json").read_text())


def reason_of(container: Container) -> str:
    return (container.base / "output" / "message").read_text()


def refuse(container: Container, reason: str, **windows: Window) -> None:
    with pytest.raises(WindtunnelError, match=re.escape(reason)):
        evaluate(container, arguments(**windows), latency.measure)
    assert not container.processing("evaluation").exists()


def test_april_is_predicted_better_than_by_both_baselines_and_alike_by_onnx_and_scikit_learn(
    evaluation: Container, trained: Container, flights: pd.DataFrame
) -> None:
    ended = run("evaluate", evaluation, *arguments())
    assert ended.returncode == 0, ended.stderr
    found = report_of(evaluation)
    print(json.dumps(found.metrics, indent=1))
    for error in ("mse", "rmse", "mae"):
        assert found.metrics[error] < found.metrics[f"linear_{error}"] < found.metrics[f"seasonal_naive_{error}"]
    assert found.metrics["r2"] > found.metrics["linear_r2"]
    assert found.unit == "minutes"
    asked = flights[(flights["month"] == 4) & (flights["departed"] == 1) & flights["arr_delay"].notna()]
    assert found.holdout.rows == len(asked)

    print(found.parity)
    assert found.parity.largest_difference is not None
    assert found.parity.largest_difference <= found.parity.tolerance == SPEC.evaluation.onnx_tolerance
    assert (found.answers.not_finite, found.champion) == (0, None)
    # It adds the delay at departure to what the trees say, so no other feature comes near it.
    assert set(found.contributions) == set(SPEC.features)
    sizes = [*found.contributions.values()]
    assert next(iter(found.contributions)) == "dep_delay"
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 3 * sizes[1] > 0
    print(found.serving)
    assert found.serving.size_bytes == len(artefact.read(trained.model).model)
    assert found.serving.requests == latency.MOST_REQUESTS
    assert 0 < found.serving.p50_ms <= found.serving.p99_ms < SPEC.gate.most_p99_ms

    told = pd.read_parquet(evaluation.processing("evaluation") / "holdout.parquet")
    assert set(told["flight_id"]) == set(asked["flight_id"])
    assert "champion_prediction" not in told
    for prefix, column in (("", "prediction"), *((f"{name}_", column) for name, column in BASELINES.items())):
        assert quality(told["arr_delay"], told[column]).rmse == pytest.approx(found.metrics[f"{prefix}rmse"])
    for name, slices in found.slices.items():
        assert {value: each.rows for value, each in slices.items()} == told[name].value_counts().to_dict()


def test_a_difference_above_the_tolerance_and_a_constant_are_written_down(
    evaluation: Container, snapshot: Path
) -> None:
    candidate = read_candidate(evaluation.processing("model"), evaluation.processing("estimator"), SPEC, TRAIN)
    seen, unseen = (rows.read_window(snapshot, SPEC, window) for window in (TRAIN, HOLDOUT))
    served = latency.measure(candidate.artefact)
    stricter = SPEC.model_copy(update={"evaluation": SPEC.evaluation.model_copy(update={"onnx_tolerance": 1e-12})})
    found, _ = measure(candidate, None, stricter, (TRAIN, seen), (HOLDOUT, unseen), served)
    assert found.parity.largest_difference is not None
    assert found.parity.largest_difference > found.parity.tolerance == 1e-12

    same = pd.concat([unseen.head(1)] * 3, ignore_index=True)
    found, _ = measure(candidate, None, SPEC, (TRAIN, seen.head(500)), (HOLDOUT, same), served)
    assert (found.answers.distinct, found.answers.not_finite) == (1, 0)


class Logarithm:
    """A model that has no answer for a flight that leaves early: the logarithm of its delay."""

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(frame["dep_delay"].to_numpy(dtype=np.float64))

    @staticmethod
    def onnx() -> bytes:
        return bytes(of_column("Log", SPEC.features, "dep_delay").SerializeToString())


def test_answers_that_are_no_numbers_are_counted_and_the_report_stays_json(trained: Container, snapshot: Path) -> None:
    seen, unseen = (rows.read_window(snapshot, SPEC, window) for window in (TRAIN, HOLDOUT))
    candidate = Candidate(artefact.read(trained.model).model_copy(update={"model": Logarithm.onnx()}), Logarithm())
    served = latency.measure(candidate.artefact)
    assert served.requests == latency.MOST_REQUESTS  # refusals are timed like answers
    found, answered = measure(candidate, None, SPEC, (TRAIN, seen), (HOLDOUT, unseen), served)
    assert found.answers.not_finite == (unseen["dep_delay"] <= 0).sum() > 0
    assert np.count_nonzero(~np.isfinite(answered["prediction"])) == found.answers.not_finite
    assert found.parity.largest_difference is None
    assert "rmse" not in found.metrics
    assert "linear_rmse" in found.metrics
    assert EvaluationReport.model_validate_json(found.model_dump_json()) == found


def test_an_estimator_that_is_not_the_artefacts_is_seen_by_its_answers(
    evaluation: Container, trained: Container, another: Container, tmp_path: Path
) -> None:
    """Both archives are whole and say they belong together: only the predictions tell them apart."""
    claimed = tmp_path / "claimed"
    shutil.copytree(another.output, claimed)
    summary = json.loads((claimed / SUMMARY).read_text())
    summary["artefact_sha256"] = json.loads((trained.output / SUMMARY).read_text())["artefact_sha256"]
    (claimed / SUMMARY).write_text(json.dumps(summary))
    pack(claimed, evaluation.processing("estimator") / "output.tar.gz")
    ended = run("evaluate", evaluation, *arguments())
    assert ended.returncode == 0, ended.stderr
    parity = report_of(evaluation).parity
    assert parity.largest_difference is not None
    assert parity.largest_difference > 100 * parity.tolerance


def test_the_estimator_of_another_training_is_refused(evaluation: Container, another: Container) -> None:
    pack(another.output, evaluation.processing("estimator") / "output.tar.gz")
    refuse(evaluation, "The artefact's digest is")


def test_an_altered_artefact_is_refused(evaluation: Container, trained: Container, tmp_path: Path) -> None:
    altered = tmp_path / "altered"
    altered.mkdir()
    for path in trained.model.iterdir():
        (altered / path.name).write_bytes(path.read_bytes())
    (altered / "model.onnx").write_bytes((trained.model / "model.onnx").read_bytes()[:-1])
    pack(altered, evaluation.processing("model") / "model.tar.gz")
    refuse(evaluation, "`model.onnx` in")


def test_an_estimator_that_could_run_other_code_is_refused(
    evaluation: Container, trained: Container, tmp_path: Path
) -> None:
    estimator = LinearRegression()
    estimator.attached = pytest.raises  # a type skops does not trust by itself
    output = tmp_path / "output-of-training"
    output.mkdir()
    dumped = skops.io.dumps(estimator)
    (output / ESTIMATOR).write_bytes(dumped)
    summary = json.loads((trained.output / SUMMARY).read_text())
    summary["estimator_sha256"] = hashlib.sha256(dumped).hexdigest()
    (output / SUMMARY).write_text(json.dumps(summary))
    pack(output, evaluation.processing("estimator") / "output.tar.gz")
    refuse(evaluation, "holds types that are not trusted")


def test_windows_that_cannot_be_judged_on_are_refused(evaluation: Container) -> None:
    refuse(evaluation, "The holdout", holdout=Window.month("2013-03"))
    refuse(evaluation, "No eligible, labelled rows", holdout=Window.month("2013-07"))
    refuse(evaluation, "The training window is", train=Window.month("2013-02"))


def test_a_missing_argument_is_named_in_the_jobs_message(evaluation: Container) -> None:
    assert run("evaluate", evaluation, "--model", "flights").returncode == 1
    assert reason_of(evaluation).startswith("SettingInvalid: The job's ContainerArguments are wrong: the following")
    assert "--train-start" in reason_of(evaluation)
