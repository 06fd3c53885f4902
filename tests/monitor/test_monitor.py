"""Captured requests and late labels -> quality, drift, report; against the embedded AWS, on real flights."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from tests.monitor.live_model import SPEC, TRAIN, Traffic, departed, prediction_of, publish, register, rows_of
from windtunnel.aws import objects, parquet
from windtunnel.core.contracts import CollectedPredictions, MonitoringReport, RegisteredVersion
from windtunnel.core.window import Window
from windtunnel.stages.collect import collect
from windtunnel.stages.measure import measure
from windtunnel.stages.report import report

MARCH = Window.month("2013-03")
APRIL = Window.month("2013-04")
WEEK = Window.parse("2013-03-01", "2013-03-08")

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


@pytest.fixture
def champion(lake_of_its_own: None) -> RegisteredVersion:  # noqa: ARG001 - needs its lake
    """In service: trained on January, judged on February."""
    return register(publish(TRAIN, rows_of(TRAIN)))


def test_the_journey_of_a_week(champion: RegisteredVersion) -> None:
    week, april = departed(WEEK), departed(APRIL).head(300)
    traffic = Traffic()
    traffic.ask(week)
    traffic.ask(april)
    traffic.ask(week.head(20), answers=np.full(20, 1e6))  # asked again: the first answer counts
    traffic.request([SPEC.example] * 64, [0.0] * 64)  # the golden rows of a rollout have no key
    traffic.request([{**SPEC.example, "distance": "far"}], [1.0], inference_id="unreadable")
    traffic.request([SPEC.example], [1.0], inference_id="2013-03-01-XXX-NO1")  # no such flight
    traffic.capture()
    publish(APRIL, rows_of(APRIL))
    labels = publish(MARCH, rows_of(MARCH))

    collected = collect(champion, WEEK, labels)
    labelled = week.dropna(subset=[SPEC.target])
    assert 0 < len(week) - len(labelled) < 100, "some flights of the week were diverted and never get a label"
    assert (collected.predictions, collected.labelled, collected.pending) == (len(week), len(labelled), 0)
    assert (collected.duplicates, collected.elsewhere) == (20, len(april) + 1)
    assert (collected.unjoinable, collected.unreadable) == (64, 1)
    assert collected.coverage == len(labelled) / len(week)

    measured = measure(collected)
    said = prediction_of(labelled)
    assert measured.quality is not None
    assert measured.quality.mse == pytest.approx(mean_squared_error(labelled[SPEC.target], said))
    assert measured.quality.mae == pytest.approx(mean_absolute_error(labelled[SPEC.target], said))
    assert measured.quality.r2 == pytest.approx(r2_score(labelled[SPEC.target], said))
    assert list(measured.by_day) == [f"2013-03-{day:02d}" for day in range(1, 8)]
    assert sum(found.rows for found in measured.by_day.values()) == len(labelled)

    trained = departed(TRAIN).dropna(subset=[SPEC.target])
    assert set(measured.drift) == {*SPEC.features, SPEC.target, "prediction"}
    delay = measured.drift["dep_delay"]
    assert (delay.reference_rows, delay.current_rows) == (len(trained), len(week))
    moved = stats.wasserstein_distance(trained["dep_delay"], week["dep_delay"]) / trained["dep_delay"].std(ddof=0)
    assert delay.score == pytest.approx(moved)

    made = report(measured)
    assert (made.predictions, made.labelled, made.quality) == (len(week), len(labelled), measured.quality)
    folder = f"reports/monitor/flights/2013-03-01_2013-03-08/{collected.work_key}/"
    assert all(folder in uri for uri in made.reports.values())
    assert b"flights: monitoring of 2013-03-01..2013-03-08" in objects.get(made.reports["html"])
    drawn = objects.get_json(made.reports["json"])
    assert set(drawn["evidently"]) == {"Data drift", "Regression quality", "Data summary"}
    assert drawn["sample"]["current"] == {"rows": 5000, "of": len(week)}


def test_every_number_can_be_computed_again_from_what_is_stored(champion: RegisteredVersion) -> None:
    traffic = Traffic()
    traffic.ask(departed(WEEK).head(2000))
    traffic.capture()
    collected = collect(champion, WEEK, publish(MARCH, rows_of(MARCH)))
    scores = objects.get_json(measure(collected).scores)
    rows = parquet.read(scores["computed_from"]["rows"]).to_pandas().dropna(subset=[SPEC.target])
    errors = rows["prediction"] - rows[SPEC.target]
    assert scores["quality"]["rmse"] == pytest.approx(np.sqrt((errors**2).mean()))
    assert scores["by_day"]["2013-03-02"]["mae"] == pytest.approx(
        errors[rows[SPEC.event_time].dt.day == 2].abs().mean()
    )
    assert scores["counts"]["labelled"] == len(rows)
    assert scores["computed_from"]["reference"]["snapshot_id"] == champion.evaluated.plan.dataset.snapshot_id


def test_the_same_work_gives_the_same_rows_at_the_same_address(champion: RegisteredVersion) -> None:
    traffic = Traffic()
    traffic.ask(departed(WEEK).head(500))
    traffic.capture(lines_per_file=50)
    labels = publish(MARCH, rows_of(MARCH))
    first, again = (collect(champion, WEEK, labels) for _ in range(2))
    assert first == again
    assert measure(first) == measure(again)


def test_late_and_changed_labels_end_as_if_they_had_been_there_at_once(champion: RegisteredVersion) -> None:
    asked = departed(WEEK).head(1000)
    traffic = Traffic()
    traffic.ask(asked)
    traffic.capture()
    wrong = rows_of(MARCH).assign(arr_delay=lambda rows: rows["arr_delay"] + 30)
    half = wrong[~wrong[SPEC.key].isin(asked[SPEC.key].iloc[::2])]
    early = publish(MARCH, half)
    final = publish(MARCH, rows_of(MARCH))

    first = collect(champion, WEEK, early)
    assert (first.predictions, first.elsewhere) == (500, 500), "half the flights have no row in the lake yet"
    last = collect(champion, WEEK, final)
    assert (last.predictions, last.elsewhere) == (1000, 0)
    truth = asked.dropna(subset=[SPEC.target])
    quality = measure(last).quality
    assert quality is not None
    assert quality.mae == pytest.approx(mean_absolute_error(truth[SPEC.target], prediction_of(truth)))
    assert collect(champion, WEEK, early) == first, "an older snapshot still says what it said"


def test_predictions_made_in_the_window_wait_there_for_their_rows(champion: RegisteredVersion) -> None:
    asked = departed(WEEK).head(50)
    traffic = Traffic(moment=pd.Timestamp("2013-03-02T08:00:00"))
    traffic.ask(asked)
    traffic.capture()
    collected = collect(champion, WEEK, champion.evaluated.plan.dataset)
    assert (collected.predictions, collected.pending, collected.labelled, collected.elsewhere) == (50, 50, 0, 0)
    measured = measure(collected)
    assert (measured.quality, measured.by_day) == (None, {})
    assert set(measured.drift) == {*SPEC.features, "prediction"}, "drift needs no label"
    made = report(measured)
    page = objects.get(made.reports["html"])
    assert b"no label yet" in page
    assert set(objects.get_json(made.reports["json"])["evidently"]) == {"Data drift", "Data summary"}


def test_a_window_without_predictions_is_an_outcome(
    champion: RegisteredVersion, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "windtunnel"):
        made = report(measure(collect(champion, WEEK, champion.evaluated.plan.dataset)))
    assert made == MonitoringReport(
        model="flights",
        window=WEEK,
        predictions=0,
        labelled=0,
        quality=None,
        by_day={},
        drift={},
        reports={"scores": made.reports["scores"]},
    )
    assert objects.get_json(made.reports["scores"])["quality"] is None
    said = [record.getMessage() for record in caplog.records if record.name.startswith("windtunnel.stages")]
    assert [line.partition(":")[0] for line in said] == ["collect", "collect", "measure", "measure", "report", "report"]
    assert "no predictions in 2013-03-01..2013-03-08" in said[1]
    assert made.reports["scores"] in said[-1]


def test_contracts_travel_as_json(champion: RegisteredVersion) -> None:
    collected = collect(champion, WEEK, champion.evaluated.plan.dataset)
    assert CollectedPredictions.from_json(collected.to_json()) == collected
