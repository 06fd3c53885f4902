"""Training jobs, really run."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws import Target

Describe = Callable[..., Any]
METRIC = {"Name": "validation:mse", "Regex": r"validation:mse=([0-9.]+);"}


@pytest.fixture
def data(s3: Any, aws: Target, name: str, prefix: str) -> str:
    """Two files of points on y = 2x + 1, off by one tenth either way."""
    for part, rows in enumerate(("3.1,1\n4.9,2\n", "7.1,3\n8.9,4\n")):
        s3.put_object(Bucket=aws.bucket, Key=f"{name}/train/part-{part}.csv", Body=rows.encode())
    return f"{prefix}/train/"


@pytest.fixture
def request_for(aws: Target, name: str, prefix: str, data: str) -> Describe:
    def request(hyperparameters: dict[str, str] | None = None, **members: Any) -> dict[str, Any]:
        return {
            "TrainingJobName": name,
            "AlgorithmSpecification": {
                "TrainingImage": aws.image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [METRIC],
            },
            "RoleArn": aws.role,
            "HyperParameters": hyperparameters or {},
            "InputDataConfig": [channel(data)],
            "OutputDataConfig": {"S3OutputPath": f"{prefix}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            **members,
        }

    return request


@pytest.fixture
def ended(aws: Target, sagemaker: Any, name: str) -> Describe:
    def ended() -> Any:
        return aws.wait(
            lambda: sagemaker.describe_training_job(TrainingJobName=name),
            lambda job: job["TrainingJobStatus"] not in ("InProgress", "Stopping"),
        )

    return ended


@pytest.fixture
def reaches(aws: Target, sagemaker: Any, name: str) -> Describe:
    def reaches(secondary: str) -> Any:
        return aws.wait(
            lambda: sagemaker.describe_training_job(TrainingJobName=name),
            lambda job: job["SecondaryStatus"] == secondary,
        )

    return reaches


def channel(uri: str, data_type: str = "S3Prefix", **members: Any) -> dict[str, Any]:
    source = {"S3DataType": data_type, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}, "ContentType": "text/csv", **members}


def archive(s3: Any, uri: str) -> dict[str, bytes]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    with tarfile.open(fileobj=io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())) as packed:
        files = {member.name: packed.extractfile(member) for member in packed if member.isfile()}
        return {path: file.read() for path, file in files.items() if file}


def test_a_job_trains_on_its_channel_and_leaves_its_model(
    sagemaker: Any, s3: Any, request_for: Describe, ended: Describe, prefix: str, name: str
) -> None:
    created = sagemaker.create_training_job(**request_for())
    job = ended()

    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert created["TrainingJobArn"] == job["TrainingJobArn"]
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"{prefix}/out/{name}/output/model.tar.gz"
    model = json.loads(archive(s3, job["ModelArtifacts"]["S3ModelArtifacts"])["model.json"])
    assert model["weight"] == pytest.approx(1.96)
    assert model["bias"] == pytest.approx(1.1)
    assert archive(s3, f"{prefix}/out/{name}/output/output.tar.gz") == {"rows.txt": b"4"}
    [metric] = job["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("validation:mse", pytest.approx(0.008))
    assert job["TrainingEndTime"] >= job["TrainingStartTime"] >= job["CreationTime"]
    assert job["BillableTimeInSeconds"] >= 1


def test_each_transition_has_its_own_message_and_an_end(sagemaker: Any, request_for: Describe, ended: Describe) -> None:
    sagemaker.create_training_job(**request_for())
    transitions = ended()["SecondaryStatusTransitions"]
    assert [each["Status"] for each in transitions] == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert len({each["StatusMessage"] for each in transitions}) == 5
    assert all(each["EndTime"] >= each["StartTime"] for each in transitions)


def test_what_it_prints_is_in_cloudwatch(
    aws: Target, sagemaker: Any, request_for: Describe, ended: Describe, name: str
) -> None:
    sagemaker.create_training_job(**request_for({"message": "a line"}, Environment={"IMAGE_VARIABLE": "the request"}))
    ended()
    logs = aws.client("logs")
    group = "/aws/sagemaker/TrainingJobs"
    [stream] = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    assert stream["logStreamName"].startswith(f"{name}/algo-1-")
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)[
        "events"
    ]
    messages = [event["message"] for event in events]
    assert messages[:2] == ['hyperparameters {"message": "a line"} and the request', "a line"]


@pytest.mark.parametrize(
    ("hyperparameters", "reason"),
    [
        pytest.param({"fail": "no rows"}, "AlgorithmError: no rows, exit code: 3", id="output/failure"),
        pytest.param({"crash": "out of luck"}, "RuntimeError: out of luck, exit code: 1", id="traceback"),
    ],
)
def test_a_failure_is_told_with_its_reason(
    sagemaker: Any, request_for: Describe, ended: Describe, hyperparameters: dict[str, str], reason: str
) -> None:
    sagemaker.create_training_job(**request_for(hyperparameters))
    job = ended()
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert job["FailureReason"].endswith(reason)
    assert "TrainingEndTime" in job


def test_a_name_is_taken_once(sagemaker: Any, request_for: Describe, ended: Describe) -> None:
    sagemaker.create_training_job(**request_for())
    with pytest.raises(sagemaker.exceptions.ResourceInUse, match="Training job names must be unique"):
        sagemaker.create_training_job(**request_for())
    ended()


def test_a_stop_lets_the_program_end_and_keeps_its_model(
    sagemaker: Any, s3: Any, request_for: Describe, reaches: Describe, ended: Describe, name: str
) -> None:
    sagemaker.create_training_job(**request_for({"sleep": "300"}))
    reaches("Training")
    time.sleep(1)
    sagemaker.stop_training_job(TrainingJobName=name)
    job = ended()
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Stopped"
    assert [each["Status"] for each in job["SecondaryStatusTransitions"]][-3:] == ["Stopping", "Uploading", "Stopped"]
    assert "stopped.txt" in archive(s3, job["ModelArtifacts"]["S3ModelArtifacts"])
    with pytest.raises(ClientError, match="training job is in status Stopped"):
        sagemaker.stop_training_job(TrainingJobName=name)


def test_a_job_that_runs_too_long_is_stopped(sagemaker: Any, request_for: Describe, ended: Describe) -> None:
    sagemaker.create_training_job(**request_for({"sleep": "300"}, StoppingCondition={"MaxRuntimeInSeconds": 2}))
    job = ended()
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert "MaxRuntimeInSeconds" in job["SecondaryStatusTransitions"][-1]["StatusMessage"]


def test_a_manifest_names_the_files(
    aws: Target, sagemaker: Any, s3: Any, request_for: Describe, ended: Describe, prefix: str, name: str
) -> None:
    manifest = json.dumps([{"prefix": f"{prefix}/"}, "train/part-1.csv"])
    s3.put_object(Bucket=aws.bucket, Key=f"{name}/files.manifest", Body=manifest.encode())
    sagemaker.create_training_job(
        **request_for(InputDataConfig=[channel(f"{prefix}/files.manifest", "ManifestFile", InputMode="FastFile")])
    )
    assert ended()["TrainingJobStatus"] == "Completed"
    assert archive(s3, f"{prefix}/out/{name}/output/output.tar.gz") == {"rows.txt": b"2"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b'[{"prefix": "PREFIX/"}, "train/absent.csv"]', "Data download failed", id="absent file"),
        pytest.param(b'{"files": []}', "must be a JSON list", id="no list"),
        pytest.param(b'[{"prefix": "PREFIX/"}, "train/../../../../../x"]', "Data download failed", id="way out"),
    ],
)
def test_a_manifest_that_cannot_be_followed_fails_the_job(
    aws: Target,
    sagemaker: Any,
    s3: Any,
    request_for: Describe,
    ended: Describe,
    prefix: str,
    name: str,
    body: bytes,
    reason: str,
) -> None:
    s3.put_object(Bucket=aws.bucket, Key=f"{name}/m", Body=body.replace(b"PREFIX", prefix.encode()))
    sagemaker.create_training_job(**request_for(InputDataConfig=[channel(f"{prefix}/m", "ManifestFile")]))
    job = ended()
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ")
    assert reason in job["FailureReason"]


def test_an_empty_prefix_fails_the_job(sagemaker: Any, request_for: Describe, ended: Describe, prefix: str) -> None:
    sagemaker.create_training_job(**request_for(InputDataConfig=[channel(f"{prefix}/nothing/")]))
    assert f'No S3 objects found under S3 URL "{prefix}/nothing/"' in ended()["FailureReason"]


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("members", "what"),
    [
        pytest.param(
            {"InputDataConfig": [channel("s3://b/k", "AugmentedManifestFile")]}, "AugmentedManifestFile", id="augmented"
        ),
        pytest.param({"InputDataConfig": [channel("s3://b/k", InputMode="Pipe")]}, "Pipe", id="pipe"),
        pytest.param(
            {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}},
            "more than one instance",
            id="instances",
        ),
    ],
)
def test_what_only_aws_has_is_refused_at_once(
    sagemaker: Any, request_for: Describe, members: dict[str, Any], what: str
) -> None:
    with pytest.raises(ClientError, match=f"{what}.* is not supported by the embedded AWS") as refused:
        sagemaker.create_training_job(**request_for(**members))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


@pytest.mark.embedded
def test_an_image_nobody_knows_fails_the_job(sagemaker: Any, request_for: Describe, ended: Describe) -> None:
    request = request_for()
    request["AlgorithmSpecification"]["TrainingImage"] = "nobody:1"
    sagemaker.create_training_job(**request)
    assert "No local program stands for the image `nobody:1`" in ended()["FailureReason"]


def test_a_spot_job_goes_on_from_its_checkpoint(
    aws: Target, sagemaker: Any, s3: Any, request_for: Describe, ended: Describe, prefix: str, name: str
) -> None:
    s3.put_object(Bucket=aws.bucket, Key=f"{name}/checkpoints/epoch.txt", Body=b"6")
    request = request_for(
        CheckpointConfig={"S3Uri": f"{prefix}/checkpoints"},
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 1200},
    )
    request["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "epoch", "Regex": "epoch=([0-9]+);"}]
    sagemaker.create_training_job(**request)
    job = ended()
    assert [metric["Value"] for metric in job["FinalMetricDataList"]] == [7.0]
    assert s3.get_object(Bucket=aws.bucket, Key=f"{name}/checkpoints/epoch.txt")["Body"].read() == b"7"
    assert job["EnableManagedSpotTraining"] is True


def test_spot_needs_a_time_to_wait(sagemaker: Any, request_for: Describe) -> None:
    with pytest.raises(ClientError, match="MaxWaitTimeInSeconds"):
        sagemaker.create_training_job(**request_for(EnableManagedSpotTraining=True))


def test_a_job_that_does_not_exist_is_a_validation_exception(sagemaker: Any, name: str) -> None:
    with pytest.raises(ClientError, match="Requested resource not found") as refused:
        sagemaker.describe_training_job(TrainingJobName=name)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.embedded
def test_a_region_knows_only_its_own_jobs(
    aws: Target, sagemaker: Any, request_for: Describe, ended: Describe, name: str
) -> None:
    sagemaker.create_training_job(**request_for())
    ended()
    with pytest.raises(ClientError, match="Requested resource not found"):
        aws.client("sagemaker", "us-east-1").describe_training_job(TrainingJobName=name)
