"""collect, against the embedded AWS, on real flights: what becomes of every prediction and of every label."""

from __future__ import annotations

import logging
from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.monitor.live_model import (
    HOLDOUT,
    MARCH,
    SPEC,
    TRAIN,
    Traffic,
    collected,
    departed,
    prediction_of,
    publish,
    register,
    rows_of,
    serve,
)
from windtunnel.aws import objects, parquet
from windtunnel.core.contracts import CollectedPredictions, DatasetVersion, RegisteredVersion
from windtunnel.core.window import Window
from windtunnel.ml import joined
from windtunnel.stages.absorb import absorb
from windtunnel.stages.collect import collect

APRIL = Window.month("2013-04")
WEEK = Window.parse("2013-03-01", "2013-03-08")

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


@pytest.fixture
def trained(lake_of_its_own: None) -> DatasetVersion:  # noqa: ARG001 - needs its lake
    """January and February, thinned."""
    publish(TRAIN, rows_of(TRAIN).iloc[::50])
    return publish(HOLDOUT, rows_of(HOLDOUT).iloc[::50])


@pytest.fixture
def champion(trained: DatasetVersion) -> RegisteredVersion:
    """In service since March."""
    return serve(register(trained), "2013-03-01T00:00")


def gather(champion: RegisteredVersion, labels: DatasetVersion, arrived: Window | None = MARCH) -> CollectedPredictions:
    made = collect(champion, None, arrived, labels, absorb(SPEC.name))
    assert made is not None
    return made


def frame(made: CollectedPredictions) -> pd.DataFrame:
    rows: pd.DataFrame = parquet.read(made.rows).to_pandas().set_index(SPEC.key)
    return rows


def fly(rows: pd.DataFrame) -> None:
    traffic = Traffic()
    traffic.fly(rows)
    traffic.capture()


def test_a_month_of_predictions_meets_its_labels() -> None:
    made = collected(MARCH, rows=2_000)
    rows = parquet.read(made.rows)
    assert rows.schema.equals(joined.schema(SPEC))
    known = rows_of(MARCH).set_index(SPEC.key).loc[rows[SPEC.key].to_pylist()]
    assert rows[SPEC.target].to_pandas().tolist() == pytest.approx(known[SPEC.target].tolist(), nan_ok=True)
    assert rows[joined.PREDICTION].to_pylist() == prediction_of(known).tolist()
    for name in joined.recorded_columns(SPEC):
        assert rows[joined.recorded(name)].to_pylist() == known[name].tolist() == rows[name].to_pylist()
    assert set(rows[joined.VERSION].to_pylist()) == {made.champion.version}
    labelled = int(known[SPEC.target].notna().sum())
    assert 0 < 2_000 - labelled < 100, "some were diverted and never get a label"
    assert (made.counts.predictions, made.counts.labelled, made.counts.pending) == (2_000, labelled, 0)
    assert made.counts.unasked == len(departed(MARCH).dropna(subset=[SPEC.target])) - labelled
    assert made.labels_until == date(2013, 3, 31)
    assert made.windows == tuple(MARCH.parts(7))
    assert made.control is not None


def test_what_is_set_aside_is_counted_once(champion: RegisteredVersion) -> None:
    week, april = departed(WEEK).iloc[::10], departed(APRIL).head(30)
    fly(week)
    traffic = Traffic()
    traffic.ask(april)
    traffic.ask(week.head(20), answers=np.full(20, 1e6))  # asked again: the first answer counts
    traffic.request([SPEC.example] * 64, [0.0] * 64)  # the golden rows of a rollout have no key
    traffic.request([{**SPEC.example, "distance": "far"}], [1.0], inference_id="unreadable")
    traffic.request([SPEC.example], [1.0], inference_id="2013-03-01-XXX-NO1")  # no such flight
    traffic.capture()
    publish(APRIL, rows_of(APRIL).head(2_000))
    made = gather(champion, publish(MARCH, rows_of(MARCH)), WEEK)
    counts = made.counts
    assert (counts.predictions, counts.elsewhere, counts.duplicates) == (len(week), len(april) + 1, 20)
    assert (counts.unjoinable, counts.unreadable, counts.between) == (64, 1, 0)
    halves = (counts.predictions, counts.elsewhere, counts.duplicates, counts.unjoinable, counts.unreadable)
    assert sum(halves) == made.absorbed.new_rows, "every row is in exactly one line"
    assert (made.span, made.windows) == (MARCH, (WEEK,))
    assert frame(made)[joined.PREDICTION].max() < 1e6


def test_predictions_of_a_release_under_way_count_for_no_version(trained: DatasetVersion) -> None:
    first, second = register(trained), register(trained, train=Window.parse("2013-01-05", "2013-02-01"))
    serve(first, "2013-03-01T00:00")
    serve(second, "2013-03-03T12:00", begun="2013-03-03T00:00")
    week = departed(WEEK).iloc[::10].copy()
    fly(week)
    again = Traffic(moment=pd.Timestamp("2013-03-20"))
    again.ask(week)  # later, when one version answers alone: the first answer was acted on all the same
    again.capture()
    made = gather(second, publish(MARCH, rows_of(MARCH)))
    moments = week.set_index(SPEC.key)[SPEC.event_time]
    begun, done = pd.Timestamp("2013-03-03"), pd.Timestamp("2013-03-03T12:00")
    between = (moments >= begun) & (moments < done)
    assert made.counts.between == between.sum() > 10
    assert made.counts.duplicates == len(week)
    versions = frame(made)[joined.VERSION]
    expected = moments[~between].map(lambda moment: first.version if moment < begun else second.version)
    assert versions.to_dict() == expected.to_dict()


def test_the_same_work_gives_the_same_bytes_at_the_same_address(champion: RegisteredVersion) -> None:
    fly(departed(WEEK).iloc[::20])
    absorb(SPEC.name)
    fly(departed(WEEK).iloc[1::20])
    labels = publish(MARCH, rows_of(WEEK))
    first, again = (gather(champion, labels) for _ in range(2))
    assert again == first.model_copy(update={"absorbed": again.absorbed})
    assert objects.get(first.rows) == objects.get(again.rows)


def test_late_changed_and_disordered_labels_end_as_if_they_had_been_there_at_once(champion: RegisteredVersion) -> None:
    asked = departed(WEEK).iloc[::10]
    fly(asked)
    truth = rows_of(WEEK)
    chosen = truth[SPEC.key].isin(asked[SPEC.key].iloc[::2])
    wrong = truth.assign(arr_delay=truth["arr_delay"].where(~chosen, truth["arr_delay"] + 30))
    early = publish(MARCH, wrong[wrong[SPEC.event_time] < "2013-03-04"])
    middle = publish(MARCH, wrong)
    final = publish(MARCH, truth)

    def labels_of(made: CollectedPredictions) -> dict[str, float]:
        labels = frame(made)[SPEC.target].dropna()
        return {str(key): float(label) for key, label in labels.items()}

    first = gather(champion, early)
    assert first.counts.pending == (asked[SPEC.event_time] >= "2013-03-04").sum()
    assert first.labels_until == date(2013, 3, 3)
    second = gather(champion, middle)
    assert (second.counts.pending, second.counts.changed, second.labels_until) == (0, 0, date(2013, 3, 7))
    last = gather(champion, final)
    labelled = asked.dropna(subset=[SPEC.target])
    expected = dict(zip(labelled[SPEC.key], labelled[SPEC.target], strict=True))
    assert labels_of(last) == expected
    assert last.counts.changed == sum(expected[key] != label for key, label in labels_of(second).items()) > 10
    assert gather(champion, final).counts.changed == last.counts.changed
    assert gather(champion, early) == first.model_copy(update={"absorbed": gather(champion, early).absorbed})
    assert labels_of(gather(champion, middle)) == labels_of(second), "an older snapshot still says what it said"


def test_what_changed_is_told_against_older_labels_and_stays_as_it_was_told(champion: RegisteredVersion) -> None:
    fly(departed(WEEK).iloc[::100])
    truth = rows_of(WEEK)
    wrong, right = (publish(MARCH, truth.assign(arr_delay=truth["arr_delay"] + off)) for off in (30, 0))
    last = publish(MARCH, truth.assign(arr_delay=truth["arr_delay"] + 1))
    assert gather(champion, right).counts.changed == 0, "nothing was collected before"
    assert gather(champion, wrong).counts.changed == 0, "and nothing older"
    assert gather(champion, right).counts.changed == 0, "a retry says what was said"
    made = gather(champion, last)
    assert made.counts.changed == made.counts.labelled > 0


def test_labels_that_stand_twice_count_once_and_those_that_differ_not_at_all(champion: RegisteredVersion) -> None:
    asked = departed(WEEK).dropna(subset=[SPEC.target]).iloc[::100]
    fly(asked)
    same, other = asked.head(2), asked.iloc[2:5].assign(arr_delay=lambda rows: rows["arr_delay"] + 1)
    april = pd.concat([same, other]).assign(scheduled_at=lambda rows: rows["scheduled_at"] + pd.Timedelta(days=31))
    publish(APRIL, april)
    made = gather(champion, publish(MARCH, rows_of(WEEK)))
    assert (made.counts.repeated, made.counts.contradicted) == (2, 3)
    assert (made.counts.predictions, made.counts.labelled) == (len(asked), len(asked) - 3)
    assert set(frame(made).query("arr_delay.isna()").index) == set(other[SPEC.key])


def test_without_an_event_months_that_wait_for_rows_or_gained_predictions_are_looked_at(
    champion: RegisteredVersion, caplog: pytest.LogCaptureFixture
) -> None:
    labels = publish(MARCH, rows_of(WEEK))
    fly(departed(WEEK).iloc[::20])
    late = gather(champion, labels, None)
    assert (late.span, late.counts.predictions) == (MARCH, len(departed(WEEK).iloc[::20])), "captured after its labels"
    with caplog.at_level(logging.INFO, "windtunnel"):
        assert collect(champion, None, None, labels, absorb(SPEC.name)) is None
    assert any(line.startswith("collect: nothing to do, no predictions in any month") for line in caplog.messages)
    waiting = departed(APRIL).head(300)
    fly(waiting)
    made = gather(champion, labels, None)
    assert (made.span, made.counts.predictions, made.counts.pending) == (APRIL, 300, 300)
    assert (made.labels_until, made.counts.labelled) == (None, 0)
    traffic = Traffic(moment=pd.Timestamp("2013-06-01"))
    traffic.request([SPEC.example], [1.0], inference_id="waits")
    traffic.capture()
    made = gather(champion, labels, None)
    assert (made.span, made.counts.elsewhere) == (Window.month("2013-06"), 300 + len(departed(WEEK).iloc[::20]))


def test_a_span_without_predictions_is_skipped(champion: RegisteredVersion) -> None:
    fly(departed(WEEK).head(10))
    assert collect(champion, None, APRIL, publish(MARCH, rows_of(WEEK)), absorb(SPEC.name)) is None
