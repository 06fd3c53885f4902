"""detect, against the embedded AWS, on real flights: a table of scores that anybody can compute again."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest

from tests.monitor.live_model import (
    HOLDOUT,
    MARCH,
    SPEC,
    TRAIN,
    Traffic,
    departed,
    prediction_of,
    publish,
    register,
    rows_of,
    serve,
)
from windtunnel.aws import measurements, parquet, reference
from windtunnel.core.contracts import CollectedPredictions, DetectedDrift, WindowDrift
from windtunnel.core.spec import Kind
from windtunnel.core.window import Window
from windtunnel.ml.drift import drift_score, share_scores
from windtunnel.ml.joined import DAY, PREDICTION
from windtunnel.stages.absorb import absorb
from windtunnel.stages.collect import collect
from windtunnel.stages.detect import detect

pytestmark = pytest.mark.usefixtures("lake_of_its_own")
LATE = (SPEC.target, "missing")
"""A label that has not come is no missing value."""
FIRST, SECOND, THIRD, FOURTH = MARCH.parts(7)


def gathered(asked: pd.DataFrame, labels_until: str = "2013-04-01") -> CollectedPredictions:
    """A model of January, judged on February, is asked some flights of March; labels have come until a day."""
    publish(TRAIN, rows_of(TRAIN))
    champion = serve(register(publish(HOLDOUT, rows_of(HOLDOUT))), "2013-03-01T00:00")
    traffic = Traffic()
    traffic.fly(asked, np.nan_to_num(prediction_of(asked)))
    traffic.capture()
    labels = publish(MARCH, rows_of(Window.parse("2013-03-01", labels_until)))
    made = collect(champion, None, MARCH, labels, absorb(SPEC.name))
    assert made is not None
    return made


def planted() -> pd.DataFrame:
    """A quarter of March: Southwest is missing in the second week, `distance` is stuck at 0 in the third."""
    rows = departed(MARCH).iloc[::4]
    day = rows[SPEC.event_time].dt.date
    in_second, in_third = ((day >= week.start) & (day < week.end) for week in (SECOND, THIRD))
    rows = rows[~(in_second & (rows["carrier"] == "WN"))]
    changed: pd.DataFrame = rows.assign(distance=rows["distance"].where(~in_third[rows.index], 0))
    return changed


def table() -> pd.DataFrame:
    found = measurements.read(SPEC.name, "drift")
    assert found is not None
    rows: pd.DataFrame = found.to_pandas()
    return rows


def computed_again(collected: CollectedPredictions) -> pd.DataFrame:
    """Every score of every window, from the collected predictions and what the version left behind."""
    rows, evaluated = parquet.read(collected.rows), collected.champion.evaluated
    known = {PREDICTION: reference.holdout_predictions(evaluated)}
    training, found = reference.training_rows(evaluated), []
    for window in collected.windows:
        part = rows.filter(pc.and_(pc.greater_equal(rows[DAY], window.start), pc.less(rows[DAY], window.end)))
        for column in (*SPEC.features, SPEC.target, PREDICTION):
            kind: Kind = "float64" if column == PREDICTION else SPEC.column(column).kind
            current = part[column].drop_null() if column == SPEC.target else part[column]
            sides = known.get(column, training)[column], current
            made = [score for score in (drift_score(*sides, kind), *share_scores(*sides, kind)) if score]
            of_column = {"window_start": pd.Timestamp(window.start), "column": column}
            found += [of_column | score.model_dump() for score in made if (column, score.method) != LATE]
    return pd.DataFrame(found)


def of(detected: DetectedDrift, window: Window) -> WindowDrift:
    return next(found for found in detected.windows if found.window == window)


def test_planted_faults_are_found_and_every_score_can_be_computed_again() -> None:
    collected = gathered(planted(), labels_until="2013-03-15")
    detected = detect(collected)
    assert tuple(found.window for found in detected.windows) == collected.windows == (FIRST, SECOND, THIRD, FOURTH)
    assert of(detected, SECOND).drifted[0].column == "carrier"
    assert of(detected, THIRD).drifted[0].column == "distance"
    for window in (FIRST, FOURTH):
        assert {"carrier", "distance"}.isdisjoint(found.column for found in of(detected, window).drifted)

    scores = table()
    assert len(scores) == 2 * (8 * 3 + 2 + 3) + 2 * (8 * 3 + 3), "two weeks with labels, two without"
    assert set(scores["rows_address"]) == {collected.rows}
    assert (scores["ratio"] == scores["score"] / scores["threshold"]).all()
    again = computed_again(collected).merge(scores, on=["window_start", "column", "method"])
    assert len(again) == len(scores)
    for number in ("score", "reference_rows", "current_rows"):
        assert (again[f"{number}_x"] == again[f"{number}_y"]).all()
    for found in detected.windows:
        assert found.replayed > 0
        assert found.would_have_fired <= found.rate * found.replayed
        assert SPEC.target not in {each.column for each in found.columns} or found.window in (FIRST, SECOND)
        largest = scores[scores["window_start"] == pd.Timestamp(found.window.start)].groupby("column")["ratio"].max()
        assert {each.column: each.ratio for each in found.columns} == largest.to_dict()
        ratios = [each.ratio for each in found.columns]
        assert ratios == sorted(ratios, reverse=True)

    assert DetectedDrift.from_json(detected.to_json()) == detected
    assert detect(collected) == detected, "the same predictions: the same scores, thresholds and snapshot"


def test_a_window_with_few_rows_is_not_tested_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    rows = departed(MARCH)
    few = rows[rows[SPEC.event_time] < "2013-03-08"].iloc[:: len(rows) // 600]
    rest = rows[(rows[SPEC.event_time] >= "2013-03-22")].iloc[::10]
    assert len(few) < SPEC.monitoring.least_rows < len(rest)
    with caplog.at_level(logging.INFO):
        detected = detect(gathered(pd.concat([few, rest])))
    assert [found.window for found in detected.windows] == [FIRST, FOURTH]
    untested = of(detected, FIRST)
    assert untested.columns == untested.drifted == ()
    assert untested.untested == f"{len(few)} rows; below 200 nothing is tested."
    assert untested.untested in caplog.text
    said = table()
    of_first = said["window_start"] == pd.Timestamp(FIRST.start)
    assert said[of_first][["untested", "rows"]].to_numpy().tolist() == [[untested.untested, len(few)]]
    assert said[of_first][["column", "method", "score", "threshold"]].isna().all(axis=None)
    assert len(said[~of_first]) == 8 * 3 + 2 + 3
    assert of(detected, FOURTH).untested is None


def test_a_sensor_that_falls_silent_is_seen() -> None:
    """Evidently drops missing values: to it, this column has not moved."""
    rows = departed(MARCH).iloc[::4]
    silent = (rows[SPEC.event_time] >= "2013-03-22") & (np.arange(len(rows)) % 2 == 0)
    collected = gathered(rows.assign(dep_delay=rows["dep_delay"].where(~silent)))
    newest = of(detect(collected), FOURTH).drifted[0]
    assert (newest.column, newest.method) == ("dep_delay", "missing")
    assert newest.score == pytest.approx(0.5, abs=0.01)
