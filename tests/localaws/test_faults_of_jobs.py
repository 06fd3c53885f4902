"""Jobs told to fail: they end Failed with the reason that was given, once, and the next one runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from embedded_aws import Faults, Target

pytestmark = pytest.mark.embedded
REASON = "CapacityError: told to fail"
RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}


def training(aws: Target) -> dict[str, Any]:
    return {
        "AlgorithmSpecification": {
            "TrainingImage": aws.image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
        },
        "RoleArn": aws.role,
        "OutputDataConfig": {"S3OutputPath": f"s3://{aws.bucket}/faults"},
        "ResourceConfig": RESOURCES,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


def create_training(aws: Target, name: str) -> None:
    aws.client("sagemaker").create_training_job(TrainingJobName=name, **training(aws))


def create_processing(aws: Target, name: str) -> None:
    aws.client("sagemaker").create_processing_job(
        ProcessingJobName=name,
        AppSpecification={"ImageUri": aws.image},
        ProcessingResources={"ClusterConfig": RESOURCES},
        RoleArn=aws.role,
    )


def create_tuning(aws: Target, name: str) -> None:
    aws.client("sagemaker").create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "message", "Values": ["a", "b"]}]},
        },
        TrainingJobDefinition=training(aws),
    )


def create_transform(aws: Target, name: str) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": aws.image}, ExecutionRoleArn=aws.role)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{aws.bucket}/faults/"}}
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={"DataSource": source},
        TransformOutput={"S3OutputPath": f"s3://{aws.bucket}/faults-out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )


@pytest.mark.parametrize(
    ("kind", "create"),
    [
        ("TrainingJob", create_training),
        ("ProcessingJob", create_processing),
        ("HyperParameterTuningJob", create_tuning),
        ("TransformJob", create_transform),
    ],
    ids=["training", "processing", "tuning", "transform"],
)
def test_a_job_told_to_fail_fails_with_the_reason(
    aws: Target,
    name: str,
    faults: Faults,
    kind: str,
    create: Callable[[Target, str], None],
) -> None:
    faults.add(kind="fail_job", operation=f"sagemaker:Create{kind}", contains=name, reason=REASON)
    create(aws, name)
    describe = getattr(aws.client("sagemaker"), f"describe_{_snake(kind)}")
    job = aws.wait(lambda: describe(**{f"{kind}Name": name}), lambda found: found[f"{kind}Status"] != "InProgress")
    assert (job[f"{kind}Status"], job["FailureReason"]) == ("Failed", REASON)


def test_only_one_job_is_told_to_fail(aws: Target, name: str, faults: Faults) -> None:
    faults.add(kind="fail_job", operation="sagemaker:CreateProcessingJob", contains=name, reason=REASON)
    sagemaker = aws.client("sagemaker")
    for suffix in ("a", "b"):
        create_processing(aws, f"{name}-{suffix}")
        aws.wait(
            partial(sagemaker.describe_processing_job, ProcessingJobName=f"{name}-{suffix}"),
            lambda found: found["ProcessingJobStatus"] != "InProgress",
        )
    listed = sagemaker.list_processing_jobs(NameContains=name, SortBy="Name", SortOrder="Ascending")
    assert [job["ProcessingJobStatus"] for job in listed["ProcessingJobSummaries"]] == ["Failed", "Completed"]


def _snake(kind: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind).removeprefix("_")
