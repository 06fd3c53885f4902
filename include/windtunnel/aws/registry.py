"""The SageMaker Model Registry: one package group per model, one package per version."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from windtunnel.aws import ledger, objects
from windtunnel.aws.clients import client, sagemaker_as
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Gated, RegisteredVersion, VersionRecord
from windtunnel.core.errors import CommitConflict, ReleaseRefused, SourceMissing, VersionInvalid
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import ModelPackageSummaryTypeDef

log = logging.getLogger(__name__)

RECORD = "windtunnel_record"
"""Metadata key of the address of the version's full record; metadata values hold 256 characters, a record more."""


def register(gated: Gated, version: str) -> RegisteredVersion:
    """Register a version, pending approval. May be repeated after a crash at any point, by two copies at once too.

    Whatever is recorded first stands: the record by its address, the package by its work key.

    Args:
        gated: The candidate and the gate's answer.
        version: From `ledger.allocate`.
    """
    model = gated.evaluated.plan.model
    address, recorded = _record(gated, version)
    _ensure_group(model)
    arn = _with_work_key(model, gated.evaluated.plan.work_key)
    if arn is None:
        with shared_write("registry.register"):
            arn = client("sagemaker").create_model_package(**package(recorded, version, address))["ModelPackageArn"]
    return _registered(recorded, version, arn)


def package(gated: Gated, version: str, record: str) -> dict[str, Any]:
    """Body of CreateModelPackage."""
    evaluated, gate, plan = gated.evaluated, gated.gate, gated.evaluated.plan
    quality = {"ContentType": "application/json", "S3Uri": evaluated.evaluation}
    return {
        "ModelPackageGroupName": plan.model,
        "ModelPackageDescription": (
            f"{version}. {plan.reason} Trained on {plan.train}, judged on {plan.holdout}, data {plan.dataset.tag}."
        )[:1024],
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
            "version": version,
            "gate": gate.answer,
            **({"forced_by": gate.forced_by[:256]} if gate.forced_by else {}),
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
    said = described["CustomerMetadataProperties"]
    return _registered(Gated.from_json(objects.get_json(said[RECORD])), said["version"], package_arn)


def recorded(told: VersionRecord) -> RegisteredVersion:
    """A version as `register` returned it, by its package and its record, which must be those that the ledger knows.

    Raises:
        SourceMissing: The package or the record is gone, or never was.
        ReleaseRefused: They are about something else than the ledger says.
    """
    what = f"`{told.version}` of `{told.model}`"
    try:
        found = read(str(told.package_arn))
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "ValidationException"):
            raise
        raise SourceMissing(f"The registry has no whole record of {what} any more: {error}.") from error
    plan = found.evaluated.plan
    ours = (told.version, told.work_key, told.artefact_sha256)
    if (found.version, plan.work_key, found.evaluated.artefact_sha256) != ours:
        raise ReleaseRefused(
            f"`{told.package_arn}` says that it is `{found.version}` of work `{plan.work_key[:16]}` with the artefact "
            f"`{found.evaluated.artefact_sha256[:16]}`; the ledger knows {what} as work `{told.work_key[:16]}` with "
            f"`{told.artefact_sha256[:16]}`."
        )
    return found


def statuses(model: str) -> dict[str, str]:
    """ARN of each package of a model -> `PendingManualApproval`, `Approved` or `Rejected`."""
    return {summary["ModelPackageArn"]: summary["ModelApprovalStatus"] for summary in _summaries(model)}


def record(model: str, version: str) -> Gated | None:
    """What a version was registered as; None for one that never was."""
    found = objects.get_if_there(_record_address(model, version))
    return Gated.model_validate_json(found[0]) if found else None


def in_service(model: str) -> tuple[RegisteredVersion, RegisteredVersion | None]:
    """What the ledger says is in service, and the good version before it, frozen since: the control; None: a first one.

    Raises:
        VersionInvalid: Nothing is in service.
    """
    champion, control = ledger.live(model), ledger.last_good(model)
    if champion is None:
        raise VersionInvalid(f"Nothing of `{model}` is in service. `python -m windtunnel versions {model}` says why.")
    return read(champion.package_arn), read(control.package_arn) if control else None


def decide(package_arn: str, *, approved: bool, sentence: str, by: str = "windtunnel") -> None:
    """Record a person's answer with the version; giving the same answer twice changes nothing."""
    role = settings().approver_role_arn
    sagemaker = sagemaker_as(role, f"approve-{by}") if role else client("sagemaker")
    with shared_write("registry.decide"):
        sagemaker.update_model_package(
            ModelPackageArn=package_arn,
            ModelApprovalStatus="Approved" if approved else "Rejected",
            ApprovalDescription=" ".join(sentence.split())[:1024],  # SageMaker takes one line
        )


def _record(gated: Gated, version: str) -> tuple[str, Gated]:
    """The address of a version's record, and what it holds: what was gated now, or by whoever was first."""
    address = _record_address(gated.evaluated.plan.model, version)
    try:
        with shared_write("registry.record"):
            objects.put_json(address, gated.to_json())
    except CommitConflict:
        log.warning("%s is on record with another answer of the gate; that one stands: %s", version, address)
        return address, Gated.from_json(objects.get_json(address))
    return address, gated


def _record_address(model: str, version: str) -> str:
    return settings().uri("versions", model, version, "record.json")


def _registered(gated: Gated, version: str, package_arn: str) -> RegisteredVersion:
    return RegisteredVersion(
        model=gated.evaluated.plan.model,
        version=version,
        package_arn=package_arn,
        evaluated=gated.evaluated,
        gate=gated.gate,
    )


def is_approved(package_arn: str) -> bool:
    """Whether a version's approval stands in the registry now."""
    described = client("sagemaker").describe_model_package(ModelPackageName=package_arn)
    return described["ModelApprovalStatus"] == "Approved"


def _ensure_group(model: str) -> None:
    with shared_write("registry.group"):
        try:
            client("sagemaker").create_model_package_group(
                ModelPackageGroupName=model, ModelPackageGroupDescription=model_spec(model).about
            )
        except ClientError as error:
            if "already exist" not in error.response["Error"]["Message"]:
                raise


def _with_work_key(model: str, work_key: str) -> str | None:
    for arn in (summary["ModelPackageArn"] for summary in _summaries(model)):
        described = client("sagemaker").describe_model_package(ModelPackageName=arn)
        if described.get("CustomerMetadataProperties", {}).get("work_key") == work_key:
            return arn
    return None


def _summaries(model: str) -> Iterator[ModelPackageSummaryTypeDef]:
    pages = client("sagemaker").get_paginator("list_model_packages")
    for page in pages.paginate(ModelPackageGroupName=model, SortBy="CreationTime", SortOrder="Descending"):
        yield from page["ModelPackageSummaryList"]
