"""Processing jobs, really run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws import Target

Describe = Callable[..., Any]


@pytest.fixture
def request_for(aws: Target, s3: Any, name: str, prefix: str) -> Describe:
    """A job that writes its input in capitals: two files below `in/`, one in a folder of its own."""
    for key in ("in/a.txt", "in/deep/b.txt"):
        s3.put_object(Bucket=aws.bucket, Key=f"{name}/{key}", Body=f"text of {key}".encode())

    def request(*arguments: str, mode: str = "EndOfJob", **members: Any) -> dict[str, Any]:
        application: dict[str, Any] = {"ImageUri": aws.image, "ContainerEntrypoint": ["process"]}
        if arguments:
            application["ContainerArguments"] = list(arguments)
        output = {"S3Uri": f"{prefix}/out", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": mode}
        return {
            "ProcessingJobName": name,
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            "AppSpecification": application,
            "RoleArn": aws.role,
            "ProcessingInputs": [source(f"{prefix}/in/")],
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "capitals", "S3Output": output}]},
            **members,
        }

    return request


@pytest.fixture
def ended(aws: Target, sagemaker: Any, name: str) -> Describe:
    def ended() -> Any:
        return aws.wait(
            lambda: sagemaker.describe_processing_job(ProcessingJobName=name),
            lambda job: job["ProcessingJobStatus"] not in ("InProgress", "Stopping"),
        )

    return ended


@pytest.fixture
def written(aws: Target, s3: Any, name: str) -> Callable[[], dict[str, bytes]]:
    """What lies below `out/`."""

    def written() -> dict[str, bytes]:
        found = s3.list_objects_v2(Bucket=aws.bucket, Prefix=f"{name}/out/").get("Contents", [])
        keys = [each["Key"] for each in found]
        bodies = [s3.get_object(Bucket=aws.bucket, Key=key)["Body"].read() for key in keys]
        return {key.removeprefix(f"{name}/out/"): body for key, body in zip(keys, bodies, strict=True)}

    return written


def source(uri: str, data_type: str = "S3Prefix") -> dict[str, Any]:
    given = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/input", "S3DataType": data_type, "S3InputMode": "File"}
    return {"InputName": "texts", "S3Input": given}


def test_inputs_come_from_s3_and_outputs_go_there(
    sagemaker: Any, request_for: Describe, ended: Describe, written: Describe
) -> None:
    created = sagemaker.create_processing_job(**request_for())
    job = ended()
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ProcessingJobArn"] == created["ProcessingJobArn"]
    assert job["ProcessingEndTime"] >= job["ProcessingStartTime"] >= job["CreationTime"]
    assert written() == {"a.txt": b"TEXT OF IN/A.TXT", "deep/b.txt": b"TEXT OF IN/DEEP/B.TXT"}


def test_a_manifest_names_the_inputs(
    aws: Target,
    sagemaker: Any,
    s3: Any,
    request_for: Describe,
    ended: Describe,
    written: Describe,
    prefix: str,
    name: str,
) -> None:
    manifest = json.dumps([{"prefix": f"{prefix}/in/"}, "deep/b.txt"])
    s3.put_object(Bucket=aws.bucket, Key=f"{name}/manifest", Body=manifest.encode())
    sagemaker.create_processing_job(**request_for(ProcessingInputs=[source(f"{prefix}/manifest", "ManifestFile")]))
    assert ended()["ProcessingJobStatus"] == "Completed"
    assert list(written()) == ["deep/b.txt"]


def test_arguments_and_environment_reach_the_program(
    aws: Target, sagemaker: Any, request_for: Describe, ended: Describe, written: Describe, name: str
) -> None:
    arguments = ("--output=/opt/ml/processing/output/below", "--message", "two files")
    sagemaker.create_processing_job(**request_for(*arguments, Environment={"GREETING": "hello"}))
    assert ended()["ExitMessage"] == "two files"
    assert set(written()) == {"below/a.txt", "below/deep/b.txt"}
    logs = aws.client("logs")
    group = "/aws/sagemaker/ProcessingJobs"
    [stream] = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)[
        "events"
    ]
    assert events[0]["message"] == f"job {name} says hello"


def test_a_failure_tells_the_message_and_writes_no_output(
    sagemaker: Any, request_for: Describe, ended: Describe, written: Describe
) -> None:
    sagemaker.create_processing_job(**request_for("--fail", "x", "--message", "the file was empty"))
    job = ended()
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: the file was empty, exit code: 4"
    assert written() == {}


def test_continuous_outputs_are_written_while_it_runs(
    aws: Target, sagemaker: Any, request_for: Describe, ended: Describe, written: Describe, name: str
) -> None:
    sagemaker.create_processing_job(**request_for("--sleep", "600", mode="Continuous"))
    aws.wait(written, lambda found: len(found) == 2)
    assert sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "InProgress"
    sagemaker.stop_processing_job(ProcessingJobName=name)
    assert ended()["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="processing job is in status Stopped"):
        sagemaker.stop_processing_job(ProcessingJobName=name)


def test_a_job_that_runs_too_long_is_stopped(sagemaker: Any, request_for: Describe, ended: Describe) -> None:
    sagemaker.create_processing_job(**request_for("--sleep", "600", StoppingCondition={"MaxRuntimeInSeconds": 1}))
    assert ended()["ProcessingJobStatus"] == "Stopped"


def test_a_name_is_taken_once(sagemaker: Any, request_for: Describe, ended: Describe) -> None:
    sagemaker.create_processing_job(**request_for())
    with pytest.raises(sagemaker.exceptions.ResourceInUse, match="already exists"):
        sagemaker.create_processing_job(**request_for())
    ended()


def test_a_job_that_does_not_exist_is_a_validation_exception(sagemaker: Any, name: str) -> None:
    with pytest.raises(ClientError, match=f"Could not find requested job with name: {name}") as refused:
        sagemaker.describe_processing_job(ProcessingJobName=name)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.embedded
def test_an_output_outside_opt_ml_fails_the_job(sagemaker: Any, request_for: Describe, ended: Describe) -> None:
    request = request_for()
    request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["LocalPath"] = "/var/out"
    sagemaker.create_processing_job(**request)
    assert "`/var/out` is not below /opt/ml" in ended()["FailureReason"]


@pytest.mark.embedded
def test_the_images_own_entrypoint_is_the_default(
    sagemaker: Any, request_for: Describe, ended: Describe, written: Describe
) -> None:
    request = request_for()
    del request["AppSpecification"]["ContainerEntrypoint"]
    sagemaker.create_processing_job(**request)
    assert ended()["ProcessingJobStatus"] == "Completed"
    assert len(written()) == 2
