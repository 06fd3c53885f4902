"""What stands over a live model: alarms that ring for their fault and tell their topic, a dashboard, the days of silence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations, count
from time import monotonic, sleep
from typing import Any, get_args

import numpy as np
import pytest

from tests import candidate
from tests.monitor.subscriber import subscribe
from tests.release import released
from windtunnel.aws import alarms, channels, dashboards, ledger, objects, silence, standing_alarms, verdicts
from windtunnel.aws.clients import client
from windtunnel.core import vitals
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Champion
from windtunnel.core.settings import settings
from windtunnel.core.spec import ModelSpec, Task
from windtunnel.core.workkey import work_key
from windtunnel.ml import metrics
from windtunnel.stages.absorb import absorb
from windtunnel.stages.guard import guard

SPEC = model_spec("flights")
TOPIC = "arn:aws:sns:eu-west-1:123456789012:windtunnel-alerts"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_regions = (f"eu-test-{number}" for number in count(1))


@pytest.fixture
def region_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no other test has an alarm or a point of a metric."""
    region = next(_regions)
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(variable, region)


@pytest.fixture
def account(region_of_its_own: None, lake_of_its_own: None) -> Iterator[None]:
    """An empty bucket and ledger in a region without alarms; a topic that nobody told anything."""
    del region_of_its_own, lake_of_its_own
    assert os.environ["AWS_REGION"] == client("cloudwatch").meta.region_name
    yield
    if found := [alarm["AlarmName"] for alarm in client("cloudwatch").describe_alarms()["MetricAlarms"]]:
        client("cloudwatch").delete_alarms(AlarmNames=found)


@pytest.fixture
def live(account: None) -> Champion:
    """A version that the ledger says is live."""
    del account
    gated = candidate.gated(
        evaluated=candidate.evaluated(plan=candidate.plan(work_key=work_key(bucket=settings().bucket)))
    )
    made = candidate.registered(version=ledger.allocate(gated), evaluated=gated.evaluated)
    for state in ("registered", "rehearsed", "awaiting-approval", "approved"):
        ledger.move("flights", made.version, state, by="rita", why="It flies.")
    return released.record_live(released.approval(made))


@pytest.fixture
def told(live: Champion) -> Callable[[], list[str]]:
    """Subjects of what the topic has been told since it was asked last."""
    del live
    return subscribe(channels.topic_arn())


def kind(name: str) -> str:
    return name.rpartition(".live-")[2]


def become(wanted: dict[str, str]) -> None:
    """Wait until alarms are in these states, by kind."""
    until = monotonic() + 15
    while True:
        found = {kind(name): state for name, state in alarms.states(standing_alarms.names("flights")).items()}
        if {each: found[each].value for each in wanted} == wanted:
            return
        assert monotonic() < until, found
        sleep(0.2)


def put_points(body: dict[str, Any], value: float, ages: list[timedelta]) -> None:
    """Points of the metric that an alarm watches, so old."""
    now = datetime.now(UTC)
    client("cloudwatch").put_metric_data(
        Namespace=body["Namespace"],
        MetricData=[
            {
                "MetricName": body["MetricName"],
                "Dimensions": body["Dimensions"],
                "Value": value,
                "Timestamp": now - age,
            }
            for age in ages
        ],
    )


@pytest.mark.usefixtures("account")
def test_nothing_is_guarded_before_something_is_live() -> None:
    assert guard("flights") is None
    assert client("cloudwatch").describe_alarms()["MetricAlarms"] == []


def test_a_live_model_is_guarded_and_what_is_changed_by_hand_is_put_right(live: Champion) -> None:
    guarded = guard("flights")
    assert guarded is not None
    assert (guarded.version, [*guarded.alarms]) == (live.version, sorted(standing_alarms.names("flights")))
    assert guarded.silent_days < 0.1
    assert guarded.topic == channels.topic_arn()
    assert guarded.dashboard.endswith("#dashboards/dashboard/windtunnel-flights")
    become(dict.fromkeys(standing_alarms.KINDS, "OK"))

    cloudwatch, name = client("cloudwatch"), dashboards.name("flights")
    cloudwatch.delete_alarms(AlarmNames=standing_alarms.names("flights")[:1])
    cloudwatch.put_dashboard(DashboardName=name, DashboardBody='{"widgets": []}')
    again = guard("flights")
    assert again is not None
    assert [state for name, state in again.alarms.items() if kind(name) != "errors"] == ["OK"] * 4
    drawn = json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
    assert drawn == dashboards.body("flights", guarded.topic)
    described = cloudwatch.describe_alarms()["MetricAlarms"]
    assert {alarm["AlarmName"] for alarm in described} == set(standing_alarms.names("flights"))
    assert all(alarm["AlarmActions"] == [guarded.topic] for alarm in described)
    assert {alarm["AlarmArn"] for alarm in described} <= set(drawn["widgets"][1]["properties"]["alarms"])


def test_each_alarm_rings_for_a_fault_that_stays_and_tells_its_topic_once(told: Callable[[], list[str]]) -> None:
    assert guard("flights") is not None
    become(dict.fromkeys(standing_alarms.KINDS, "OK"))
    faults = {kind(body["AlarmName"]): body for body in standing_alarms.bodies("flights", channels.topic_arn())}
    short = ("errors", "latency", "unusable")
    period = timedelta(seconds=settings().alarm_seconds)
    for each in short:
        put_points(faults[each], faults[each]["Threshold"] * 1.01, [period * (age + 0.5) for age in range(4)])
    put_points(faults["shift"], faults["shift"]["Threshold"] * 1.01, [HOUR / 2, HOUR * 1.5])
    sleep(2.5)
    become(dict.fromkeys(standing_alarms.KINDS, "OK"))

    for each in short:
        put_points(faults[each], faults[each]["Threshold"] * 1.01, [period * 8])
    put_points(faults["shift"], faults["shift"]["Threshold"] * 1.01, [HOUR * 2.5])
    become(dict.fromkeys((*short, "shift"), "ALARM"))
    sleep(1.5)
    region = os.environ["AWS_REGION"]
    wanted = {f'ALARM: "windtunnel-flights.live-{each}" in {region}' for each in (*short, "shift")}
    subjects = told()
    assert (set(subjects), len(subjects)) == (wanted, 4)


def test_silence_is_counted_from_the_newest_verdict_and_rings(told: Callable[[], list[str]]) -> None:
    champion = ledger.live("flights")
    assert champion is not None
    most = SPEC.monitoring.silent_days
    assert silence.put(champion, champion.live_since + DAY * 3) == pytest.approx(3)
    assert silence.put(champion, champion.live_since - DAY) == 0
    standing_alarms.put("flights", channels.topic_arn())
    become({"silence": "OK"})

    (body,) = [each for each in standing_alarms.bodies("flights", TOPIC) if kind(each["AlarmName"]) == "silence"]
    put_points(body, most + 0.5, [DAY * 1.5])
    sleep(1.5)
    become({"silence": "OK"})
    assert silence.put(champion, champion.live_since + DAY * (most + 1)) == pytest.approx(most + 1)
    become({"silence": "ALARM"})
    assert len(told()) == 1

    address = objects.put(verdicts.newest_address("flights"), b"{}", content_type="application/json")
    concluded = objects.written_at(address)
    assert concluded is not None
    assert silence.put(champion, concluded + DAY * 2) == pytest.approx(2)


def test_a_run_of_monitor_counts_although_there_is_nothing_to_absorb(live: Champion) -> None:
    assert absorb("flights").new_rows == 0
    (counted,) = client("cloudwatch").get_metric_statistics(
        Namespace=vitals.NAMESPACE,
        MetricName=vitals.SILENT_DAYS,
        Dimensions=[{"Name": vitals.MODEL, "Value": live.model}],
        StartTime=datetime.now(UTC) - HOUR,
        EndTime=datetime.now(UTC) + HOUR,
        Period=86_400,
        Statistics=["SampleCount", "Maximum"],
    )["Datapoints"]
    assert counted["SampleCount"] == 1
    assert counted["Maximum"] < 0.1


def test_an_alarm_hears_that_nobody_counts(live: Champion) -> None:
    del live
    standing_alarms.put("flights", channels.topic_arn())
    become({"silence": "ALARM", "errors": "OK", "latency": "OK", "unusable": "OK", "shift": "OK"})


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("days", [1, 40, 3_650])
def test_cloudwatch_takes_the_alarms_of_any_spec(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    monitoring = SPEC.monitoring.model_copy(update={"silent_days": days})
    rollout = SPEC.rollout.model_copy(update={"most_errors": 0.25, "most_p99_ms": 7.0, "most_shift": 3.0})
    changed = SPEC.model_copy(update={"monitoring": monitoring, "rollout": rollout})
    monkeypatch.setattr(standing_alarms, "model_spec", lambda _: changed)
    standing_alarms.put("flights", channels.topic_arn())
    thresholds = {
        kind(each["AlarmName"]): each["Threshold"] for each in client("cloudwatch").describe_alarms()["MetricAlarms"]
    }
    wanted = {"errors": 0.25, "latency": 7_000, "unusable": rollout.most_unusable, "shift": 3, "silence": days}
    assert thresholds == wanted


def test_no_two_alarms_have_one_name() -> None:
    models = ("flights", "flights-live", "flights-live-errors", "live-flights")
    found = [{*alarms.names(each), *alarms.names_of_return(each), *standing_alarms.names(each)} for each in models]
    assert not any(one & other for one, other in combinations(found, 2))
    assert all(len(each) == 11 for each in found)


@pytest.fixture(params=get_args(Task))
def of_task(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    changed = SPEC.model_copy(update={"task": request.param})
    monkeypatch.setattr(dashboards, "model_spec", lambda _: changed)
    return changed


def lines(body: dict[str, Any]) -> set[tuple[str, ...]]:
    """Namespace, metric and dimensions of everything that is drawn."""
    graphs = [each["properties"] for each in body["widgets"] if each["type"] == "metric"]
    return {tuple(word for word in line if isinstance(word, str)) for graph in graphs for line in graph["metrics"]}


def test_the_dashboard_shows_every_sign_of_life_and_only_those(of_task: ModelSpec) -> None:
    drawn = lines(dashboards.body("flights", TOPIC))
    target, said = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0]), np.array([0.2, 0.9, 0.4, 0.1, 0.8, 0.6])
    scores = {*metrics.scores(of_task.task, target, said, at=2)} - {"mse"}
    found = {vitals.PREDICTIONS, vitals.COVERAGE, vitals.ERROR_RATIO, vitals.CONTROL_RATIO, vitals.DRIFT}
    found |= {vitals.FAILED_CHECKS, vitals.VERDICT, vitals.SILENT_DAYS, *map(vitals.metric, scores)}
    ours = {line[1:] for line in drawn if line[0] == vitals.NAMESPACE}
    assert {line[0] for line in ours if line[1:] == (vitals.MODEL, "flights")} == found
    printed = {line[0] for line in ours if line[1:] == (vitals.ENDPOINT, "windtunnel-flights")}
    assert printed == {vitals.ANSWERS, vitals.UNUSABLE_SHARE, vitals.ANSWER_SHIFT}
    assert len(ours) == len(found) + len(printed)


def test_no_two_widgets_of_the_dashboard_lie_on_each_other(of_task: ModelSpec) -> None:
    del of_task
    taken = [
        (x, y)
        for widget in dashboards.body("flights", TOPIC)["widgets"]
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < dashboards.WIDTH


@pytest.mark.usefixtures("account")
def test_the_same_spec_gives_the_same_bytes() -> None:
    bodies = []
    for _ in range(2):
        dashboards.put("flights", TOPIC)
        bodies.append(client("cloudwatch").get_dashboard(DashboardName="windtunnel-flights")["DashboardBody"])
    assert bodies[0] == bodies[1] == json.dumps(dashboards.body("flights", TOPIC), sort_keys=True)
