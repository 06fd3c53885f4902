"""Model packages, that is the versions of a group: the verbs of the API."""

from __future__ import annotations

from typing import Any

from localaws.context import Context
from localaws.listing import Listing
from localaws.service import Operation
from localaws.services.registry import groups, states
from localaws.wire import Document, Invalid, NotSupported

# Sorted by `_name`, in which version 2 comes before version 10.
LISTING = Listing("ModelPackageSummaryList", name="_name", order="Ascending")
_REPLACED = (
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)


def found(context: Context, name_or_arn: str) -> Document:
    """A package given by its ARN or as `<group>/<version>`.

    Raises:
        AwsError: it does not exist.
    """
    package = context.get(states.PACKAGE, _key(context, name_or_arn))
    if package is None:
        raise states.package_missing(name_or_arn)
    return package


def create_model_package(context: Context, request: Document) -> Document:
    """CreateModelPackage, of a version in a group.

    A version number is never given twice, whatever is deleted. A request that repeats a ClientToken answers with the
    version that the first one made: so a call whose reply was lost can be repeated.
    """
    if "ModelPackageGroupName" not in request:
        raise NotSupported("sagemaker:CreateModelPackage without ModelPackageGroupName (an unversioned package)")
    for member in ("SourceAlgorithmSpecification", "ValidationSpecification"):
        if member in request:
            raise NotSupported(f"sagemaker:CreateModelPackage with {member}")
    with groups.MEMBERSHIP:
        made = _made_with(context, request)
        if made is not None:
            return made
        group = groups.found(context, request["ModelPackageGroupName"])["ModelPackageGroupName"]
        version = context.next(f"{states.PACKAGE}/{group}")
        key = f"{group}/{version}"
        package = {
            "ModelApprovalStatus": states.PENDING_APPROVAL,
            "CertifyForMarketplace": False,
            **request,
            "ModelPackageGroupName": group,
            "ModelPackageVersion": version,
            "ModelPackageArn": context.arn(states.PACKAGE, key),
            "ModelPackageStatus": states.COMPLETED,
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CreatedBy": {},
            "_name": f"{group}/{version:09d}",
            "_request": request,
        }
        context.create(states.PACKAGE, key, package)
    stored = found(context, key)
    states.announce(context, stored)
    return stored


def describe_model_package(context: Context, request: Document) -> Document:
    """DescribeModelPackage."""
    return found(context, request["ModelPackageName"])


def update_model_package(context: Context, request: Document) -> Document:
    """UpdateModelPackage: changes what the request names and leaves the rest as it is."""
    name = request["ModelPackageArn"]
    package = context.patch(states.PACKAGE, _key(context, name), lambda stored: _changes(stored, request))
    if package is None:
        raise states.package_missing(name)
    states.announce(context, package)
    return package


def delete_model_package(context: Context, request: Document) -> None:
    """DeleteModelPackage."""
    name = request["ModelPackageName"]
    package = context.delete(states.PACKAGE, _key(context, name))
    if package is None:
        raise states.package_missing(name)
    states.announce(context, {**package, "ModelPackageStatus": "Deleting"})


def list_model_packages(context: Context, request: Document) -> Document:
    """ListModelPackages. As in AWS, without a group only unversioned packages are listed unless a type is given."""
    packages = context.all(states.PACKAGE)
    if group := request.get("ModelPackageGroupName"):
        name = groups.found(context, group)["ModelPackageGroupName"]
        packages = [package for package in packages if package["ModelPackageGroupName"] == name]
    elif request.get("ModelPackageType", "Unversioned") == "Unversioned":
        packages = []
    if approval := request.get("ModelApprovalStatus"):
        packages = [package for package in packages if package["ModelApprovalStatus"] == approval]
    return LISTING.answer(request, packages)


def _key(context: Context, name_or_arn: str) -> str:
    if not name_or_arn.startswith("arn:"):
        return name_or_arn
    key = name_or_arn.partition(f":{states.PACKAGE}/")[2]
    if name_or_arn != context.arn(states.PACKAGE, key):
        raise states.package_missing(name_or_arn)
    return key


def _made_with(context: Context, request: Document) -> Document | None:
    """The package that an earlier request with the same ClientToken made."""
    token = request.get("ClientToken")
    if token is None:
        return None
    for package in context.all(states.PACKAGE):
        if package.get("ClientToken") == token:
            if package["_request"] != request:
                raise states.token_reused(token)
            return package
    return None


def _changes(package: Document, request: Document) -> Document:
    """What an update sets, given the package as it stands."""
    changes: Document = {member: request[member] for member in _REPLACED if member in request}
    if "CustomerMetadataProperties" in request or "CustomerMetadataPropertiesToRemove" in request:
        changes["CustomerMetadataProperties"] = _metadata(package, request)
    if added := request.get("AdditionalInferenceSpecificationsToAdd"):
        changes["AdditionalInferenceSpecifications"] = _with_specifications(package, added)
    return changes


def _metadata(package: Document, request: Document) -> dict[str, str]:
    """The merged metadata. What is both set and removed in one request is removed."""
    merged: dict[str, str] = {
        **package.get("CustomerMetadataProperties", {}),
        **request.get("CustomerMetadataProperties", {}),
    }
    for name in request.get("CustomerMetadataPropertiesToRemove", []):
        merged.pop(name, None)
    if len(merged) > states.MOST_METADATA:
        raise Invalid(
            f"A model package holds at most {states.MOST_METADATA} customer metadata properties; "
            f"this update would make it {len(merged)}."
        )
    return merged


def _with_specifications(package: Document, added: list[Any]) -> list[Any]:
    present = package.get("AdditionalInferenceSpecifications", [])
    names = [specification["Name"] for specification in [*present, *added]]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Invalid(f"AdditionalInferenceSpecifications with the names {twice} exist already.")
    return [*present, *added]


OPERATIONS: dict[str, Operation] = {
    "CreateModelPackage": create_model_package,
    "DescribeModelPackage": describe_model_package,
    "UpdateModelPackage": update_model_package,
    "DeleteModelPackage": delete_model_package,
    "ListModelPackages": list_model_packages,
}
