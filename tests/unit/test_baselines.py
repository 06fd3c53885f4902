"""What a model must be better than, on rows small enough to reckon by hand."""

import numpy as np
import pandas as pd
import pytest

from windtunnel.ml import baselines, rows
from windtunnel.models.flights.spec import SPEC


def test_seasonal_naive_is_the_mean_of_the_group_and_of_all_for_a_group_never_seen() -> None:
    train = pd.DataFrame(
        {"carrier": ["UA", "UA", "B6"], "sched_dep_hour": [5, 5, 6], SPEC.target: [10.0, 20.0, -6.0]}, index=[7, 8, 9]
    )
    asked = pd.DataFrame({"carrier": ["B6", "UA", "UA"], "sched_dep_hour": [6, 5, 6]})
    assert list(baselines.seasonal_naive(train, asked, SPEC)) == [-6.0, 15.0, 8.0]


def test_linear_finds_a_line_and_takes_unknown_categories_and_gaps() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame([SPEC.example] * 600).assign(
        dep_delay=random.normal(10, 30, 600), distance=random.integers(100, 2500, 600), carrier=["UA", "B6"] * 300
    )
    target = 2 * frame["dep_delay"] - 0.01 * frame["distance"] + np.where(frame["carrier"] == "B6", 5.0, 0.0)
    features = rows.features(frame, SPEC)
    found = baselines.linear(features, target.to_numpy(), features, SPEC)
    assert found == pytest.approx(target.to_numpy(), abs=0.5)
    strange = pd.DataFrame([SPEC.example]).assign(carrier="ZZ", dep_delay=np.nan)
    assert np.isfinite(baselines.linear(features, target.to_numpy(), rows.features(strange, SPEC), SPEC)).all()
