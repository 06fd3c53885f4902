"""Errors of predictions against scikit-learn's, and the lines a training job tells them by."""

import re

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from windtunnel.ml.metrics import METRIC_DEFINITIONS, by_group, metric_lines, quality


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
