"""Metrics in lines of a log: what CloudWatch Logs takes out, and what it leaves alone."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deployments import Deployments, variant
from embedded_aws import Target

from localaws.embedded_metrics import Datum, Malformed, read

NOW = 1_700_000_000.0


def line(timestamp_ms: float = NOW * 1000, directive: dict[str, Any] | None = None, **root: Any) -> str:
    given = {
        "Namespace": "windtunnel/test",
        "Dimensions": [["Endpoint"]],
        "Metrics": [{"Name": "Answers", "Unit": "Count"}, {"Name": "UnusableShare"}],
        **(directive or {}),
    }
    metadata = {"Timestamp": timestamp_ms, "CloudWatchMetrics": [given]}
    return json.dumps({"_aws": metadata, "Endpoint": "flights", "Answers": 12, "UnusableShare": [0.25, 0.5], **root})


def test_each_metric_of_a_line_is_read_with_its_dimensions() -> None:
    about = {"Endpoint": "flights"}
    assert read(line(Version="V1.1.0"), NOW) == [
        Datum("windtunnel/test", "Answers", about, NOW, "Count", (12.0,)),
        Datum("windtunnel/test", "UnusableShare", about, NOW, "None", (0.25, 0.5)),
    ]


def test_a_metric_is_counted_once_for_each_set_of_dimensions() -> None:
    sets = [["Endpoint"], ["Endpoint", "Version"], []]
    found = read(line(directive={"Dimensions": sets}, Version="V1.1.0"), NOW)
    assert [datum.dimensions for datum in found if datum.name == "Answers"] == [
        {"Endpoint": "flights"},
        {"Endpoint": "flights", "Version": "V1.1.0"},
        {},
    ]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "GET /ping 200",
        "12",
        '{"level": "info"}',
        '{"_aws": {"requestId": "1"}}',
        '{"_aws": "CloudWatchMetrics"}',
        f"INFO {line()}",
        f"{line()} and more",
        f"{line()}{line()}",
        f"[{line()}]",
        '{"_aws": {"CloudWatchMetrics": ',
        '{"_aws": {"CloudWatchMetrics": ' * 10_000,
    ],
)
def test_any_other_line_is_just_a_line(message: str) -> None:
    assert read(message, NOW) == []


@pytest.mark.parametrize(
    "message",
    [
        line(timestamp_ms=(NOW - 15 * 24 * 3600) * 1000),
        line(timestamp_ms=(NOW + 3 * 3600) * 1000),
        line(directive={"Namespace": ""}),
        line(directive={"Dimensions": []}),
        line(directive={"Dimensions": ["Endpoint"]}),
        line(directive={"Dimensions": [["Region"]]}),
        line(directive={"Metrics": [{"Name": "Latency"}]}),
        line(directive={"Metrics": [{"Name": "Answers"}] * 101}),
        line(Answers="12"),
        line(Answers=True),
        line(Answers=float("nan")),
        line(UnusableShare=[]),
        line(UnusableShare=[0.5] * 101),
        line(Endpoint=7),
    ],
)
def test_a_line_that_breaks_the_format_gives_none_of_its_metrics(message: str) -> None:
    with pytest.raises(Malformed):
        read(message, NOW)


def statistics(aws: Target, namespace: str, metric: str, **dimensions: str) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    found: list[dict[str, Any]] = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["SampleCount", "Maximum", "Average"],
    )["Datapoints"]
    return found


def test_lines_of_put_log_events_become_metrics(aws: Target, name: str) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="one")
    now_ms = int(time.time() * 1000)
    messages = [
        line(now_ms, Endpoint=name),
        "an ordinary line",
        line(now_ms, Endpoint=name, Answers="many"),
        line(now_ms, Endpoint=name, Answers=30, UnusableShare=0.0),
    ]
    logs.put_log_events(
        logGroupName=name,
        logStreamName="one",
        logEvents=[{"timestamp": now_ms, "message": message} for message in messages],
    )
    (answers,) = statistics(aws, "windtunnel/test", "Answers", Endpoint=name)
    assert (answers["SampleCount"], answers["Maximum"], answers["Average"]) == (2, 30, 21)
    (share,) = statistics(aws, "windtunnel/test", "UnusableShare", Endpoint=name)
    assert (share["SampleCount"], share["Maximum"], share["Average"]) == (3, 0.5, 0.25)
    assert len(logs.get_log_events(logGroupName=name, logStreamName="one")["events"]) == len(messages)
    logs.delete_log_group(logGroupName=name)


def test_what_a_container_prints_becomes_metrics_of_its_endpoint(deployments: Deployments) -> None:
    told = line(int(time.time() * 1000), Endpoint=deployments.name)
    config = deployments.config(variant(deployments.model(0, 1, TELL=told)))
    deployments.endpoint(config)
    found = deployments.aws.wait(
        lambda: {"points": statistics(deployments.aws, "windtunnel/test", "Answers", Endpoint=deployments.name)},
        lambda answer: bool(answer["points"]),
    )
    assert found["points"][0]["Maximum"] == 12
