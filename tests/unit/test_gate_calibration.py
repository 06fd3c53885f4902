"""The rule "better overall" at the flagship's size: how often it promotes what is equal, worse or better.

The error rates of more months, pairs and methods stand in docs/decisions/0017-gate.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit import months

PAIRS = 500


def promoted(kind: months.Kind, stretch: int) -> float:
    found = months.compared(kind, stretch, PAIRS)
    share = float(np.mean([ratio.high < 0 for ratio in found]))
    smaller = float(np.mean([ratio.estimate < 0 for ratio in found]))
    print(f"{kind}, stretches of {stretch} days: {share:.1%} of {PAIRS} promoted, {smaller:.1%} have the smaller RMSE")
    return share


@pytest.mark.parametrize("stretch", [1, 7], ids=["days by themselves", "days that follow one another"])
def test_of_equal_models_at_most_6_percent_are_promoted(stretch: int) -> None:
    assert promoted("equal", stretch) <= 0.06


def test_the_smaller_rmse_alone_would_promote_every_other_of_them() -> None:
    """So the pairs do differ from month to month, and the test above could fail."""
    found = [ratio.estimate for ratio in months.compared("equal", 7, PAIRS // 5)]
    assert 0.4 < np.mean(np.array(found) < 0) < 0.6
    assert np.std(found) > 0.005


def test_of_models_5_percent_worse_at_most_1_percent_are_promoted() -> None:
    assert promoted("worse", 7) <= 0.01


def test_of_models_5_percent_better_at_least_90_percent_are_promoted() -> None:
    assert promoted("better", 7) >= 0.9


def test_a_month_of_the_simulation_has_the_size_of_a_real_one() -> None:
    at, day = months.month(7, np.random.default_rng(0))
    assert len(np.unique(day)) == months.DAYS
    assert 26_000 < len(at) < 29_000
