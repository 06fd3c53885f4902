"""The amazon provider's own operators, sync and deferrable, against the embedded AWS or an account.

Run as a worker and a triggerer run them, without a metadata database: `execute`, and when it defers the trigger's own
event loop, then the method it names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook
from airflow.providers.amazon.aws.operators.sagemaker import SageMakerProcessingOperator, SageMakerTrainingOperator
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import TaskDeferred
from embedded_aws import Target


@pytest.fixture(autouse=True)
def environment(aws: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the local profile sets: one address for all services, and keys of nobody."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", aws.region)
    if aws.url is not None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "123456789012")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def data(aws: Target, s3: Any, name: str, prefix: str) -> str:
    s3.put_object(Bucket=aws.bucket, Key=f"{name}/train/points.csv", Body=b"3,1\n5,2\n7,3\n")
    return f"{prefix}/train/"


@pytest.fixture
def training(aws: Target, name: str, prefix: str, data: str) -> Callable[..., SageMakerTrainingOperator]:
    def operator(hyperparameters: dict[str, str], **options: Any) -> SageMakerTrainingOperator:
        source = {"S3DataType": "S3Prefix", "S3Uri": data, "S3DataDistributionType": "FullyReplicated"}
        config = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": aws.image, "TrainingInputMode": "File"},
            "RoleArn": aws.role,
            "HyperParameters": hyperparameters,
            "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
            "OutputDataConfig": {"S3OutputPath": f"{prefix}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }
        return SageMakerTrainingOperator(
            task_id="train", config=config, aws_conn_id=None, check_interval=1, print_log=False, **options
        )

    return operator


def run(operator: BaseOperator) -> Any:
    """What a task returns, the deferral included."""
    try:
        return operator.execute({})
    except TaskDeferred as deferred:
        event = asyncio.run(first_event(deferred.trigger))
        return getattr(operator, deferred.method_name)({}, event=event.payload)


async def first_event(trigger: Any) -> Any:
    async for event in trigger.run():
        return event
    pytest.fail("The trigger ended without an event.")


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])
def test_training(training: Callable[..., Any], deferrable: bool, name: str, prefix: str) -> None:
    described = run(training({"sleep": "2"}, deferrable=deferrable))["Training"]
    assert described["TrainingJobStatus"] == "Completed"
    assert described["ModelArtifacts"]["S3ModelArtifacts"] == f"{prefix}/out/{name}/output/model.tar.gz"


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])
def test_a_training_that_fails_fails_the_task(training: Callable[..., Any], deferrable: bool) -> None:
    with pytest.raises(Exception, match=r"too few rows|terminal failure"):
        run(training({"sleep": "2", "fail": "too few rows"}, deferrable=deferrable))


def test_a_name_that_exists_gets_a_time_stamp(training: Callable[..., Any], sagemaker: Any, name: str) -> None:
    for _ in range(2):
        run(training({}, action_if_job_exists="timestamp"))
    listed = sagemaker.list_training_jobs(NameContains=name)["TrainingJobSummaries"]
    assert len(listed) == 2


def test_the_hook_reads_the_log(aws: Target, training: Callable[..., Any], name: str) -> None:
    run(training({"message": "a line for the task log"}))
    group = "/aws/sagemaker/TrainingJobs"
    streams = aws.client("logs").describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    hook = SageMakerHook(aws_conn_id=None)  # type: ignore[no-untyped-call]
    found = hook.multi_stream_iter(group, [each["logStreamName"] for each in streams])
    assert [event["message"] for _, event in found if event][1] == "a line for the task log"


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])
def test_processing(aws: Target, s3: Any, name: str, prefix: str, data: str, deferrable: bool) -> None:
    given = {"S3Uri": data, "LocalPath": "/opt/ml/processing/input", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    taken = {"S3Uri": f"{prefix}/copy", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    config = {
        "ProcessingJobName": name,
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "AppSpecification": {
            "ImageUri": aws.image,
            "ContainerEntrypoint": ["process"],
            "ContainerArguments": ["--sleep", "2"],
        },
        "RoleArn": aws.role,
        "ProcessingInputs": [{"InputName": "points", "S3Input": given}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "copy", "S3Output": taken}]},
    }
    operator = SageMakerProcessingOperator(
        task_id="process", config=config, aws_conn_id=None, check_interval=1, print_log=False, deferrable=deferrable
    )
    assert run(operator)["Processing"]["ProcessingJobStatus"] == "Completed"
    assert s3.get_object(Bucket=aws.bucket, Key=f"{name}/copy/points.csv")["Body"].read() == b"3,1\n5,2\n7,3\n"
