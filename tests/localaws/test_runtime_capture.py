"""Data capture and shadows: the records in S3, their keys and encodings; and the metrics in CloudWatch."""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deployments import Deployments, variant
from hypothesis import given
from hypothesis import strategies as st

from localaws.services.runtime.capture import Exchange, Settings, record

KEY = re.compile(r"(?P<variant>[^/]+)/\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3}-[0-9a-f-]{36}\.jsonl")


def capturing(deployments: Deployments, percent: int = 100, **members: Any) -> dict[str, Any]:
    """A DataCaptureConfig to a prefix of the test's own."""
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": percent,
        "DestinationS3Uri": f"s3://{deployments.aws.bucket}/{deployments.name}/captured/",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
        **members,
    }


def captured(deployments: Deployments, endpoint: str, count: int) -> list[Any]:
    """The records of an endpoint once there are so many."""
    where = f"{deployments.name}/captured/{endpoint}/"
    found = deployments.aws.wait(
        lambda: {"records": deployments.records(where)}, lambda answer: len(answer["records"]) >= count
    )
    return list(found["records"])


def test_requests_and_answers_are_captured_as_aws_writes_them(deployments: Deployments) -> None:
    config = deployments.config(variant(deployments.model(2), "blue"), DataCaptureConfig=capturing(deployments))
    name = deployments.endpoint(config)
    described = deployments.describe(name)["DataCaptureConfig"]
    assert (described["EnableCapture"], described["CaptureStatus"], described["CurrentSamplingPercentage"]) == (
        True, "Started", 100,
    )  # fmt: skip
    for number in range(5):
        deployments.ask(name, f"{number}\n", InferenceId=f"flight-{number}")
    deployments.ask(name, "9\n")
    records = captured(deployments, name, 6)
    by_id = {each["eventMetadata"].get("inferenceId"): each for each in records}
    assert set(by_id) == {*(f"flight-{number}" for number in range(5)), None}
    third = by_id["flight-3"]
    assert third["captureData"] == {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": "3\n", "encoding": "CSV"},
        "endpointOutput": {
            "observedContentType": "text/csv; charset=utf-8", "mode": "OUTPUT", "data": "6.0000\n", "encoding": "CSV",
        },
    }  # fmt: skip
    assert third["eventVersion"] == "0"
    assert len({each["eventMetadata"]["eventId"] for each in records}) == 6
    at = datetime.strptime(third["eventMetadata"]["inferenceTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
    s3, where = deployments.aws.client("s3"), f"{deployments.name}/captured/{name}/"
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=deployments.aws.bucket, Prefix=where)["Contents"]]
    assert len(keys) < 6, "several records share a file"
    for key in keys:
        found = KEY.fullmatch(key.removeprefix(where))
        assert found, key
        assert found["variant"] == "blue"


def test_errors_are_not_captured_and_nothing_is_lost_when_the_endpoint_is_deleted(deployments: Deployments) -> None:
    config = deployments.config(variant(deployments.model()), DataCaptureConfig=capturing(deployments))
    name = deployments.endpoint(config)
    with pytest.raises(deployments.runtime.exceptions.ModelError):
        deployments.ask(name, "boom")
    for number in range(3):
        deployments.ask(name, str(number))
    deployments.sagemaker.delete_endpoint(EndpointName=name)
    records = captured(deployments, name, 3)
    assert sorted(each["captureData"]["endpointInput"]["data"] for each in records) == ["0", "1", "2"]


def test_only_the_side_asked_for_is_captured_and_unlisted_types_are_base64(deployments: Deployments) -> None:
    capture = capturing(deployments, CaptureOptions=[{"CaptureMode": "Output"}], CaptureContentTypeHeader={
        "JsonContentTypes": ["application/json"]})  # fmt: skip
    name = deployments.endpoint(deployments.config(variant(deployments.model(2)), DataCaptureConfig=capture))
    deployments.ask(name, "4")
    (only,) = captured(deployments, name, 1)
    assert set(only["captureData"]) == {"endpointOutput"}
    assert only["captureData"]["endpointOutput"]["encoding"] == "BASE64"
    assert base64.b64decode(only["captureData"]["endpointOutput"]["data"]) == b"8.0000\n"


def test_capture_takes_the_share_it_was_told(deployments: Deployments) -> None:
    config = deployments.config(variant(deployments.model()), DataCaptureConfig=capturing(deployments, percent=30))
    name = deployments.endpoint(config)
    for number in range(200):
        deployments.ask(name, str(number))
    deployments.sagemaker.delete_endpoint(EndpointName=name)
    # Five standard deviations round 60.
    assert 28 <= len(captured(deployments, name, 28)) <= 92


def test_a_shadow_gets_a_copy_and_its_answer_is_only_captured(deployments: Deployments) -> None:
    config = deployments.config(
        variant(deployments.model(1), "live"),
        ShadowProductionVariants=[variant(deployments.model(10), "shadow")],
        DataCaptureConfig=capturing(deployments),
    )
    name = deployments.endpoint(config)
    assert [each["VariantName"] for each in deployments.describe(name)["ShadowProductionVariants"]] == ["shadow"]
    for number in range(10):
        reply = deployments.ask(name, f"{number}", InferenceId=f"flight-{number}")
        assert reply["InvokedProductionVariant"] == "live"
        assert float(reply["Body"].read()) == number
    captured(deployments, name, 20)
    where = f"{deployments.name}/captured/{name}/"
    for which, weight in (("live", 1), ("shadow", 10)):
        answers = {
            each["eventMetadata"]["inferenceId"]: float(each["captureData"]["endpointOutput"]["data"])
            for each in deployments.records(f"{where}{which}/")
        }
        assert answers == {f"flight-{number}": weight * number for number in range(10)}


def test_a_shadow_gets_the_share_its_weight_says(deployments: Deployments) -> None:
    config = deployments.config(
        variant(deployments.model(1), "live"),
        ShadowProductionVariants=[variant(deployments.model(10), "shadow", weight=0.25)],
        DataCaptureConfig=capturing(deployments),
    )
    name = deployments.endpoint(config)
    assert sum(deployments.answers(name, 160).values()) == 160
    captured(deployments, name, 161)
    deployments.sagemaker.delete_endpoint(EndpointName=name)
    where = f"{deployments.name}/captured/{name}/"
    deployments.aws.wait(
        lambda: {"live": len(deployments.records(f"{where}live/"))}, lambda found: found["live"] == 160
    )
    # Five standard deviations round 40 are 27.
    assert 13 <= len(deployments.records(f"{where}shadow/")) <= 67


@pytest.mark.embedded
def test_invocations_are_counted_per_variant(deployments: Deployments) -> None:
    config = deployments.config(variant(deployments.model(), "blue"))
    name = deployments.endpoint(config)
    for body in ("1", "2", "3", "boom", "x", "y"):
        try:
            deployments.ask(name, body)
        except deployments.runtime.exceptions.ModelError:
            assert body in ("boom", "x", "y")
    cloudwatch = deployments.aws.client("cloudwatch")
    dimensions = [{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": "blue"}]

    def sums() -> dict[str, float]:
        return {metric: total(cloudwatch, metric, dimensions) for metric in expected}

    expected = {"Invocations": 6.0, "Invocation4XXErrors": 2.0, "Invocation5XXErrors": 1.0}
    deployments.aws.wait(sums, lambda found: found == expected)
    per_config = [*dimensions, {"Name": "EndpointConfigName", "Value": config}]
    assert total(cloudwatch, "Invocations", per_config) == 6.0
    assert 0 < total(cloudwatch, "ModelLatency", dimensions, "Maximum") < 5e6
    assert total(cloudwatch, "Invocation5XXErrors", dimensions, "Average") == pytest.approx(1 / 6)


def total(cloudwatch: Any, metric: str, dimensions: list[dict[str, str]], statistic: str = "Sum") -> float:
    """A statistic of the last ten minutes in one period; 0 where there is nothing."""
    now = time.time()
    points = cloudwatch.get_metric_statistics(
        Namespace="AWS/SageMaker", MetricName=metric, Dimensions=dimensions, Statistics=[statistic],
        StartTime=now - 3600, EndTime=now + 3600, Period=7200,
    )["Datapoints"]  # fmt: skip
    return sum(float(point[statistic]) for point in points)


@given(body=st.binary(max_size=64), listed=st.booleans())
def test_a_record_gives_the_bytes_back_whatever_they_are(body: bytes, listed: bool) -> None:
    settings = Settings.of(
        {
            "DataCaptureConfig": {
                "InitialSamplingPercentage": 100,
                "DestinationS3Uri": "s3://bucket/prefix",
                "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
                "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]} if listed else {},
            }
        }
    )
    assert settings is not None
    exchange = Exchange(datetime.now(UTC), body, "Text/CSV; header=present", b"1", "text/csv")
    line = record(settings, exchange)
    assert "\n" not in line
    kept = json.loads(line)["captureData"]["endpointInput"]
    read = base64.b64decode(kept["data"]) if kept["encoding"] == "BASE64" else kept["data"].encode()
    assert read == body
