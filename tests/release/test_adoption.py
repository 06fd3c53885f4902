"""Work that Airflow runs twice, against the embedded AWS: what exists under the work's name is adopted."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.release.made import IMAGE
from windtunnel.aws import jobs
from windtunnel.aws.clients import client
from windtunnel.core.settings import settings
from windtunnel.orchestration.operators import AdoptingHook

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


@pytest.fixture
def hook() -> AdoptingHook:
    return AdoptingHook(aws_conn_id=None)  # type: ignore[no-untyped-call]


def training_job(name: str, **hyperparameters: str) -> dict[str, Any]:
    client("s3").put_object(Bucket=settings().bucket, Key="train/rows.csv", Body=b"1,1\n2,2\n3,3\n")
    channel = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": settings().uri("train/")}}
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": settings().role_arn,
        "HyperParameters": hyperparameters,
        "InputDataConfig": [{"ChannelName": "train", "DataSource": channel}],
        "OutputDataConfig": {"S3OutputPath": settings().uri("jobs")},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


def ended(name: str) -> str:
    for _ in range(300):
        status: str = client("sagemaker").describe_training_job(TrainingJobName=name)["TrainingJobStatus"]
        if status not in ("InProgress", "Stopping"):
            return status
        time.sleep(0.1)
    raise TimeoutError(name)


def test_a_training_that_is_started_twice_is_one_job(hook: AdoptingHook) -> None:
    job = training_job(f"adopted-{settings().bucket}")
    for _ in range(2):
        hook.create_training_job(dict(job), wait_for_completion=False, print_log=False)
    assert ended(job["TrainingJobName"]) == "Completed"
    listed = client("sagemaker").list_training_jobs(NameContains=job["TrainingJobName"])["TrainingJobSummaries"]
    assert len(listed) == 1


def test_work_that_failed_takes_the_next_name(hook: AdoptingHook) -> None:
    base = f"failed-{settings().bucket}"
    assert jobs.attempt_name(base) == base
    hook.create_training_job(training_job(base, fail="on purpose"), wait_for_completion=False, print_log=False)
    assert ended(base) == "Failed"
    assert jobs.attempt_name(base) == f"{base}-2"
