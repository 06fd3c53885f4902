"""Two DAGs of the amazon provider's own operators; nothing in them knows whether AWS is real or embedded.

`provider-sync` takes a model from its data to an endpoint and changes what the endpoint serves. `provider-deferrable`
repeats the waiting steps with triggers, and asks for an endpoint that exists, which the operator turns into an update.

Run as a program it tests both with `dag.test()` and writes how every task ended, and what it returned, to a JSON file:

    PROVIDER_TEST='{"name": ..., "prefix": ..., "image": ..., "role": ...}' python provider_operators.py RESULT
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from airflow.providers.amazon.aws.operators.sagemaker import (
    SageMakerEndpointConfigOperator,
    SageMakerEndpointOperator,
    SageMakerModelOperator,
    SageMakerProcessingOperator,
    SageMakerRegisterModelVersionOperator,
    SageMakerTrainingOperator,
    SageMakerTransformOperator,
    SageMakerTuningOperator,
)
from airflow.providers.amazon.aws.sensors.sagemaker import SageMakerEndpointSensor, SageMakerTuningSensor
from airflow.providers.amazon.aws.utils.sagemaker import ApprovalStatus
from airflow.sdk import DAG, chain

GIVEN: dict[str, str] = json.loads(os.environ["PROVIDER_TEST"])
NAME, PREFIX, IMAGE, ROLE = GIVEN["name"], GIVEN["prefix"], GIVEN["image"], GIVEN["role"]
INSTANCE = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
PATIENT: dict[str, Any] = {"aws_conn_id": None, "check_interval": 1}


def channel(uri: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}}


def training_job() -> dict[str, Any]:
    return {
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "validation:mse", "Regex": r"validation:mse=([0-9.]+);"}],
        },
        "RoleArn": ROLE,
        "InputDataConfig": [channel(f"{PREFIX}/prepared/")],
        "OutputDataConfig": {"S3OutputPath": f"{PREFIX}/models"},
        "ResourceConfig": {**INSTANCE, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }


def process(suffix: str, **options: Any) -> SageMakerProcessingOperator:
    given = {"S3Uri": f"{PREFIX}/raw/", "LocalPath": "/opt/ml/processing/input", "S3DataType": "S3Prefix"}
    taken = {"S3Uri": f"{PREFIX}/prepared", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    config = {
        "ProcessingJobName": f"{NAME}-{suffix}",
        "ProcessingResources": {"ClusterConfig": {**INSTANCE, "VolumeSizeInGB": 1}},
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["process"],
            "ContainerArguments": ["--sleep", "1"],
        },
        "RoleArn": ROLE,
        "ProcessingInputs": [{"InputName": "raw", "S3Input": {**given, "S3InputMode": "File"}}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "prepared", "S3Output": taken}]},
    }
    return SageMakerProcessingOperator(task_id="process", config=config, print_log=False, **PATIENT, **options)


def train(suffix: str, **options: Any) -> SageMakerTrainingOperator:
    config = {**training_job(), "TrainingJobName": f"{NAME}-{suffix}", "HyperParameters": {"sleep": "1"}}
    return SageMakerTrainingOperator(task_id="train", config=config, print_log=False, **PATIENT, **options)


def tune(suffix: str, **options: Any) -> SageMakerTuningOperator:
    penalty = {"Name": "penalty", "MinValue": "1", "MaxValue": "100"}
    config = {
        "HyperParameterTuningJobName": f"{NAME}-{suffix}",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:mse"},
            "ParameterRanges": {"ContinuousParameterRanges": [penalty]},
        },
        "TrainingJobDefinition": {**training_job(), "StaticHyperParameters": {"epochs": "2"}},
    }
    return SageMakerTuningOperator(task_id="tune", config=config, **PATIENT, **options)


def transform(suffix: str, **options: Any) -> SageMakerTransformOperator:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{PREFIX}/questions/"}}
    config = {
        "TransformJobName": f"{NAME}-{suffix}",
        "ModelName": NAME,
        "TransformInput": {"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
        "TransformOutput": {"S3OutputPath": f"{PREFIX}/answers/{suffix}", "AssembleWith": "Line"},
        "TransformResources": INSTANCE,
    }
    return SageMakerTransformOperator(task_id="transform", config=config, **PATIENT, **options)


def endpoint_config(suffix: str) -> SageMakerEndpointConfigOperator:
    variant = {
        "VariantName": suffix,
        "ModelName": NAME,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1,
    }
    config = {"EndpointConfigName": f"{NAME}-{suffix}", "ProductionVariants": [variant]}
    return SageMakerEndpointConfigOperator(task_id=f"config_{suffix}", config=config, aws_conn_id=None)


def endpoint(task_id: str, operation: str, suffix: str, **options: Any) -> SageMakerEndpointOperator:
    config = {"EndpointName": NAME, "EndpointConfigName": f"{NAME}-{suffix}"}
    return SageMakerEndpointOperator(task_id=task_id, config=config, operation=operation, **PATIENT, **options)


with DAG("provider-sync", schedule=None) as sync:
    chain(
        process("sync"),
        train("sync"),
        tune("sync"),
        SageMakerTuningSensor(task_id="tuned", job_name=f"{NAME}-sync", aws_conn_id=None, poke_interval=1),
        SageMakerRegisterModelVersionOperator(
            task_id="register",
            image_uri=IMAGE,
            model_url="{{ ti.xcom_pull('train')['Training']['ModelArtifacts']['S3ModelArtifacts'] }}",
            package_group_name=NAME,
            model_approval=ApprovalStatus.APPROVED,
            extras={"CustomerMetadataProperties": {"job": f"{NAME}-sync"}},
            aws_conn_id=None,
        ),
        SageMakerModelOperator(
            task_id="model",
            config={
                "ModelName": NAME,
                "ExecutionRoleArn": ROLE,
                "PrimaryContainer": {"ModelPackageName": "{{ ti.xcom_pull('register') }}"},
            },
            aws_conn_id=None,
        ),
        transform("sync"),
        endpoint_config("first"),
        endpoint("create", "create", "first"),
        endpoint_config("second"),
        endpoint("update", "update", "second"),
        SageMakerEndpointSensor(  # type: ignore[no-untyped-call]
            task_id="served", endpoint_name=NAME, aws_conn_id=None, poke_interval=1
        ),
    )

with DAG("provider-deferrable", schedule=None) as deferrable:
    chain(
        process("defer", deferrable=True),
        train("defer", deferrable=True),
        tune("defer", deferrable=True),
        transform("defer", deferrable=True),
        endpoint("create_again", "create", "first", deferrable=True),
    )


def ending(dag: DAG) -> dict[str, Any]:
    """How a test run of a DAG ended. `dag.test()` does not raise when a task fails, so its states are told."""
    run: Any = dag.test()
    tasks = {task.task_id: task for task in run.get_task_instances()}
    return {
        "state": run.state,
        "tasks": {task_id: task.state for task_id, task in tasks.items()},
        "returned": {task_id: task.xcom_pull(task_ids=task_id) for task_id, task in tasks.items()},
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps({dag.dag_id: ending(dag) for dag in (sync, deferrable)}, default=str))
