"""The SageMaker Model Registry: one package group per model, one package per version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from windtunnel.aws import objects
from windtunnel.aws.clients import client
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Evaluated, RegisteredVersion
from windtunnel.core.settings import settings

RECORD = "windtunnel_record"
"""Metadata key of the address of the version's full record; metadata values hold 256 characters, a record more."""


def register(evaluated: Evaluated) -> RegisteredVersion:
    """Register a version, pending approval. The same work registered twice is one version.

    A package is recognised by its work key, so a lost reply or a second copy of the task finds the first one's.
    """
    _ensure_group(evaluated.plan.model)
    if found := _with_work_key(evaluated.plan.model, evaluated.plan.work_key):
        return RegisteredVersion(model=evaluated.plan.model, package_arn=found, evaluated=evaluated)
    record = objects.put_json(
        settings().uri("versions", evaluated.plan.model, evaluated.plan.work_key, "record.json"), evaluated.to_json()
    )
    arn = client("sagemaker").create_model_package(**package(evaluated, record))["ModelPackageArn"]
    return RegisteredVersion(model=evaluated.plan.model, package_arn=arn, evaluated=evaluated)


def package(evaluated: Evaluated, record: str) -> dict[str, Any]:
    """Body of CreateModelPackage."""
    plan = evaluated.plan
    quality = {"ContentType": "application/json", "S3Uri": evaluated.evaluation}
    return {
        "ModelPackageGroupName": plan.model,
        "ModelPackageDescription": f"{plan.reason} Trained on {plan.train}, judged on {plan.holdout}, data {plan.dataset.tag}.",
        "ModelApprovalStatus": "PendingManualApproval",
        "ClientToken": plan.work_key[:36],
        "InferenceSpecification": {
            "Containers": [
                {
                    "Image": plan.image,
                    "ModelDataUrl": evaluated.model_data,
                    "Environment": {"WINDTUNNEL_ARTEFACT_SHA256": evaluated.artefact_sha256},
                }
            ],
            "SupportedContentTypes": ["application/json", "application/jsonlines", "text/csv"],
            "SupportedResponseMIMETypes": ["application/json", "application/jsonlines", "text/csv"],
            "SupportedRealtimeInferenceInstanceTypes": [settings().endpoint_instance_type],
            "SupportedTransformInstanceTypes": [settings().job_instance_type],
        },
        "ModelMetrics": {"ModelQuality": {"Statistics": quality}},
        "CustomerMetadataProperties": {
            "work_key": plan.work_key,
            "dataset": f"{plan.dataset.table}@{plan.dataset.snapshot_id}",
            "dataset_tag": plan.dataset.tag,
            "train_window": str(plan.train),
            "holdout_window": str(plan.holdout),
            "git_commit": plan.git_commit,
            "image": plan.image,
            "code_sha256": plan.code_sha256,
            "artefact_sha256": evaluated.artefact_sha256,
            "requested_by": plan.requested_by[:256],
            RECORD: record,
            **{
                name: f"{value:.6g}"
                for name, value in evaluated.metrics.items()
                if name in ("mse", "rmse", "mae", "r2")
            },
        },
    }


def read(package_arn: str) -> RegisteredVersion:
    """A registered version with its full record."""
    described = client("sagemaker").describe_model_package(ModelPackageName=package_arn)
    record = objects.get_json(described["CustomerMetadataProperties"][RECORD])
    evaluated = Evaluated.from_json(record)
    return RegisteredVersion(model=evaluated.plan.model, package_arn=package_arn, evaluated=evaluated)


def decide(package_arn: str, *, approved: bool, sentence: str) -> None:
    """Record a person's answer with the version; giving the same answer twice changes nothing."""
    client("sagemaker").update_model_package(
        ModelPackageArn=package_arn,
        ModelApprovalStatus="Approved" if approved else "Rejected",
        ApprovalDescription=sentence[:1024],
    )


def _ensure_group(model: str) -> None:
    try:
        client("sagemaker").create_model_package_group(
            ModelPackageGroupName=model, ModelPackageGroupDescription=model_spec(model).about
        )
    except ClientError as error:
        if "already exist" not in error.response["Error"]["Message"]:
            raise


def _with_work_key(model: str, work_key: str) -> str | None:
    for arn in _packages(model):
        described = client("sagemaker").describe_model_package(ModelPackageName=arn)
        if described.get("CustomerMetadataProperties", {}).get("work_key") == work_key:
            return arn
    return None


def _packages(model: str) -> Iterator[str]:
    pages = client("sagemaker").get_paginator("list_model_packages")
    for page in pages.paginate(ModelPackageGroupName=model, SortBy="CreationTime", SortOrder="Descending"):
        for summary in page["ModelPackageSummaryList"]:
            yield summary["ModelPackageArn"]
