"""What the pages say of a model in service: two months of monitoring, and every prediction by its id."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.feed import pages
from tests.monitor.live_model import MARCH, SPEC, Traffic, departed, prediction_of, publish, rows_of, watched
from tests.monitor.offline import rescored
from windtunnel.aws import measurements, objects, parquet, verdicts
from windtunnel.aws.clients import client
from windtunnel.aws.feed import documents, lookup
from windtunnel.aws.feed.lookup import digits_for, part_of
from windtunnel.core.contracts import CollectedPredictions, DatasetVersion, Feed, MonitoringReport, Verdict
from windtunnel.core.errors import CommitConflict
from windtunnel.core.settings import settings
from windtunnel.core.window import Window
from windtunnel.ml import findings
from windtunnel.stages.absorb import absorb
from windtunnel.stages.collect import collect
from windtunnel.stages.conclude import conclude
from windtunnel.stages.detect import detect
from windtunnel.stages.inspect import inspect
from windtunnel.stages.measure import measure
from windtunnel.stages.report import report

MODEL, APRIL = SPEC.name, Window.month("2013-04")
pytestmark = pytest.mark.usefixtures("lake_of_its_own")


def collected(world: Any, labels: DatasetVersion | None = None, month: Window = MARCH) -> CollectedPredictions:
    made = collect(world.champion, world.control, month, labels or world.labels, absorb(MODEL))
    assert made is not None
    return made


def monitored(world: Any) -> tuple[Verdict, MonitoringReport]:
    """A run of `monitor`; what the scoring job leaves behind follows from a formula."""
    found = rescored(collected(world))
    measured, detected, inspected = measure(found), detect(found.collected), inspect(found)
    verdict = conclude(found.collected, measured, detected, inspected)
    return verdict, report(found, measured, detected, inspected, verdict)


def rows_of_march() -> dict[str, dict[str, Any]]:
    """The newest collected rows, by key."""
    *_, note = objects.keys(settings().uri("monitor", MODEL, "collected", "2013-03", ""))
    return {row[SPEC.key]: row for row in parquet.read(objects.get_json(note)["rows"]).to_pylist()}


def require_found(feed: Feed, rows: dict[str, dict[str, Any]]) -> None:
    for key, row in list(rows.items())[::37]:
        found = pages.prediction(feed, key)
        assert found is not None, key
        assert (found["version"], found["answer"], found["label"]) == (
            row["version"],
            row["prediction"],
            row[SPEC.target],
        )
        assert found["event_at"] == row[SPEC.event_time].isoformat()
        assert found["asked_at"] == f"{row['captured_at'].isoformat()}Z"


def test_windows_verdicts_reports_and_predictions_are_the_monitors_own() -> None:
    world = watched(rows=1_500)
    verdict, drawn = monitored(world)
    feed = pages.shown(MODEL)

    table = measurements.read(MODEL, "findings")
    assert table is not None
    found = findings.of_table(table)
    assert len(found) >= 4
    assert [window.label for window in feed.windows] == [one.window.label for one in reversed(found)]
    named = {one.id: one for one in feed.reports}
    for window, one in zip(feed.windows, reversed(found), strict=True):
        for name in ("version", "labelled", "coverage", "error", "expected", "worse", "drift", "drifted", "says"):
            assert getattr(window, name) == getattr(one, name), name
        assert named[str(window.report)].address == drawn.reports[window.label]["html"]
        assert named[str(window.report)].version == world.champion.version
        assert named[str(window.checks)].kind == "requests"
        assert objects.exists(named[str(window.checks)].address)
    assert feed.summary.windows == tuple(reversed(feed.windows))[-8:]

    assert [(said.word, said.sentence, said.label) for said in feed.verdicts] == [
        (verdict.word, verdict.sentence, verdict.window.label)
    ]
    assert feed.summary.verdict == feed.verdicts[0]
    assert feed.verdicts[0].id == documents.identity(verdict.report)

    assert [(month.label, month.digits) for month in feed.predictions] == [("2013-03", 0)]
    require_found(feed, rows_of_march())
    assert pages.prediction(feed, "nobody asked for this") is None


def test_a_second_verdict_stands_above_the_first_and_the_first_is_not_read_again() -> None:
    world = watched(rows=1_000)
    first, _ = monitored(world)
    pages.shown(MODEL)
    late = world._replace(labels=publish(MARCH, rows_of(MARCH).assign(arr_delay=lambda rows: rows["arr_delay"] + 30)))
    second, _ = monitored(late)
    assert verdicts.newest(MODEL) == second
    with pages.calls() as made:
        feed = pages.shown(MODEL)
    assert [said.id for said in feed.verdicts] == [documents.identity(said.report) for said in (second, first)]
    assert feed.summary.verdict == feed.verdicts[0]
    assert {window.report for window in feed.windows} <= {one.id for one in feed.reports}
    changed = len({window.report for window in feed.windows})
    # The documents before, and twice by this test; both newest verdicts, the note, the collected rows; each new report.
    assert made["s3:GetObject"] + made["s3:HeadObject"] <= 11 + changed


def test_a_label_that_comes_later_is_looked_up_with_its_prediction() -> None:
    world = watched(rows=800)
    asked = departed(MARCH)[SPEC.key].iloc[0]
    unlabelled = publish(MARCH, rows_of(MARCH).assign(arr_delay=float("nan")))
    collected(world, unlabelled)
    before = pages.prediction(pages.shown(MODEL), asked)
    assert before is not None
    assert before["label"] is None
    labelled = publish(MARCH, rows_of(MARCH))
    collected(world, labelled)
    feed = pages.shown(MODEL)
    found = pages.prediction(feed, asked)
    assert found == {**before, "label": float(departed(MARCH)["arr_delay"].iloc[0])}
    require_found(feed, rows_of_march())


def test_a_prediction_whose_row_has_not_come_is_found_where_it_was_asked() -> None:
    world = watched(rows=50)
    flying = departed(APRIL).head(20)
    traffic = Traffic()
    traffic.fly(flying, prediction_of(flying))
    traffic.capture()
    assert collected(world, month=APRIL).counts.pending == 20
    found = pages.prediction(pages.shown(MODEL), flying[SPEC.key].iloc[0])
    assert found is not None
    assert (found["event_at"], found["label"]) == (found["asked_at"], None)


def test_only_the_months_that_changed_are_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "PART_ROWS", 40)
    world = watched(rows=600)
    flying = departed(APRIL).head(300)
    traffic = Traffic()
    traffic.fly(flying, prediction_of(flying))
    traffic.capture()
    collected(world)
    collected(world, publish(APRIL, rows_of(APRIL)), APRIL)
    feed = pages.shown(MODEL)
    assert [(month.label, month.digits) for month in feed.predictions] == [("2013-04", 1), ("2013-03", 1)]
    with pages.calls() as made:
        pages.shown(MODEL)
    assert made["s3:PutObject"] == 2

    one = flying[SPEC.key].iloc[7]
    late = rows_of(APRIL)
    collected(world, publish(APRIL, late.assign(arr_delay=late["arr_delay"] + 5.0 * (late[SPEC.key] == one))), APRIL)
    with pages.calls() as made:
        feed = pages.shown(MODEL)
    assert made["s3:PutObject"] == 3, "the part of one id, and both documents"
    found = pages.prediction(feed, one)
    assert found is not None
    assert found["label"] == float(flying["arr_delay"].iloc[7]) + 5
    require_found(feed, rows_of_march())


def test_what_a_slow_writer_read_long_ago_never_replaces_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    world = watched(rows=300)
    collected(world, publish(MARCH, rows_of(MARCH).assign(arr_delay=float("nan"))))
    slow, rows = lookup._parts, rows_of(MARCH)

    def overtaken(*given: Any) -> Any:
        monkeypatch.setattr(lookup, "_parts", slow)
        collected(world, publish(MARCH, rows))
        lookup.months(MODEL, ())
        return slow(*given)

    monkeypatch.setattr(lookup, "_parts", overtaken)
    with pytest.raises(CommitConflict, match="was written by another `show`"):
        lookup.months(MODEL, ())
    require_found(pages.shown(MODEL), rows_of_march())


def test_collected_rows_that_are_gone_lose_their_month_alone(caplog: pytest.LogCaptureFixture) -> None:
    made = collected(watched(rows=100))
    bucket, key = objects.split(made.rows)
    client("s3").delete_object(Bucket=bucket, Key=key)
    feed = pages.shown(MODEL)
    assert feed.predictions == ()
    assert "cannot be looked up" in caplog.text
    assert feed.summary.champion is not None


@pytest.mark.parametrize(
    ("rows", "digits"),
    [(0, 0), (1, 0), (2_000, 0), (2_001, 1), (32_000, 1), (32_001, 2), (512_000, 2), (512_001, 3), (8_192_000, 3)],
)
def test_parts_are_small_at_any_number_of_predictions(rows: int, digits: int) -> None:
    assert digits_for(rows) == digits


def test_a_part_is_named_by_the_digest_of_the_id() -> None:
    digest = hashlib.sha256(b"2013-05-01-JFK-AA1").hexdigest()
    assert part_of("2013-05-01-JFK-AA1", 2) == digest[:2]
    assert part_of("2013-05-01-JFK-AA1", 0) == "all"


def test_an_answer_that_is_no_number_stands_as_null() -> None:
    world = watched(rows=20)
    flying = departed(APRIL).head(3)
    traffic = Traffic()
    traffic.fly(flying, [float("nan"), 1.0, 2.0])
    traffic.capture()
    collected(world, publish(APRIL, rows_of(APRIL)), APRIL)
    feed = pages.shown(MODEL)
    said = [pages.prediction(feed, key) for key in flying.sort_values(SPEC.event_time)[SPEC.key]]
    assert sorted(str(one and one["answer"]) for one in said) == ["1.0", "2.0", "None"]
