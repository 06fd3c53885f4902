"""Shapley values have the properties that define them, and the closed forms where there are some."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from windtunnel.ml.contributions import MOST_EXACT, contributions, mean_contributions

Matrix = npt.NDArray[np.float32]


def rows(count: int, features: int, seed: int = 0) -> Matrix:
    return np.random.default_rng(seed).normal(size=(count, features)).astype(np.float32)


def line(weights: npt.NDArray[np.float64]) -> Callable[[Matrix], npt.NDArray[np.float32]]:
    return lambda matrix: (matrix.astype(np.float64) @ weights + 7).astype(np.float32)


def crossed(matrix: Matrix) -> npt.NDArray[np.float32]:
    """Features that work together, one that does nothing, and one that is missing now and then."""
    first, second, third = matrix[:, 0], matrix[:, 1], matrix[:, 2]
    found: npt.NDArray[np.float32] = np.where(np.isnan(third), -3, first * second + np.maximum(third, 0) * first)
    return found.astype(np.float32)


@pytest.mark.parametrize("features", [1, 4, MOST_EXACT, MOST_EXACT + 5])
def test_of_a_line_they_are_its_weights_times_the_way_from_the_mean(features: int) -> None:
    weights, background, row = np.arange(1.0, features + 1), rows(20, features), rows(1, features, 1)[0]
    found = contributions(line(weights), row, background)
    np.testing.assert_allclose(found.values, weights * (row - background.mean(axis=0)), atol=1e-4)
    assert found.base == pytest.approx(float(line(weights)(background).mean()), abs=1e-4)


@pytest.mark.parametrize("features", [4, MOST_EXACT + 2])
def test_base_and_contributions_are_the_answer_and_an_idle_feature_has_none(features: int) -> None:
    background, row = rows(9, features), rows(1, features, 1)[0]
    background[::3, 2] = np.nan
    found = contributions(crossed, row, background)
    assert found.base + found.values.sum() == pytest.approx(float(crossed(row[None])[0]), abs=1e-5)
    assert found.values[3:] == pytest.approx(0, abs=1e-9)


def test_they_are_the_mean_over_all_orders() -> None:
    features = 4
    background, row = rows(5, features), rows(1, features, 1)[0]
    orders = list(itertools.permutations(range(features)))
    wanted = np.zeros(features)
    for order in orders:
        asked = background.copy()
        before = crossed(asked).mean(dtype=np.float64)
        for feature in order:
            asked[:, feature] = row[feature]
            after = crossed(asked).mean(dtype=np.float64)
            wanted[feature] += (after - before) / len(orders)
            before = after
    np.testing.assert_allclose(contributions(crossed, row, background).values, wanted, atol=1e-6)


def test_drawn_orders_are_near_the_exact_ones_and_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    background, row = rows(16, 8), rows(1, 8, 1)[0]
    exact = contributions(crossed, row, background)
    monkeypatch.setattr("windtunnel.ml.contributions.MOST_EXACT", 3)
    drawn = contributions(crossed, row, background)
    assert drawn.base == pytest.approx(exact.base)
    np.testing.assert_allclose(drawn.values, exact.values, atol=0.1 * np.abs(exact.values).max())
    np.testing.assert_array_equal(drawn.values, contributions(crossed, row, background).values)


def test_the_picture_of_all_rows_is_the_mean_of_their_sizes() -> None:
    background, some = rows(6, 3), rows(4, 3, 1)
    each = [np.abs(contributions(crossed, row, background).values) for row in some]
    np.testing.assert_allclose(mean_contributions(crossed, some, background), np.mean(each, axis=0))
