"""What a release relies on under steady traffic: nothing is lost, a shadow counts by itself, alarms turn back in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from deployments import Deployments, variant

CANARY_50 = {"Type": "CAPACITY_PERCENT", "Value": 50}


@dataclass
class Traffic:
    """Answers and failures of clients that never stop asking."""

    answers: list[tuple[float, str]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def first(self, answer: str) -> float:
        """When an answer was first given, on the monotonic clock."""
        return min(at for at, each in self.answers if each == answer)


@contextmanager
def steady(deployments: Deployments, name: str, clients: int = 2) -> Iterator[Traffic]:
    """Some clients that ask an endpoint one after the other, each some twenty times a second, until they are left."""
    traffic, over = Traffic(), threading.Event()

    def ask() -> None:
        while not over.wait(0.05):
            try:
                answer = deployments.answer(name)
            except (ClientError, BotoCoreError) as error:
                traffic.failures.append(error)
            else:
                traffic.answers.append((time.monotonic(), answer))

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield traffic
    finally:
        over.set()
        for thread in threads:
            thread.join()


def guarded(*alarms: str, wait: int = 60) -> dict[str, Any]:
    """Half of the traffic first, watched by alarms."""
    routing = {"Type": "CANARY", "CanarySize": CANARY_50, "WaitIntervalInSeconds": wait}
    return {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 0},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]},
    }


@pytest.fixture
def alarm(deployments: Deployments) -> Iterator[str]:
    """The name of an alarm that the test puts; removed after it."""
    yield deployments.name
    deployments.aws.client("cloudwatch").delete_alarms(AlarmNames=[deployments.name])


def watch_latency(deployments: Deployments, alarm: str, endpoint: str, most_ms: float) -> None:
    deployments.aws.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm,
        Namespace="AWS/SageMaker",
        MetricName="ModelLatency",
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": "only"}],
        ExtendedStatistic="p99",
        Period=10,
        EvaluationPeriods=1,
        DatapointsToAlarm=1,
        Threshold=most_ms * 1000,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="breaching",
    )


def alarm_is(deployments: Deployments, alarm: str, state: str) -> None:
    cloudwatch = deployments.aws.client("cloudwatch")
    deployments.aws.wait(
        lambda: cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0],
        lambda found: bool(found["StateValue"] == state),
    )


def counted(deployments: Deployments, endpoint: str, metric: str, which: str, statistic: str) -> float:
    """A statistic of a variant's metric over the last minutes; 0 where there is none."""
    now = datetime.now(UTC)
    points = deployments.aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": which}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=[statistic],
    )["Datapoints"]
    return float(sum(point[statistic] for point in points))


def test_a_shadow_comes_and_goes_without_the_loss_of_a_request(deployments: Deployments) -> None:
    live = variant(deployments.model(0, 1), "live")
    shadow = variant(deployments.model(0, 2), "shadow")
    alone = deployments.config(live)
    shadowed = deployments.config(live, ShadowProductionVariants=[shadow])
    name = deployments.endpoint(alone)
    with steady(deployments, name) as traffic:
        for config, shadows in ((shadowed, ["shadow"]), (alone, [])):
            deployments.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
            described = deployments.settled(name)
            assert (described["EndpointConfigName"], described.get("FailureReason")) == (config, None)
            assert [each["VariantName"] for each in described.get("ShadowProductionVariants", [])] == shadows
            time.sleep(1)
    assert traffic.failures == []
    assert {answer for _, answer in traffic.answers} == {"1.0000"}


@pytest.mark.embedded
def test_a_shadow_is_counted_under_its_own_name(deployments: Deployments) -> None:
    name = deployments.endpoint(
        deployments.config(
            variant(deployments.model(1), "live"),
            ShadowProductionVariants=[variant(deployments.model(1, SLOW_ANSWER="0.1"), "shadow")],
        )
    )
    for _ in range(10):
        assert deployments.answer(name) == "2.0000"
    both = ("live", "shadow")
    deployments.aws.wait(
        lambda: {which: counted(deployments, name, "Invocations", which, "Sum") for which in both},
        lambda found: found == {"live": 10.0, "shadow": 10.0},
    )
    latency = {which: counted(deployments, name, "ModelLatency", which, "Minimum") for which in both}
    assert latency["live"] < 100_000 <= latency["shadow"]


@pytest.mark.embedded
def test_an_alarm_turns_a_slow_fleet_back_within_a_period_and_seconds(deployments: Deployments, alarm: str) -> None:
    old = deployments.config(variant(deployments.model(0, 1)))
    slow = deployments.config(variant(deployments.model(0, 2, SLOW_ANSWER="0.3")))
    name = deployments.endpoint(old)
    with steady(deployments, name) as traffic:
        time.sleep(2)
        watch_latency(deployments, alarm, name, 200)
        alarm_is(deployments, alarm, "OK")
        deployments.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=slow, DeploymentConfig=guarded(alarm)
        )
        described = deployments.settled(name)
        ended = time.monotonic()
        time.sleep(1)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", old)
    assert alarm in described["FailureReason"]
    assert traffic.failures == []
    # A period of 10 s, and what it takes to gather, to evaluate, to look and to end the fleet.
    assert ended - traffic.first("2.0000") < 15
    assert not [at for at, answer in traffic.answers if answer == "2.0000" and at > ended + 0.5]


@pytest.mark.embedded
def test_an_alarm_that_rings_before_the_update_lets_no_request_reach_the_new_fleet(
    deployments: Deployments, alarm: str
) -> None:
    old = deployments.config(variant(deployments.model(0, 1)))
    new = deployments.config(variant(deployments.model(0, 2)))
    name = deployments.endpoint(old)
    # Nobody asks, and missing data is breaching.
    watch_latency(deployments, alarm, name, 200)
    alarm_is(deployments, alarm, "ALARM")
    deployments.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new, DeploymentConfig=guarded(alarm))
    with steady(deployments, name) as traffic:
        described = deployments.settled(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", old)
    assert f"[{alarm}]" in described["FailureReason"]
    assert {answer for _, answer in traffic.answers} <= {"1.0000"}
    assert traffic.failures == []


@pytest.mark.embedded
def test_silence_turns_a_deployment_back(deployments: Deployments, alarm: str) -> None:
    old = deployments.config(variant(deployments.model(0, 1)))
    new = deployments.config(variant(deployments.model(0, 2)))
    name = deployments.endpoint(old)
    cloudwatch = deployments.aws.client("cloudwatch")

    def speak() -> datetime:
        """A sign of life of 20 s ago; it counts for three periods where one is evaluated: for ten seconds more."""
        spoken = datetime.now(UTC) - timedelta(seconds=20)
        cloudwatch.put_metric_data(
            Namespace="windtunnel/test", MetricData=[{"MetricName": name, "Value": 0, "Timestamp": spoken}]
        )
        return spoken

    speak()
    cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        Namespace="windtunnel/test",
        MetricName=name,
        Statistic="Maximum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="breaching",
    )
    alarm_is(deployments, alarm, "OK")
    deployments.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new, DeploymentConfig=guarded(alarm))
    spoken = speak()
    while deployments.answer(name) == "1.0000":
        spoken = speak()
        time.sleep(0.2)
    described = deployments.settled(name)
    assert described["EndpointConfigName"] == old
    assert alarm in described["FailureReason"]
    # boto3 sends whole seconds.
    assert 29 < (datetime.now(UTC) - spoken).total_seconds() < 45
