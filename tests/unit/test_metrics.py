"""Errors of predictions against scikit-learn's, and the lines a training job tells them by."""

import re

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    roc_auc_score,
)

from windtunnel.core.spec import Task
from windtunnel.ml.metrics import (
    FIRST,
    METRIC_DEFINITIONS,
    by_group,
    losses,
    metric_lines,
    quality,
    scores,
    worse_by,
)


def test_errors_are_scikit_learns() -> None:
    random = np.random.default_rng(0)
    target, prediction = random.normal(10, 40, 500), random.normal(10, 40, 500)
    found = quality(target, prediction)
    assert found.mse == pytest.approx(mean_squared_error(target, prediction))
    assert found.rmse == pytest.approx(mean_squared_error(target, prediction) ** 0.5)
    assert found.mae == pytest.approx(mean_absolute_error(target, prediction))
    assert found.r2 == pytest.approx(r2_score(target, prediction))
    assert found.rows == 500


def test_r2_is_none_where_the_target_does_not_vary() -> None:
    assert quality([3.0, 3.0], [1.0, 5.0]).r2 is None
    assert quality([3.0], [1.0]).rmse == 2


def test_float32_predictions_are_judged_in_float64() -> None:
    target = np.full(1000, 1e6)
    assert quality(target, (target + 0.5).astype(np.float32)).mse == 0.25


def test_groups_come_largest_first_and_cover_all_rows() -> None:
    groups = np.array(["b", "a", "b", "c", "b", "a"], dtype=object)
    target = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    found = by_group(groups, target, target + 1)
    assert list(found) == ["b", "a", "c"]
    assert [each.rows for each in found.values()] == [3, 2, 1]
    assert all(each.mae == 1 for each in found.values())


@pytest.mark.parametrize("value", [12.3, -0.5, 1e-12, 3.2e18, 77_911.0])
def test_sagemaker_reads_back_every_metric_line(value: float) -> None:
    lines = metric_lines({definition["Name"]: value for definition in METRIC_DEFINITIONS})
    for definition in METRIC_DEFINITIONS:
        (found,) = re.findall(definition["Regex"], lines)
        assert float(found) == pytest.approx(value)


@pytest.fixture
def judged() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Targets 0 and 1, and probabilities with ties."""
    random = np.random.default_rng(2)
    target = (random.random(400) < 0.2).astype(np.float64)
    return target, np.clip(np.round(random.normal(0.3 + 0.3 * target, 0.2), 2), 0, 1)


def test_a_classification_is_scored_as_scikit_learn_does(
    judged: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
) -> None:
    target, said = judged
    assert scores("classification", target, said, at=9) == pytest.approx(
        {
            "log_loss": log_loss(target, said),
            "accuracy": accuracy_score(target, said > 0.5),
            "f1": f1_score(target, said > 0.5),
            "roc_auc": roc_auc_score(target, said),
        }
    )
    assert losses("classification", target, said).mean() == pytest.approx(log_loss(target, said))


def test_an_anomaly_is_scored_by_rank(judged: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]) -> None:
    target, said = judged
    found = scores("anomaly", target, said, at=50)
    assert found["pr_auc"] == pytest.approx(average_precision_score(target, said))
    random = np.random.default_rng(0)
    draws = [
        target[np.lexsort((random.random(len(said)), -said))[:50]].mean() for _ in range(4_000)
    ]  # ties in any order
    assert found["precision_at_k"] == pytest.approx(np.mean(draws), abs=0.002)
    assert scores("anomaly", target * 2 - 1, said * 7, at=50) == found, "ranks alone"


@pytest.mark.parametrize(
    ("task", "target", "defined"),
    [
        ("regression", [2.0, 2.0], {"mse", "rmse", "mae"}),
        ("regression", [2.0, 3.0], {"mse", "rmse", "mae", "r2"}),
        ("classification", [1.0, 1.0], {"log_loss", "accuracy", "f1"}),
        ("classification", [0.0, 0.0], {"log_loss", "accuracy"}),
        ("anomaly", [0.0, 0.0], set()),
        ("anomaly", [0.0, 1.0], {"pr_auc"}),
        ("anomaly", [0.0, 1.0, 0.0], {"pr_auc", "precision_at_k"}),
    ],
)
def test_what_rows_do_not_define_is_left_out(task: Task, target: list[float], defined: set[str]) -> None:
    said = np.linspace(0.1, 0.4, len(target))
    assert set(scores(task, target, said, at=3)) == defined
    assert scores(task, [], [], at=3) == {}


def test_an_answer_that_is_no_probability_costs_what_the_worst_costs() -> None:
    worst = scores("classification", [0.0, 1.0], [1.0, 1.0], at=1)["log_loss"]
    assert scores("classification", [0.0, 1.0], [7.0, 1.0], at=1)["log_loss"] == worst
    assert losses("classification", np.array([0.0, 1.0]), np.array([7.0, 1.0])).mean() == pytest.approx(worst)


def test_worse_is_above_1_whichever_way_a_metric_goes() -> None:
    assert worse_by("rmse", 12, 10) == 1.2
    assert worse_by("pr_auc", 0.5, 0.6) == 1.2
    assert (worse_by("rmse", 0, 0), worse_by("rmse", 1, 0)) == (1, np.inf)
    assert worse_by(FIRST["anomaly"], 0.7, 0.6) < 1
