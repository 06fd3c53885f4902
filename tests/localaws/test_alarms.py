"""CloudWatch alarms: each watches its own metric by the clock, says why it changed, and tells its topic."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from embedded_aws import Target

Put = Callable[..., str]


def put_alarm(cloudwatch: Any, name: str, metric: str, variant: str, **members: Any) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="windtunnel/test",
        MetricName=metric,
        Dimensions=[{"Name": "VariantName", "Value": variant}],
        **{
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            **({} if "ExtendedStatistic" in members else {"Statistic": "Sum"}),
            **members,
        },
    )


def put_points(cloudwatch: Any, metric: str, *points: tuple[float, float]) -> None:
    """Points of the variant `blue`, each with its age in seconds."""
    now = datetime.now(UTC)
    dimensions = [{"Name": "VariantName", "Value": "blue"}]
    cloudwatch.put_metric_data(
        Namespace="windtunnel/test",
        MetricData=[
            {"MetricName": metric, "Dimensions": dimensions, "Value": value, "Timestamp": now - timedelta(seconds=age)}
            for age, value in points
        ],
    )


@pytest.fixture
def put(aws: Target, name: str) -> Iterator[Put]:
    """Puts an alarm of the test's own on the metric of the test's name; returns its name."""
    cloudwatch = aws.client("cloudwatch")
    made: list[str] = []

    def put(**members: Any) -> str:
        made.append(f"{name}-{len(made)}")
        put_alarm(cloudwatch, made[-1], name, "blue", **members)
        return made[-1]

    yield put
    cloudwatch.delete_alarms(AlarmNames=made)


def becomes(aws: Target, name: str, wanted: str) -> dict[str, Any]:
    """The alarm once it is in a state."""
    cloudwatch = aws.client("cloudwatch")
    found: dict[str, Any] = aws.wait(
        lambda: cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0],
        lambda alarm: bool(alarm["StateValue"] == wanted),
    )
    return found


def changes(aws: Target, name: str) -> list[str]:
    """What the alarm's history tells, oldest first."""
    found = aws.client("cloudwatch").describe_alarm_history(
        AlarmName=name, HistoryItemType="StateUpdate", ScanBy="TimestampAscending"
    )
    return [item["HistorySummary"] for item in found["AlarmHistoryItems"]]


def state(cloudwatch: Any, name: str) -> str:
    return str(cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])


def test_an_alarm_watches_only_the_dimensions_it_names(aws: Target, name: str) -> None:
    cloudwatch = aws.client("cloudwatch")
    for variant in ("blue", "green"):
        put_alarm(cloudwatch, f"{name}-{variant}", name, variant)
        cloudwatch.put_metric_data(
            Namespace="windtunnel/test",
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": "VariantName", "Value": variant}],
                    "Values": [0.0, 1.0],
                    "Counts": [5.0, 0.0 if variant == "blue" else 2.0],
                }
            ],
        )
    aws.wait(lambda: {"state": state(cloudwatch, f"{name}-green")}, lambda found: found["state"] == "ALARM")
    assert state(cloudwatch, f"{name}-blue") != "ALARM"
    cloudwatch.delete_alarms(AlarmNames=[f"{name}-blue", f"{name}-green"])


def test_an_alarm_tells_its_topic(aws: Target, name: str) -> None:
    cloudwatch, sns, sqs = aws.client("cloudwatch"), aws.client("sns"), aws.client("sqs")
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    put_alarm(cloudwatch, name, name, "blue", AlarmActions=[topic])
    dimensions = [{"Name": "VariantName", "Value": "blue"}]
    cloudwatch.put_metric_data(
        Namespace="windtunnel/test", MetricData=[{"MetricName": name, "Dimensions": dimensions, "Value": 3}]
    )
    found = aws.wait(
        lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1), lambda answer: "Messages" in answer
    )
    message = json.loads(json.loads(found["Messages"][0]["Body"])["Message"])
    assert (message["AlarmName"], message["NewStateValue"]) == (name, "ALARM")
    cloudwatch.delete_alarms(AlarmNames=[name])
    sns.delete_topic(TopicArn=topic)
    sqs.delete_queue(QueueUrl=queue)


def test_silence_rings_only_where_missing_data_is_breaching(aws: Target, put: Put) -> None:
    treated = {missing: put(TreatMissingData=missing) for missing in ("breaching", "notBreaching", "missing", "ignore")}
    described = becomes(aws, treated["breaching"], "ALARM")
    assert "No datapoints were received" in described["StateReason"]
    becomes(aws, treated["notBreaching"], "OK")
    for missing in ("missing", "ignore"):
        assert state(aws.client("cloudwatch"), treated[missing]) == "INSUFFICIENT_DATA"


def test_a_new_alarm_begins_without_data_and_its_history_tells_each_change(aws: Target, name: str, put: Put) -> None:
    put_points(aws.client("cloudwatch"), name, (2, 5.0))
    alarm = put()
    described = becomes(aws, alarm, "ALARM")
    assert "1 of the last 1 datapoints [5] were greater than or equal to the threshold (1)" in described["StateReason"]
    assert json.loads(described["StateReasonData"])["recentDatapoints"] == [5.0]
    assert changes(aws, alarm)[-1] == "Alarm updated from INSUFFICIENT_DATA to ALARM"


@pytest.mark.embedded
def test_time_alone_changes_the_state(aws: Target, name: str, put: Put) -> None:
    # A point counts for three periods where one is evaluated: this one has seven seconds left.
    put_points(aws.client("cloudwatch"), name, (23.0, 0.0))
    alarm = put(Period=10, TreatMissingData="breaching")
    becomes(aws, alarm, "OK")
    becomes(aws, alarm, "ALARM")
    assert changes(aws, alarm)[-2:] == [
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to ALARM",
    ]


@pytest.mark.parametrize(("to_alarm", "expected"), [(2, "ALARM"), (3, "OK")])
def test_so_many_of_so_many_periods_must_breach(aws: Target, name: str, put: Put, to_alarm: int, expected: str) -> None:
    put_points(aws.client("cloudwatch"), name, (5, 3.0), (65, 0.0), (125, 3.0), (185, 3.0))
    alarm = put(EvaluationPeriods=3, DatapointsToAlarm=to_alarm)
    becomes(aws, alarm, expected)


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        ({"Statistic": "Maximum"}, 100.0),
        ({"Statistic": "Minimum"}, 1.0),
        ({"Statistic": "Average"}, 10.9),
        ({"Statistic": "Sum"}, 109.0),
        ({"Statistic": "SampleCount"}, 10.0),
        ({"ExtendedStatistic": "p50"}, 1.0),
        ({"ExtendedStatistic": "p99"}, 91.09),
    ],
    ids=lambda each: next(iter(each.values())) if isinstance(each, dict) else "",
)
def test_each_statistic_is_that_of_its_period(
    aws: Target, name: str, put: Put, statistic: dict[str, str], value: float
) -> None:
    put_points(aws.client("cloudwatch"), name, *[(5, 1.0)] * 9, (5, 100.0), (65, 5_000.0))
    members = {"ComparisonOperator": "GreaterThanThreshold", **statistic}
    below, above = put(Threshold=value - 0.01, **members), put(Threshold=value + 0.01, **members)
    becomes(aws, below, "ALARM")
    becomes(aws, above, "OK")


@pytest.mark.embedded
def test_a_state_that_was_set_holds_until_aws_would_look_again(aws: Target, put: Put) -> None:
    cloudwatch = aws.client("cloudwatch")
    alarm = put(Period=10)
    becomes(aws, alarm, "OK")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="told to")
    began = time.monotonic()
    time.sleep(3)
    assert state(cloudwatch, alarm) == "ALARM"
    becomes(aws, alarm, "OK")
    assert 8 < time.monotonic() - began < 13
