"""What the registry says: states, messages, and the event of a changed package.

A package needs no work of the embedded AWS: it is `Completed` as soon as it is stored. What changes is its approval:

    PendingManualApproval -> Approved | Rejected, and any of the three to any other, by UpdateModelPackage
"""

from __future__ import annotations

from localaws.context import Context
from localaws.wire import AwsError, Document, Invalid, shaped

GROUP = "model-package-group"
PACKAGE = "model-package"
COMPLETED = "Completed"
PENDING_APPROVAL = "PendingManualApproval"
MOST_METADATA = 50
PACKAGE_EVENT = "SageMaker Model Package State Change"


def group_exists(arn: str) -> AwsError:
    """The amazon provider's hook matches the beginning of this message."""
    return Invalid(f"Model Package Group already exists: {arn}")


def group_missing(arn: str) -> AwsError:
    """No such group in this account and region."""
    return Invalid(f"ModelPackageGroup {arn} does not exist.")


def group_not_empty(arn: str) -> AwsError:
    """A group is deleted only when no version is left in it."""
    return AwsError("ConflictException", f"Model Package Group {arn} cannot be deleted: it still holds model packages.")


def package_missing(name: str) -> AwsError:
    """No such version in this account and region."""
    return Invalid(f"ModelPackage {name} does not exist.")


def token_reused(token: str) -> AwsError:
    """A client token stands for one request only."""
    return AwsError("ConflictException", f"ClientToken {token} was already used with other parameters.")


def announce(context: Context, package: Document) -> None:
    """Sends the event of a package that was registered, changed or deleted; its detail is the package's description."""
    context.publish(PACKAGE_EVENT, package["ModelPackageArn"], shaped("DescribeModelPackage", package))
