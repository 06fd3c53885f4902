"""Nothing that is known only after departure reaches a prediction."""

import numpy as np
import pandas as pd
import pytest

from tests.model.trials import Predict
from windtunnel.ml import rows
from windtunnel.models.flights.spec import SPEC

LATER = [column.name for column in SPEC.columns if column.later]
LATER_IN_SOURCE = [name for name in LATER if name in SPEC.raw_columns]


def test_no_feature_is_declared_as_later() -> None:
    assert not set(SPEC.features) & set(LATER)
    assert SPEC.target in LATER


@pytest.mark.parametrize("column", LATER_IN_SOURCE)
def test_no_feature_is_derived_from_a_later_column(source: pd.DataFrame, column: str) -> None:
    changed = source.assign(**{column: source[column].sample(frac=1, random_state=1).to_numpy()})
    assert not changed[column].equals(source[column])
    features = list(SPEC.features)
    pd.testing.assert_frame_equal(SPEC.derive(changed)[features], SPEC.derive(source)[features])


def test_predictions_are_the_same_whatever_comes_later(flights: pd.DataFrame, predict: Predict) -> None:
    april = flights[(flights["month"] == 4) & (flights["departed"] == 1)].head(5000)
    garbage = april.assign(**{name: np.arange(len(april)) for name in LATER})
    assert not garbage[LATER].equals(april[LATER])
    pd.testing.assert_series_equal(predict(garbage), predict(april))


def test_features_need_none_of_the_later_columns(flights: pd.DataFrame) -> None:
    some = flights[flights["departed"] == 1].head(100)
    pd.testing.assert_frame_equal(rows.features(some.drop(columns=LATER), SPEC), rows.features(some, SPEC))


def test_flights_that_never_left_or_were_diverted_have_no_part_in_training(flights: pd.DataFrame) -> None:
    cancelled, diverted = flights[flights["departed"] == 0], flights[flights["diverted"] == 1]
    assert len(cancelled) > 1000
    assert len(diverted) > 100
    assert cancelled[SPEC.target].isna().all()
    assert diverted[SPEC.target].isna().all()
    assert (diverted[SPEC.eligible] == 1).all(), "a diverted flight asks for a prediction: nobody knows better then"
