"""Errors on a holdout: of everybody who answered, by day and by slice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from windtunnel.core.catalog import model_spec
from windtunnel.ml.holdout import MOST_VALUES, judge

SPEC = model_spec("flights")


def rows(days: int = 4, each: int = 50, carriers: int = 2) -> pd.DataFrame:
    """Arrivals of zero, answered with errors of 1, 2, 3 and 4 minutes."""
    count = days * each
    moments = pd.date_range("2013-04-01 06:00", periods=days, freq="D").repeat(each)
    sign = np.where(np.arange(count) % 2, 1.0, -1.0)
    return pd.DataFrame(
        {
            SPEC.event_time: moments,
            SPEC.target: np.zeros(count),
            "origin": "EWR",
            "carrier": [f"C{at % carriers}" for at in range(count)],
            "prediction": 1.0 * sign,
            "champion_prediction": 2.0 * sign,
            "linear_prediction": 3.0 * sign,
            "seasonal_naive_prediction": 4.0 * sign,
        }
    )


def test_everybody_who_answered_has_errors() -> None:
    found = {errors.name: errors.quality.rmse for errors in judge(rows(), SPEC).errors}
    assert found == {"this version": 1, "champion": 2, "linear baseline": 3, "seasonal-naive baseline": 4}


def test_without_a_champion_there_is_none() -> None:
    found = judge(rows().drop(columns="champion_prediction"), SPEC)
    assert "champion" not in {errors.name for errors in found.errors}
    assert {slice_.champion_rmse for slice_ in found.slices} == {None}


def test_bounds_hold_the_estimate_and_need_two_days() -> None:
    noisy = rows(days=20)
    noisy["prediction"] = np.random.default_rng(3).normal(0, 5, len(noisy))
    own = judge(noisy, SPEC).errors[0]
    assert own.rmse is not None
    assert own.rmse.estimate == pytest.approx(own.quality.rmse)
    assert own.rmse.low < own.rmse.estimate < own.rmse.high
    assert judge(rows(days=1), SPEC).errors[0].rmse is None


def test_days_are_in_order_with_their_rows() -> None:
    shuffled = rows().sample(frac=1, random_state=1).reset_index(drop=True)
    found = judge(shuffled, SPEC).days
    assert [str(day.day) for day in found] == ["2013-04-01", "2013-04-02", "2013-04-03", "2013-04-04"]
    assert {(day.rows, day.rmse["this version"], day.rmse["champion"]) for day in found} == {(50, 1.0, 2.0)}


def test_many_values_of_a_slice_are_counted_and_left_out() -> None:
    found = judge(rows(each=200, carriers=MOST_VALUES + 7), SPEC)
    assert sum(slice_.column == "carrier" for slice_ in found.slices) == MOST_VALUES
    assert found.more_slices == {"carrier": 7}


def test_answers_that_are_no_numbers_have_no_errors() -> None:
    broken = rows()
    broken.loc[0, "prediction"] = np.nan
    found = judge(broken, SPEC)
    assert "this version" not in {errors.name for errors in found.errors}
    assert found.slices == ()
