"""plan: what a training is made of is pinned once, from a snapshot in the lake."""

from __future__ import annotations

import json

import pytest

from tests.data import journey
from windtunnel.aws import lake, objects
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import DatasetVersion, TrainingPlan, TrainingRequest
from windtunnel.core.errors import SourceMissing, SpecInvalid, WindowInvalid
from windtunnel.core.window import Window
from windtunnel.stages.extract import newest
from windtunnel.stages.plan import plan


def published(model: str, *months: str) -> DatasetVersion:
    for month in months:
        journey.drop(month, [journey.trip(month, number) for number in range(40)])
        version = journey.ingest(model, Window.month(month))
    return version


def planned(model: str, version: DatasetVersion, request: TrainingRequest | None = None) -> TrainingPlan:
    made = plan(model, version, request)
    assert made is not None
    return made


def wish(model: str, **windows: Window) -> TrainingRequest:
    return TrainingRequest(model=model, reason="To see.", requested_by="sam", **windows)


def test_the_newest_month_judges_a_model_of_the_months_before(trips: str) -> None:
    made = planned(trips, published(trips, "2020-01", "2020-02", "2020-03"))
    assert (made.train, made.holdout) == (Window.month("2020-02"), Window.month("2020-03"))
    assert (made.train_rows, made.holdout_rows) == (40, 40)


def test_its_manifests_name_the_snapshots_own_files(trips: str) -> None:
    version = published(trips, "2020-01", "2020-02")
    made = planned(trips, version)
    prefix, *files = json.loads(objects.get(made.train_manifest))
    own = lake.files(version.table, version.snapshot_id, made.train)
    assert [prefix["prefix"] + file for file in files] == [file.uri for file in own]


def test_a_month_published_later_changes_nothing_of_a_pinned_version(trips: str) -> None:
    version = published(trips, "2020-01", "2020-02")
    before = planned(trips, version)
    published(trips, "2020-03")
    assert planned(trips, version) == before


def test_the_same_work_has_the_same_name_and_other_work_another(trips: str) -> None:
    version = published(trips, "2020-01", "2020-02")
    other = TrainingRequest(model=trips, hyperparameters={"depth": "3"}, reason="Deeper.", requested_by="sam")
    assert planned(trips, version).job_name == planned(trips, version, wish(trips)).job_name
    assert planned(trips, version).job_name != planned(trips, version, other).job_name


def test_a_person_who_forces_asks_for_the_same_work(trips: str) -> None:
    version = published(trips, "2020-01", "2020-02")
    plain, forced = (
        planned(trips, version, wish(trips).model_copy(update={"force": force})) for force in (False, True)
    )
    assert (plain.force, forced.force) == (False, True)
    assert (plain.work_key, plain.job_name) == (forced.work_key, forced.job_name)


def test_too_few_months_are_nothing_to_do(trips: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert plan(trips, published(trips, "2020-01"), None) is None
    assert "lacks `2019-12`" in caplog.text


def test_a_holdout_that_training_has_seen_is_refused(trips: str) -> None:
    version = published(trips, "2020-01", "2020-02")
    seen = wish(trips, train=Window.parse("2020-01", "2020-03"), holdout=Window.month("2020-02"))
    with pytest.raises(WindowInvalid, match="a model judged on rows it has seen proves nothing"):
        plan(trips, version, seen)


def test_a_holdout_before_training_is_refused(trips: str) -> None:
    version = published(trips, "2020-01", "2020-02")
    earlier = wish(trips, train=Window.month("2020-02"), holdout=Window.month("2020-01"))
    with pytest.raises(WindowInvalid, match=r"lies before the training window `2020-02-01..2020-03-01`"):
        plan(trips, version, earlier)


def test_a_window_with_a_gap_is_refused(trips: str) -> None:
    version = published(trips, "2020-01", "2020-03", "2020-04")
    gap = wish(trips, train=Window.parse("2020-01", "2020-04"), holdout=Window.month("2020-04"))
    with pytest.raises(WindowInvalid, match=r"has no rows in `2020-02`. It has: `2020-01`, `2020-03`, `2020-04`"):
        plan(trips, version, gap)


def test_a_month_that_nobody_names_is_the_newest_published_one(trips: str) -> None:
    assert newest(trips) == Window.month(model_spec(trips).arrival.first)
    published(trips, "2020-02", "2020-01")
    assert newest(trips) == Window.month("2020-02")


def test_a_window_without_data_is_refused_with_what_there_is(trips: str) -> None:
    version = published(trips, "2020-01", "2020-02")
    with pytest.raises(WindowInvalid, match=r"has no rows in `2019-01`. It has: `2020-01`, `2020-02`"):
        plan(trips, version, wish(trips, train=Window.month("2019-01")))


def test_before_the_first_month_there_is_nothing_to_train_on(trips: str) -> None:
    with pytest.raises(SourceMissing, match="ingest"):
        plan(trips, None, wish(trips))


def test_a_task_that_the_gate_does_not_know_is_refused(trips: str, monkeypatch: pytest.MonkeyPatch) -> None:
    version = published(trips, "2020-01", "2020-02")
    ranked = model_spec(trips).model_copy(update={"task": "anomaly"})
    monkeypatch.setattr("windtunnel.stages.plan.model_spec", lambda name: {trips: ranked}[name])
    with pytest.raises(SpecInvalid, match="has the task `anomaly`: `train` and its gate know `regression` only"):
        plan(trips, version, None)
