"""What a prediction may not depend on, where it must move, and what it must manage at least."""

import numpy as np
import pandas as pd
import pytest

from tests.model.trials import Predict
from windtunnel.models.flights.spec import SPEC


@pytest.fixture(scope="module")
def april(flights: pd.DataFrame) -> pd.DataFrame:
    """Some flights of the holdout, evenly spread."""
    left = flights[(flights["month"] == 4) & (flights["departed"] == 1)]
    return left.iloc[:: len(left) // 2000]


class TestInvariance:
    def test_to_the_company_a_row_comes_in(self, april: pd.DataFrame, predict: Predict) -> None:
        together = predict(april)
        alone = pd.concat([predict(april.iloc[[row]]) for row in range(50)])
        pd.testing.assert_series_equal(alone, together.iloc[:50])
        backwards = predict(april.iloc[::-1]).iloc[::-1]
        pd.testing.assert_series_equal(backwards, together)

    @pytest.mark.parametrize("column", ["flight_id", "flight", "tailnum", "year", "month", "day"])
    def test_to_columns_that_are_no_features(self, april: pd.DataFrame, predict: Predict, column: str) -> None:
        changed = april.assign(**{column: april[column].iloc[::-1].to_numpy()})
        pd.testing.assert_series_equal(predict(changed), predict(april))


class TestDirection:
    @pytest.mark.parametrize("minutes", [15, 60, 240])
    def test_who_leaves_later_arrives_later(self, april: pd.DataFrame, predict: Predict, minutes: int) -> None:
        moved = predict(april.assign(dep_delay=april["dep_delay"] + minutes)) - predict(april)
        assert (moved > 0).mean() > 0.99
        assert moved.mean() == pytest.approx(minutes, rel=0.35)

    def test_beyond_every_delay_of_the_training_it_still_grows(self, flights: pd.DataFrame, predict: Predict) -> None:
        days_late = pd.DataFrame([SPEC.example] * 2).assign(dep_delay=[2000.0, 3000.0])
        assert flights["dep_delay"].max() < 2000
        first, second = predict(days_late)
        assert second - first == pytest.approx(1000, abs=1)


class TestMinimumFunction:
    def test_a_flight_on_time_is_expected_about_on_time(self, predict: Predict) -> None:
        (expected,) = predict(pd.DataFrame([SPEC.example]))
        assert -40 < expected < 40

    def test_a_flight_hours_late_is_expected_hours_late(self, predict: Predict) -> None:
        (expected,) = predict(pd.DataFrame([SPEC.example | {"dep_delay": 300.0}]))
        assert 240 < expected < 360

    @pytest.mark.parametrize(
        "strange", [{"dest": "XXX"}, {"carrier": "ÿ"}, {"origin": "BOS"}, {"dep_delay": None}, {"distance": 20_000}]
    )
    def test_what_training_never_saw_is_answered_within_reason(
        self, predict: Predict, strange: dict[str, object]
    ) -> None:
        (expected,) = predict(pd.DataFrame([SPEC.example | strange]).astype({"dep_delay": float}))
        assert -90 < expected < 90

    def test_a_missing_delay_counts_as_none(self, april: pd.DataFrame, predict: Predict) -> None:
        missing = predict(april.assign(dep_delay=np.nan))
        assert np.isfinite(missing).all()
        assert (missing - predict(april.assign(dep_delay=0.0))).abs().mean() < 30
