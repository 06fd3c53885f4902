"""Model package groups: the verbs of the API."""

from __future__ import annotations

import threading

from localaws.context import Context
from localaws.listing import Listing
from localaws.service import Operation
from localaws.services.registry import states
from localaws.wire import Document, NotSupported

# A version is registered only in a group that exists, and a group deleted only when empty: one at a time.
MEMBERSHIP = threading.Lock()
LISTING = Listing("ModelPackageGroupSummaryList", name="ModelPackageGroupName", order="Ascending")


def named(context: Context, name_or_arn: str) -> str:
    """The name of a group given by name or ARN.

    Raises:
        AwsError: the ARN is of another account or region.
    """
    if not name_or_arn.startswith("arn:"):
        return name_or_arn
    name = name_or_arn.rpartition("/")[2]
    if name_or_arn != context.arn(states.GROUP, name):
        raise states.group_missing(name_or_arn)
    return name


def found(context: Context, name_or_arn: str) -> Document:
    """A group given by name or ARN.

    Raises:
        AwsError: it does not exist.
    """
    name = named(context, name_or_arn)
    group = context.get(states.GROUP, name)
    if group is None:
        raise states.group_missing(context.arn(states.GROUP, name))
    return group


def create_model_package_group(context: Context, request: Document) -> Document:
    """CreateModelPackageGroup."""
    name = request["ModelPackageGroupName"]
    arn = context.arn(states.GROUP, name)
    group = {**request, "ModelPackageGroupArn": arn, "ModelPackageGroupStatus": states.COMPLETED, "CreatedBy": {}}
    if not context.create(states.GROUP, name, group):
        raise states.group_exists(arn)
    return group


def describe_model_package_group(context: Context, request: Document) -> Document:
    """DescribeModelPackageGroup."""
    return found(context, request["ModelPackageGroupName"])


def delete_model_package_group(context: Context, request: Document) -> None:
    """DeleteModelPackageGroup."""
    with MEMBERSHIP:
        group = found(context, request["ModelPackageGroupName"])
        name = group["ModelPackageGroupName"]
        if any(package["ModelPackageGroupName"] == name for package in context.all(states.PACKAGE)):
            raise states.group_not_empty(group["ModelPackageGroupArn"])
        context.delete(states.GROUP, name)


def list_model_package_groups(context: Context, request: Document) -> Document:
    """ListModelPackageGroups."""
    if request.get("CrossAccountFilterOption") == "CrossAccount":
        raise NotSupported("sagemaker:ListModelPackageGroups with CrossAccountFilterOption=CrossAccount")
    return LISTING.answer(request, context.all(states.GROUP))


OPERATIONS: dict[str, Operation] = {
    "CreateModelPackageGroup": create_model_package_group,
    "DescribeModelPackageGroup": describe_model_package_group,
    "DeleteModelPackageGroup": delete_model_package_group,
    "ListModelPackageGroups": list_model_package_groups,
}
