"""Permutation importance: against a model whose importances are known, on the trained one, and what it costs."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.model.test_evaluation import arguments, report_of
from tests.model.trials import HOLDOUT, Predict, run
from windtunnel.ml import rows
from windtunnel.ml.container import Container
from windtunnel.ml.evaluation_report import EvaluationReport
from windtunnel.ml.importance import MOST_ROWS, importance
from windtunnel.models.flights.spec import SPEC


def test_a_line_has_the_importances_that_its_coefficients_say() -> None:
    """y = 3a + b, exactly: shuffling a column of deviation s adds differences of deviation s * sqrt(2)."""
    random = np.random.default_rng(7)
    frame = pd.DataFrame({name: random.normal(size=MOST_ROWS) for name in ("b", "unused", "a")})
    found = importance(lambda rows: (3 * rows["a"] + rows["b"]).to_numpy(), frame, (3 * frame.a + frame.b).to_numpy())
    assert list(found) == ["a", "b", "unused"]
    assert found["a"] == pytest.approx(3 * np.sqrt(2), rel=0.02)
    assert found["b"] == pytest.approx(np.sqrt(2), rel=0.02)
    assert found["unused"] == 0


def test_a_feature_used_to_the_models_harm_is_negative_and_no_number_is_none() -> None:
    frame = pd.DataFrame({"a": np.arange(500.0), "b": np.arange(500.0)})
    harmful = importance(lambda rows: -rows["a"].to_numpy(), frame, frame["a"].to_numpy())
    assert harmful["a"] < 0
    assert importance(lambda rows: np.full(len(rows), np.nan), frame, frame["a"].to_numpy()) == {}


def test_an_evaluation_measures_it_within_a_second_and_a_half(
    evaluation: Container, snapshot: Path, predict: Predict
) -> None:
    assert run("evaluate", evaluation, *arguments()).returncode == 0
    report = report_of(evaluation)
    told = report.importance
    print(told)
    assert set(told) == set(SPEC.features)
    assert next(iter(told)) == "dep_delay"
    assert told["dep_delay"] > 10 * sorted(told.values())[-2] > 0

    table = rows.read_window(snapshot, SPEC, HOLDOUT)
    target = table[SPEC.target].to_numpy(dtype=np.float64)
    began = time.process_time()
    again = importance(lambda frame: predict(frame).to_numpy(), rows.features(table, SPEC), target)
    took = time.process_time() - began
    print(f"{took:.2f} s of CPU")
    assert took < 1.5
    assert again == told

    older = report.model_dump(mode="json", exclude={"importance"})
    assert EvaluationReport.model_validate(older).importance == {}, "it was not measured then"

    every = np.linspace(0, len(table) - 1, MOST_ROWS).astype(int)
    part = table.iloc[every].reset_index(drop=True)
    rmse = [
        np.sqrt(np.mean((predict(asked) - part[SPEC.target]) ** 2))
        for asked in (part, part.assign(dep_delay=part["dep_delay"].sample(frac=1, random_state=1).to_numpy()))
    ]
    assert told["dep_delay"] == pytest.approx(rmse[1] - rmse[0], rel=0.05)


def test_ten_thousand_rows_say_what_all_of_a_month_say(
    snapshot: Path, predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = rows.read_window(snapshot, SPEC, HOLDOUT)
    target = table[SPEC.target].to_numpy(dtype=np.float64)

    def measured() -> pd.Series:
        found = importance(lambda frame: predict(frame).to_numpy(), rows.features(table, SPEC), target)
        return pd.Series(found) / sum(found.values())

    part = measured()
    monkeypatch.setattr("windtunnel.ml.importance.MOST_ROWS", len(table))
    everything = measured()
    print(pd.DataFrame({"part": part, "everything": everything}))
    assert len(table) > 2 * MOST_ROWS
    assert (part - everything).abs().max() < 0.01
