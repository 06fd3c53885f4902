"""The SageMaker jobs of a training plan and of monitoring: their names, and their request bodies as pure functions that return dicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from windtunnel.aws.clients import client
from windtunnel.core.contracts import Comparison, Rescoring, TrainingPlan
from windtunnel.core.settings import settings
from windtunnel.ml.metrics import METRIC_DEFINITIONS

CONTAINER = "/opt/ml/processing"


def training_job(plan: TrainingPlan) -> dict[str, Any]:
    """Body of CreateTrainingJob: the snapshot's own files as channel, named in a manifest, never copied."""
    return {
        "TrainingJobName": plan.job_name,
        "AlgorithmSpecification": {
            "TrainingImage": plan.image,
            "TrainingInputMode": "File",
            "MetricDefinitions": METRIC_DEFINITIONS,
        },
        "RoleArn": settings().role_arn,
        "HyperParameters": {
            "model": plan.model,
            "window_start": str(plan.train.start),
            "window_end": str(plan.train.end),
            **plan.hyperparameters,
        },
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "ContentType": "application/x-parquet",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "ManifestFile",
                        "S3Uri": plan.train_manifest,
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": settings().uri("jobs")},
        "ResourceConfig": {
            "InstanceCount": 1,
            "InstanceType": settings().job_instance_type,
            "VolumeSizeInGB": 30,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": settings().job_max_seconds},
        "Tags": _tags(plan),
    }


def evaluation_job(comparison: Comparison) -> dict[str, Any]:
    """Body of CreateProcessingJob: candidate, champion and baselines on the holdout."""
    plan, champion = comparison.plan, comparison.champion
    arguments = [
        *("--model", plan.model),
        *("--train-start", str(plan.train.start), "--train-end", str(plan.train.end)),
        *("--holdout-start", str(plan.holdout.start), "--holdout-end", str(plan.holdout.end)),
    ]
    inputs = [
        _input("model", model_data(plan)),
        _input("estimator", job_output(plan, "output.tar.gz")),
        _input("train", plan.train_manifest, "ManifestFile"),
        _input("holdout", plan.holdout_manifest, "ManifestFile"),
    ]
    if champion:
        arguments += ["--champion-version", champion.version, "--champion-sha256", champion.artefact_sha256]
        inputs.append(_input("champion", champion.model_data))
    return _processing_job(
        comparison.job_name,
        plan.image,
        ["evaluate", *arguments],
        inputs,
        ("evaluation", evaluation_folder(comparison)),
        _tags(plan),
    )


def scoring_job(rescoring: Rescoring) -> dict[str, Any]:
    """Body of CreateProcessingJob: champion and control asked offline what the endpoint was asked.

    In today's image: those that the two were made in may be older than the program.
    """
    collected = rescoring.collected
    champion, control = collected.champion, collected.control
    arguments = ["--model", champion.model]
    inputs = [_input("rows", collected.rows)]
    for name, asked in (("champion", champion), ("control", control)):
        if asked:
            made = asked.evaluated
            arguments += [f"--{name}-version", asked.version, f"--{name}-sha256", made.artefact_sha256]
            inputs.append(_input(name, made.model_data))
    tags = [
        {"Key": "windtunnel:model", "Value": champion.model},
        {"Key": "windtunnel:dataset", "Value": collected.labels.tag},
        {"Key": "windtunnel:work-key", "Value": collected.work_key},
    ]
    output = ("scored", rescoring.answers.rpartition("/")[0])
    return _processing_job(rescoring.job_name, settings().model_image, ["score", *arguments], inputs, output, tags)


def job_output(plan: TrainingPlan, file: str) -> str:
    """Address of a file that the training job leaves; SageMaker decides the path from the job's name."""
    return settings().uri("jobs", plan.job_name, "output", file)


def model_data(plan: TrainingPlan) -> str:
    """Address of the trained artefact."""
    return job_output(plan, "model.tar.gz")


def evaluation_folder(comparison: Comparison) -> str:
    """Address under which the evaluation job leaves `evaluation.json` and `holdout.parquet`."""
    return settings().uri("evaluations", comparison.plan.model, comparison.job_name)


def _processing_job(
    name: str,
    image: str,
    program: list[str],
    inputs: list[dict[str, Any]],
    output: tuple[str, str],
    tags: list[dict[str, str]],
) -> dict[str, Any]:
    """One program of the image with its arguments, and one output: its name in the container and its folder."""
    return {
        "ProcessingJobName": name,
        "AppSpecification": {
            "ImageUri": image,
            "ContainerEntrypoint": program[:1],
            "ContainerArguments": program[1:],
        },
        "RoleArn": settings().role_arn,
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": output[0],
                    "S3Output": {
                        "S3Uri": output[1],
                        "LocalPath": f"{CONTAINER}/{output[0]}",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": settings().job_instance_type,
                "VolumeSizeInGB": 30,
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": settings().job_max_seconds},
        "Tags": tags,
    }


def _input(name: str, uri: str, kind: str = "S3Prefix") -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"{CONTAINER}/{name}",
            "S3DataType": kind,
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }


def _tags(plan: TrainingPlan) -> list[dict[str, str]]:
    return [
        {"Key": "windtunnel:model", "Value": plan.model},
        {"Key": "windtunnel:dataset", "Value": plan.dataset.tag},
        {"Key": "windtunnel:work-key", "Value": plan.work_key},
    ]


def attempt_name(base: str) -> str:
    """The name of the first attempt at this work that has not failed: `<base>`, `<base>-2`, ...

    A job's name can be used once, so work whose job failed or was stopped needs the next name; work that is under way
    or done keeps its name, and is adopted.
    """
    name, attempt = base, 1
    while _failed(name):
        attempt += 1
        name = f"{base}-{attempt}"
    return name


def _failed(name: str) -> bool:
    training = described(lambda: client("sagemaker").describe_training_job(TrainingJobName=name))
    processing = described(lambda: client("sagemaker").describe_processing_job(ProcessingJobName=name))
    states = {training and training["TrainingJobStatus"], processing and processing["ProcessingJobStatus"]}
    return bool({"Failed", "Stopped", "Stopping"} & states)


def described[T](describe: Callable[[], T]) -> T | None:
    """What SageMaker says of a job; None where there is none of that name."""
    try:
        return describe()
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        return None
