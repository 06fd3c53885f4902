"""The monitor path, killed at the marks before and after every shared write: each retry ends with one effect.

A bad champion is watched for two months, with the real stages in processes of their own. In the first month each process
dies where a mark is reached for the first time, and so does its retry at the next mark, until one gets through. In the
second each stage runs as two copies: one stands still at a mark while its retry does everything, and then goes on.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.forked import Child, Work, run
from tests.monitor.live_model import MARCH, SPEC, Traffic, Watched, departed, prediction_of, publish, rows_of, watched
from tests.monitor.offline import rescored
from tests.monitor.subscriber import subscribe
from tests.release.staged import Do, KilledEverywhere, in_peace
from tests.release.test_kill_points import MONITORING, writes
from windtunnel.aws import channels, lake, measurements, objects, outbox, parquet, verdicts
from windtunnel.aws.clients import client
from windtunnel.core import catalog
from windtunnel.core.contracts import (
    AbsorbedCaptures,
    CollectedPredictions,
    Delivered,
    DetectedDrift,
    InspectedRequests,
    MeasuredPredictions,
    MonitoringReport,
    TrainingRequest,
    Verdict,
)
from windtunnel.core.settings import settings
from windtunnel.core.window import Window
from windtunnel.ml import joined
from windtunnel.models.flights import spec as flights
from windtunnel.stages.absorb import absorb
from windtunnel.stages.alert import alert
from windtunnel.stages.ask import ask
from windtunnel.stages.collect import collect
from windtunnel.stages.conclude import conclude
from windtunnel.stages.detect import detect
from windtunnel.stages.guard import guard
from windtunnel.stages.inspect import inspect
from windtunnel.stages.measure import measure
from windtunnel.stages.report import report

APRIL = Window.month("2013-04")
BAD_MINUTES = 30.0
ROWS = 1_200
MODEL = SPEC.name
MEASURED: tuple[measurements.Kind, ...] = ("quality", "drift", "findings")


class Monitored(NamedTuple):
    """What one run of `monitor` made."""

    verdict: Verdict
    report: MonitoringReport
    delivered: Delivered
    request: TrainingRequest | None


def monitored(do: Do, world: Watched, month: Window, run_id: str) -> Monitored:
    """One run, as the DAG has it; what the scoring job leaves behind follows from a formula."""
    absorbed: AbsorbedCaptures = do("absorb", lambda: absorb(MODEL))
    collected: CollectedPredictions = do(
        "collect", lambda: collect(world.champion, world.control, month, world.labels, absorbed)
    )
    served = parquet.read(collected.rows)[joined.PREDICTION].to_numpy()
    rescoring = rescored(collected, control=served - BAD_MINUTES)
    measured: MeasuredPredictions = do("measure", lambda: measure(rescoring))
    detected: DetectedDrift = do("detect", lambda: detect(collected))
    inspected: InspectedRequests = do("inspect", lambda: inspect(rescoring))
    verdict: Verdict = do("conclude", lambda: conclude(collected, measured, detected, inspected))
    drawn: MonitoringReport = do("report", lambda: report(rescoring, measured, detected, inspected, verdict))
    delivered: Delivered = do("alert", lambda: alert(verdict, drawn, "http://airflow/run"))
    request: TrainingRequest | None = do("ask", lambda: ask(verdict, f"monitor:{run_id}"))
    return Monitored(verdict, drawn, delivered, request)


class Doubled:
    """Each stage runs as two copies: the first stands still at a mark until the second has done everything."""

    freeze_at = {  # noqa: RUF012 - read only
        "absorb": "before:predictions.append",
        "measure": "before:measurements.put",
        "detect": "before:measurements.put",
        "conclude": "before:verdict.ask",
        "alert": "before:outbox.send",
        "ask": "before:verdict.take",
        "guard": "before:guard.put-dashboard",
    }

    def __init__(self) -> None:
        self.made: dict[str, tuple[Any, Any]] = {}

    def __call__(self, stage: str, work: Work) -> Any:
        if stage not in self.freeze_at:
            return run(work)
        with Child(work, freeze_at=self.freeze_at[stage]) as stale:
            stale.frozen()
            fresh = run(work)
            stale.thaw()
            self.made[stage] = fresh, stale.ended().result()
        return fresh


@pytest.fixture
def world(lake_of_its_own: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """A bad champion in March; nobody has looked at it yet. A month has two windows."""
    del lake_of_its_own
    monkeypatch.setenv("WINDTUNNEL_ALERT_TOPIC", f"alerts-{uuid.uuid4().hex[:8]}")
    settings.cache_clear()
    monitoring = SPEC.monitoring.model_copy(update={"window_days": 14})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flights, "SPEC", SPEC.model_copy(update={"monitoring": monitoring}))
        catalog.model_spec.cache_clear()
        yield watched(MARCH, rows=ROWS, shift=BAD_MINUTES)
    catalog.model_spec.cache_clear()
    cloudwatch = client("cloudwatch")
    found = cloudwatch.describe_alarms(AlarmNamePrefix=f"windtunnel-{MODEL}")["MetricAlarms"]
    cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"] for alarm in found])


def a_month_later(world: Watched) -> Watched:
    """The same versions in April."""
    asked = departed(APRIL).iloc[:: len(departed(APRIL)) // ROWS]
    traffic = Traffic()
    traffic.fly(asked, prediction_of(asked) + BAD_MINUTES)
    traffic.capture()
    return world._replace(labels=publish(APRIL, rows_of(APRIL)))


def stored() -> dict[str, str]:
    """Every object of the bucket with the digest of its bytes."""
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=settings().bucket)
    return {found["Key"]: found["ETag"] for page in pages for found in page.get("Contents", [])}


def check(months: list[Window], sent: list[Monitored]) -> None:
    """What there is once, is there once.

    Args:
        months: Those that were monitored.
        sent: Their runs, each of which asked for a retrain.
    """
    _rows_once(months)
    kept = verdicts.verdicts(MODEL)
    assert kept == [each.verdict for each in sent]
    assert verdicts.newest(MODEL) == kept[-1]
    pages = [
        uri for uri in objects.keys(settings().uri("reports", "monitor", MODEL, "")) if uri.endswith("report.html")
    ]
    assert sorted(pages) == sorted(found["html"] for each in sent for found in each.report.reports.values())
    assert [objects.exists(uri.removesuffix("html") + "json") for uri in pages] == [True] * len(pages)
    assert outbox.waiting(MODEL) == []


def _rows_once(months: list[Window]) -> None:
    asked = measurements.read(MODEL, "predictions")
    assert asked is not None
    assert set(Counter(asked["event_id"].to_pylist()).values()) == {1}
    keys = {
        "quality": ["day", "slice_column", "slice_value", "version", "role", "metric"],
        "drift": ["window_start", "version", "column", "method"],
        "findings": ["window_start", "version"],
    }
    for kind in MEASURED:
        rows = measurements.read(MODEL, kind)
        assert rows is not None
        assert set(rows.group_by(keys[kind]).aggregate([([], "count_all")])["count_all"].to_pylist()) == {1}, kind
        table = lake.table(measurements.table_name(MODEL, kind))
        works = [name for made in table.snapshots() for name in lake.properties(made) if name.startswith("work.")]
        assert Counter(works) == {f"work.{month.label}": 1 for month in months}, "one commit per month"
        there = {uri for uri in objects.keys(f"{table.location()}/data/") if uri.endswith(".parquet")}
        known = {task.file.file_path for task in table.scan().plan_files()}
        assert known <= there


@pytest.mark.timeout(1500)
def test_the_monitor_path_survives_a_kill_at_every_mark_and_two_copies(
    world: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = subscribe(channels.topic_arn())
    everywhere = KilledEverywhere()
    with monkeypatch.context() as impatient:
        impatient.setattr(outbox, "CLAIM_SECONDS", 0)  # whoever died with a message is not waited for
        march = monitored(everywhere, world, MARCH, "march")
    everywhere("guard", lambda: guard(MODEL))
    assert {mark for killed in everywhere.killed.values() for mark in killed if ours(mark)} == marks()
    assert (march.verdict.word, march.verdict.asks) == ("retrain", True)
    assert march.request is not None
    told = verdicts_of(heard())
    assert [subject.removeprefix("Again: ") for subject in told] == [told[-1].removeprefix("Again: ")] * 3
    check([MARCH], [march])

    before = stored()
    again = monitored(in_peace, world, MARCH, "march")
    assert again == march._replace(delivered=again.delivered)
    assert verdicts_of(heard()) == []
    assert run(lambda: ask(march.verdict, "monitor:a day later")) is None
    assert {key for key, tag in stored().items() if before.get(key) != tag} <= {newest_key()}, "nothing new was written"

    doubled = Doubled()
    april = monitored(doubled, a_month_later(world), APRIL, "april")
    doubled("guard", lambda: guard(MODEL))
    assert (april.verdict.word, april.verdict.asks) == ("retrain", True)
    assert sorted(each.new_rows for each in doubled.made.pop("absorb")) == [0, april.report.predictions]
    assert sorted(each.sent for each in doubled.made.pop("alert")) == [0, 1]
    guarded = [each.model_copy(update={"silent_days": 0.0}) for each in doubled.made.pop("guard")]
    assert guarded[0] == guarded[1]
    assert set(doubled.made) == {"measure", "detect", "conclude", "ask"}
    for fresh, stale in doubled.made.values():
        assert stale == fresh
    assert len(verdicts_of(heard())) == 1
    check([MARCH, APRIL], [march, april])


def verdicts_of(subjects: list[str]) -> list[str]:
    """Without what the alarms say, whom the guard has put over a model of long ago."""
    return [subject for subject in subjects if not subject.startswith("ALARM: ")]


def ours(mark: str) -> bool:
    return mark.partition(":")[2].startswith(MONITORING)


def marks() -> set[str]:
    return {f"{side}:{name}" for name, _ in writes() for side in ("before", "after") if name.startswith(MONITORING)}


def newest_key() -> str:
    return objects.split(verdicts.newest_address(MODEL))[1]
