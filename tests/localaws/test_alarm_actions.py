"""What an alarm tells its topic, read back from a queue; and the alarms and dashboards that CloudWatch refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws import Target

Told = Callable[[], list[dict[str, Any]]]
GOOD: dict[str, Any] = {
    "widgets": [
        {"type": "text", "x": 0, "y": 0, "width": 24, "height": 2, "properties": {"markdown": "# flights"}},
        {
            "type": "metric",
            "x": 0,
            "y": 2,
            "width": 12,
            "height": 6,
            "properties": {
                "metrics": [
                    ["windtunnel", "Drift", "Model", "flights", {"label": "drift"}],
                    [".", "ErrorRatio", ".", "."],
                    [{"expression": "m1 * 2"}],
                ],
                "region": "eu-west-1",
                "period": 3600,
                "annotations": {"horizontal": [{"value": 1, "label": "most"}]},
            },
        },
    ]
}


@pytest.fixture
def topic(aws: Target, name: str) -> Iterator[str]:
    arn = aws.client("sns").create_topic(Name=name)["TopicArn"]
    yield arn
    aws.client("sns").delete_topic(TopicArn=arn)


@pytest.fixture
def told(aws: Target, name: str, topic: str) -> Iterator[Told]:
    """Gives everything the topic has been told since it was asked last, with the subject of each message."""
    sqs = aws.client("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def read() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                body = json.loads(message["Body"])
                found.append(json.loads(body["Message"]) | {"Subject": body["Subject"]})
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    yield read
    sqs.delete_queue(QueueUrl=queue)


@pytest.fixture
def put(aws: Target, name: str) -> Iterator[Callable[..., None]]:
    """Puts the alarm of the test's name on a metric nobody writes."""
    cloudwatch = aws.client("cloudwatch")

    def put(**members: Any) -> None:
        cloudwatch.put_metric_alarm(
            **{
                "AlarmName": name,
                "AlarmDescription": "Too many.",
                "Namespace": "windtunnel/test",
                "MetricName": name,
                "Dimensions": [{"Name": "Model", "Value": "flights"}],
                "Statistic": "Maximum",
                "Period": 60,
                "EvaluationPeriods": 3,
                "DatapointsToAlarm": 2,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "ignore",
                **members,
            }
        )

    yield put
    cloudwatch.delete_alarms(AlarmNames=[name])


def set_state(aws: Target, name: str, state: str) -> None:
    aws.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason="told to")


def actions(aws: Target, name: str) -> list[str]:
    found = aws.client("cloudwatch").describe_alarm_history(AlarmName=name, HistoryItemType="Action")
    return [item["HistorySummary"] for item in found["AlarmHistoryItems"]]


def test_the_message_is_cloudwatchs(aws: Target, name: str, topic: str, told: Told, put: Callable[..., None]) -> None:
    put(AlarmActions=[topic])
    aws.client("cloudwatch").put_metric_data(
        Namespace="windtunnel/test",
        MetricData=[
            {"MetricName": name, "Dimensions": [{"Name": "Model", "Value": "flights"}], "Values": [3.0, 2.0]},
        ],
    )
    put(AlarmActions=[topic], EvaluationPeriods=1, DatapointsToAlarm=1)
    (said,) = aws.wait(lambda: {"told": told()}, lambda found: bool(found["told"]))["told"]
    assert said.pop("StateChangeTime").endswith("+0000")
    assert said.pop("AlarmConfigurationUpdatedTimestamp").endswith("+0000")
    assert "3" in said.pop("NewStateReason")
    assert said.pop("AlarmArn").endswith(f":alarm:{name}")
    assert said.pop("AWSAccountId").isdigit()
    assert said == {
        "Subject": f'ALARM: "{name}" in EU (Ireland)',
        "AlarmName": name,
        "AlarmDescription": "Too many.",
        "NewStateValue": "ALARM",
        "OldStateValue": "INSUFFICIENT_DATA",
        "Region": "EU (Ireland)",
        "OKActions": [],
        "AlarmActions": [topic],
        "InsufficientDataActions": [],
        "Trigger": {
            "MetricName": name,
            "Namespace": "windtunnel/test",
            "StatisticType": "Statistic",
            "Statistic": "MAXIMUM",
            "Unit": None,
            "Dimensions": [{"value": "flights", "name": "Model"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "DatapointsToAlarm": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 1.0,
            "TreatMissingData": "ignore",
            "EvaluateLowSampleCountPercentile": "",
        },
    }


def test_each_list_of_actions_is_for_one_state_and_a_change_is_told_once(
    aws: Target, name: str, topic: str, told: Told, put: Callable[..., None]
) -> None:
    put(AlarmActions=[topic], OKActions=[topic])
    for state in ("ALARM", "ALARM", "OK", "INSUFFICIENT_DATA", "ALARM"):
        set_state(aws, name, state)
    assert [(each["OldStateValue"], each["NewStateValue"]) for each in told()] == [
        ("INSUFFICIENT_DATA", "ALARM"),
        ("ALARM", "OK"),
        ("INSUFFICIENT_DATA", "ALARM"),
    ]
    assert actions(aws, name) == [f"Successfully executed action {topic}"] * 3


def test_an_alarm_whose_actions_are_off_tells_nobody(
    aws: Target, name: str, topic: str, told: Told, put: Callable[..., None]
) -> None:
    put(AlarmActions=[topic])
    aws.client("cloudwatch").disable_alarm_actions(AlarmNames=[name])
    set_state(aws, name, "ALARM")
    aws.client("cloudwatch").enable_alarm_actions(AlarmNames=[name])
    set_state(aws, name, "OK")
    assert told() == []
    set_state(aws, name, "ALARM")
    assert len(told()) == 1


def test_a_topic_that_is_gone_stands_in_the_history(aws: Target, name: str, put: Callable[..., None]) -> None:
    gone = aws.client("sns").create_topic(Name=f"{name}-gone")["TopicArn"]
    aws.client("sns").delete_topic(TopicArn=gone)
    put(AlarmActions=[gone])
    set_state(aws, name, "ALARM")
    (summary,) = actions(aws, name)
    assert summary.startswith(f"Failed to execute action {gone}")


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"Period": 45}, "10, 20, 30 or a multiple of 60"),
        ({"Period": 300, "EvaluationPeriods": 289}, "86400"),
        ({"Period": 86_400, "EvaluationPeriods": 8}, "604800"),
    ],
    ids=["period", "a day", "a week"],
)
def test_no_alarm_looks_back_further_than_cloudwatch_allows(
    put: Callable[..., None], members: dict[str, int], why: str
) -> None:
    put(Period=86_400, EvaluationPeriods=7)
    with pytest.raises(ClientError, match=why) as refused:
        put(**members)
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_a_dashboard_is_kept_and_ends(aws: Target, name: str) -> None:
    cloudwatch = aws.client("cloudwatch")
    assert (
        cloudwatch.put_dashboard(DashboardName=name, DashboardBody=json.dumps(GOOD))["DashboardValidationMessages"]
        == []
    )
    assert json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]) == GOOD
    assert name in {entry["DashboardName"] for entry in cloudwatch.list_dashboards()["DashboardEntries"]}
    cloudwatch.delete_dashboards(DashboardNames=[name])
    with pytest.raises(ClientError, match="does not exist"):
        cloudwatch.get_dashboard(DashboardName=name)


def widget(**members: Any) -> dict[str, Any]:
    return {"widgets": [{**GOOD["widgets"][1], **members}]}


def metrics(*lines: Any, **members: Any) -> dict[str, Any]:
    return widget(properties={"region": "eu-west-1", "metrics": [*lines], **members})


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ("no JSON", ""),
        ({}, "required property 'widgets'"),
        (widget(width=25), "/widgets/0/width"),
        (widget(x=24), "/widgets/0/x"),
        (widget(type="graph"), "/widgets/0/type"),
        (widget(properties={"metrics": []}), "required property 'region'"),
        (metrics(["windtunnel"]), "/widgets/0/properties/metrics/0"),
        (metrics(["windtunnel", "Drift", "Model"]), "/widgets/0/properties/metrics/0"),
        (metrics("windtunnel"), "Should be array"),
        (metrics(period=45), "/widgets/0/properties/period"),
        (metrics(view="line"), "/widgets/0/properties/view"),
        (metrics(annotations={"horizontal": [{"label": "no value"}]}), "required property 'value'"),
        (widget(type="text", properties={}), "required property 'markdown'"),
        (widget(type="alarm", properties={"alarms": ["flights"]}), "/widgets/0/properties/alarms/0"),
    ],
    ids=str,
)
def test_a_dashboard_that_cannot_be_drawn_is_refused(aws: Target, name: str, body: Any, where: str) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    with pytest.raises(ClientError, match="The dashboard body is invalid, there ") as refused:
        aws.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=text)
    error = refused.value.response["Error"]
    assert error["Code"] in ("InvalidParameterInput", "DashboardInvalidInputError")
    assert where in error["Message"]
