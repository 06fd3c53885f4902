"""CloudWatch alarms: each watches its own metric, and tells its topic."""

from __future__ import annotations

import json
from typing import Any

from embedded_aws import Target


def put_alarm(cloudwatch: Any, name: str, metric: str, variant: str, **members: Any) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="windtunnel/test",
        MetricName=metric,
        Dimensions=[{"Name": "VariantName", "Value": variant}],
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        Statistic="Sum",
        TreatMissingData="notBreaching",
        **members,
    )


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
