"""conclude and ask, against the embedded AWS: what is kept, what is newest, and that a retrain is asked for once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import candidate
from windtunnel.__main__ import main
from windtunnel.aws import measurements, objects, verdicts
from windtunnel.aws.clients import client
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import (
    AbsorbedCaptures,
    Check,
    CollectedPredictions,
    ColumnDrift,
    DetectedDrift,
    InspectedRequests,
    Interval,
    LabelCounts,
    MeasuredPredictions,
    RegisteredVersion,
    Verdict,
    WindowChecks,
    WindowDrift,
    WindowQuality,
)
from windtunnel.core.settings import settings
from windtunnel.core.window import Window
from windtunnel.core.workkey import work_key
from windtunnel.stages.ask import ask
from windtunnel.stages.conclude import conclude

SPEC = model_spec("flights")
APRIL, MAY, JUNE = (Window.month(f"2013-0{number}") for number in (4, 5, 6))
CONTROL = candidate.registered(version="V1.1.1")
WORSE = (False, False, False, True)
"""Of the four weeks of a month."""

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


def concluded(month: Window, worse: tuple[bool, ...] = WORSE, **given: Any) -> Verdict:
    """The verdict on a month whose windows are worse than promised or not.

    Args:
        month: The span.
        worse: Of each window.
        given: `tag` and `sequence` of labels and captures, `version`, `failed` checks of the last window.
    """
    tag, sequence, version = given.get("tag", "d4"), given.get("sequence", 1), given.get("version", "V1.1.2")
    windows = tuple(month.parts(SPEC.monitoring.window_days))
    collected = CollectedPredictions(
        champion=champion(version),
        control=CONTROL,
        absorbed=AbsorbedCaptures(
            model="flights", table="flights_predictions", snapshot_id="1", sequence=sequence, new_rows=0
        ),
        labels=candidate.dataset(tag=tag),
        span=month,
        windows=windows,
        work_key=work_key(month=str(month), worse=worse, tag=tag, sequence=sequence, version=version),
        rows="s3://windtunnel/monitor/flights/predictions.parquet",
        counts=LabelCounts.model_validate(dict.fromkeys(LabelCounts.model_fields, 0)),
        labels_until=month.end - timedelta(days=1),
    )
    failed = given.get("failed", ())
    return conclude(
        collected,
        MeasuredPredictions(windows=tuple(map(quality, windows, worse)), table="w.flights_quality", snapshot_id="11"),
        DetectedDrift(windows=tuple(map(drift, windows)), table="w.flights_drift", snapshot_id="12"),
        InspectedRequests(windows=tuple(checks(window, failed if window == windows[-1] else ()) for window in windows)),
    )


def champion(version: str) -> RegisteredVersion:
    return candidate.registered(version=version)


def quality(window: Window, worse: bool) -> WindowQuality:
    return WindowQuality(
        window=window,
        predictions=1_000,
        labelled=980,
        mature=True,
        metrics={"rmse": 24.1 if worse else 15.2},
        expected=Interval(estimate=17.0, low=14.0, high=19.8),
        control=Interval(estimate=0.2, low=0.1, high=0.3) if worse else None,
        worse=worse,
    )


def drift(window: Window) -> WindowDrift:
    moved = ColumnDrift(
        column="dep_delay", method="wasserstein", score=0.3, threshold=0.1, reference_rows=9_000, current_rows=1_000
    )
    return WindowDrift(
        window=window, rows=1_000, columns=(moved,), rate=0.05, would_have_fired=1, replayed=12, season=None
    )


def checks(window: Window, failed: tuple[str, ...]) -> WindowChecks:
    found = tuple(Check(name=name, passed=False, sentence="It differs.") for name in failed)
    return WindowChecks(window=window, checks=found, report="s3://windtunnel/reports/page.html")


def test_the_same_measurements_give_the_same_verdict_with_what_it_comes_from() -> None:
    first = concluded(APRIL)
    assert concluded(APRIL) == first
    assert first.word == "watch"
    assert first.window == Window.parse("2013-04-22", "2013-05-01")
    assert [found.says for found in first.findings] == ["drift", "drift", "drift", "damage"]
    assert first.findings[-1].outdone_by == "V1.1.1"
    document = objects.get_json(first.report)
    assert document["computed_from"]["quality"] == {"table": "w.flights_quality", "snapshot_id": "11"}
    table = document["computed_from"]["findings"]
    kept = measurements.read("flights", "findings", APRIL, table["snapshot_id"])
    assert kept is not None
    assert kept["error"].to_pylist() == [15.2, 15.2, 15.2, 24.1]
    assert verdicts.newest("flights") == first
    assert verdicts.verdicts("flights") == [first]


def test_the_newest_verdict_is_a_metric_and_an_older_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("windtunnel.core.vitals.NAMESPACE", settings().bucket)  # the figures of this test alone
    concluded(APRIL, (False, False, True, True), tag="d9")
    concluded(APRIL, (False, False, False, False), tag="d8", failed=("answers",))
    assert {name: figure(name) for name in ("Verdict", "Drift", "FailedChecks")} == {
        "Verdict": [2.0],
        "Drift": [pytest.approx(3.0)],
        "FailedChecks": [0.0],
    }


def figure(name: str) -> list[float]:
    """Every value of a metric."""
    now = datetime.now(UTC)
    found = client("cloudwatch").get_metric_statistics(
        Namespace=settings().bucket,
        MetricName=name,
        Dimensions=[{"Name": "Model", "Value": "flights"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=3_600,
        Statistics=["Maximum", "SampleCount"],
    )["Datapoints"]
    assert [point["SampleCount"] for point in found] == [1.0]
    return [point["Maximum"] for point in found]


def test_windows_of_earlier_runs_count() -> None:
    assert concluded(APRIL).word == "watch"
    verdict = concluded(MAY, (False, False, False, True), tag="d5")
    assert (verdict.word, verdict.asks) == ("retrain", True)
    assert "in 2 of the last 5 windows with labels" in verdict.sentence


def test_late_labels_of_an_earlier_month_are_judged_with_the_newest_windows() -> None:
    concluded(MAY, (False, False, False, True), tag="d5")
    late = concluded(APRIL, (False, False, True, True), tag="d6")
    assert late.window.end == MAY.end
    assert late.word == "retrain"


def test_a_retrain_is_asked_for_once_while_it_cools_down() -> None:
    first = concluded(APRIL, (False, False, True, True))
    assert (first.word, first.asks) == ("retrain", True)
    again = concluded(APRIL, (False, True, True, True), tag="d5")
    assert (again.word, again.asks) == ("retrain", False)
    assert (
        "a retrain was asked for after those of 22 April to 30 April 2013 and is not asked for again within 28 days"
        in (again.sentence)
    )
    overtaken = concluded(APRIL, (False, False, True, True))
    assert (overtaken.findings, overtaken.asks) == (again.findings, False), "the older run comes again"
    third = concluded(MAY, (True, True, True, True), tag="d6")
    assert (third.word, third.asks) == ("retrain", True), "31 days of data later"


def test_a_cooldown_outlives_the_version_that_asked() -> None:
    assert concluded(APRIL, (False, False, True, True)).asks
    other = concluded(MAY, (True, True, False, False), tag="d5", version="V1.1.3")
    assert (other.word, other.asks) == ("ignore", False)
    part = concluded(Window.parse("2013-05", "2013-07"), (*[True] * 8,), tag="d6", version="V1.1.3")
    assert part.asks


def test_a_request_goes_out_by_one_run_and_again_by_that_run() -> None:
    verdict = concluded(APRIL, (False, False, True, True))
    request = ask(verdict, "monitor:first")
    assert request is not None
    assert (request.requested_by, request.reason) == ("monitor", verdict.sentence)
    assert ask(verdict, "monitor:first") == request, "a retry, before Airflow knew"
    assert ask(verdict, "monitor:second") is None, "a day later nothing has changed"


def test_a_verdict_that_was_overtaken_sends_nothing() -> None:
    first = concluded(APRIL, (False, False, True, True))
    second = concluded(JUNE, (True, True, True, True), tag="d6")
    assert ask(first, "monitor:first") is None
    assert ask(second, "monitor:second") is not None


@pytest.mark.parametrize("worse", [(False, False, False, True), (False, False, False, False)])
def test_other_words_ask_for_nothing(worse: tuple[bool, ...]) -> None:
    assert ask(concluded(APRIL, worse), "monitor:first") is None


def test_failed_checks_ask_for_nothing() -> None:
    verdict = concluded(APRIL, (True, True, True, True), failed=("features",))
    assert verdict.word == "watch"
    assert "failed `features` (" in verdict.sentence
    assert "), and a retrain would learn the fault" in verdict.sentence
    assert ask(verdict, "monitor:first") is None


def test_a_run_that_comes_late_with_older_labels_changes_nothing() -> None:
    newest = concluded(APRIL, tag="d9")
    late = concluded(APRIL, (True, True, True, True), tag="d8")
    assert late.findings == newest.findings, "newer findings stand in the table"
    assert verdicts.newest("flights") == newest


def test_findings_of_other_versions_stay_and_play_no_part() -> None:
    concluded(APRIL, (True, True, True, True))
    verdict = concluded(APRIL, (False, False, False, False), tag="d5", version="V1.1.3")
    assert (verdict.word, {found.version for found in verdict.findings}) == ("ignore", {"V1.1.3"})
    back = concluded(MAY, (False, False, False, True), tag="d6", version="V1.1.2")
    assert back.word == "retrain"


def test_twins_reach_one_verdict_and_one_claim() -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: concluded(APRIL, (False, False, True, True)), range(2))
        assert first == second
        sent = list(pool.map(lambda run: ask(first, run), ("monitor:a", "monitor:b")))
    assert sum(request is not None for request in sent) == 1


def test_the_command_lists_the_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    concluded(APRIL)
    concluded(MAY, tag="d5")
    assert main(["verdicts", "flights"]) == 0
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split()[:4] == ["window", "version", "word", "asks"]
    assert first.split()[:4] == ["2013-04-22..2013-05-01", "V1.1.2", "watch", "no"]
    assert second.split()[:4] == ["2013-05-22..2013-06-01", "V1.1.2", "retrain", "yes"]
