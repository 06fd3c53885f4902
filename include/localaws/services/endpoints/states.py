"""What an endpoint's document says in each of its states, and the events that tell of a change.

    Creating -> InService | Failed
    InService -> Updating -> InService (new configuration)
                          -> RollingBack -> InService (old configuration, with a FailureReason)
                          -> InService (old configuration, with a FailureReason: the new fleet never became healthy)
    InService | Failed -> Deleting -> gone

Private members of the document: `_live` is the blueprint that serves, `_pending` the one that is being deployed, with
its DeploymentConfig. Both hold everything that is needed, so that neither the deletion of a configuration or a model
nor a restart of this process changes what an endpoint serves.
"""

from __future__ import annotations

import re
import time
from typing import Any

from localaws.context import Context
from localaws.wire import AwsError, Document, Invalid

KIND = "endpoint"
CREATING = "Creating"
IN_SERVICE = "InService"
UPDATING = "Updating"
ROLLING_BACK = "RollingBack"
DELETING = "Deleting"
FAILED = "Failed"
STATE_EVENT = "SageMaker Endpoint State Change"
DEPLOYMENT_EVENT = "SageMaker Endpoint Deployment State Change"
MOST_REASON = 1024


def exists(arn: str) -> AwsError:
    """The provider's endpoint operator turns a create into an update when a message begins like this one."""
    return Invalid(f'Cannot create already existing endpoint "{arn}".')


def absent(arn: str) -> AwsError:
    """No endpoint of that name."""
    return Invalid(f'Could not find endpoint "{arn}".')


def unchangeable(endpoint: Document) -> AwsError:
    """The endpoint is in a state in which it takes no change."""
    arn, status = endpoint["EndpointArn"], endpoint["EndpointStatus"]
    if status == FAILED:
        return Invalid(
            f'Cannot update endpoint "{arn}" in status Failed. DeleteEndpoint is the only operation that can be '
            f"performed on a failed endpoint."
        )
    return Invalid(f'Cannot update in-progress endpoint "{arn}".')


def serving(blueprint: Document) -> Document:
    """The members that describe what an endpoint in service serves."""
    config = blueprint["Config"]
    return {
        "EndpointStatus": IN_SERVICE,
        "EndpointConfigName": config["EndpointConfigName"],
        "ProductionVariants": summaries(blueprint, "ProductionVariants"),
        "ShadowProductionVariants": summaries(blueprint, "ShadowProductionVariants") or None,
        "DataCaptureConfig": _capture(config),
        "AsyncInferenceConfig": config.get("AsyncInferenceConfig"),
        "_live": blueprint,
        "_pending": None,
        "PendingDeploymentSummary": None,
    }


def summaries(blueprint: Document, member: str, status: str | None = None, message: str = "") -> list[Document]:
    """The variants of a blueprint as Describe shows them; with a status while they are being deployed."""
    now = time.time()
    return [
        {
            "VariantName": variant["VariantName"],
            "DeployedImages": [
                {
                    "SpecifiedImage": container["Image"],
                    "ResolvedImage": container["Image"],
                    "ResolutionTime": now,
                }
                for container in blueprint["Models"][variant["ModelName"]]["Containers"]
            ],
            "CurrentWeight": variant["InitialVariantWeight"],
            "DesiredWeight": variant["InitialVariantWeight"],
            "CurrentInstanceCount": variant["InitialInstanceCount"],
            "DesiredInstanceCount": variant["InitialInstanceCount"],
            **({"VariantStatus": [{"Status": status, "StatusMessage": message, "StartTime": now}]} if status else {}),
        }
        for variant in blueprint["Config"].get(member, [])
    ]


def pending(blueprint: Document, started: float, status: str, message: str) -> Document:
    """PendingDeploymentSummary of a blueprint that is on its way."""
    return {
        "EndpointConfigName": blueprint["Config"]["EndpointConfigName"],
        "ProductionVariants": summaries(blueprint, "ProductionVariants", status, message),
        "ShadowProductionVariants": summaries(blueprint, "ShadowProductionVariants", status, message) or None,
        "StartTime": started,
    }


def kept(reason: str) -> Document:
    """The members after an update that did not take place: in service as before, with the reason."""
    return {
        "EndpointStatus": IN_SERVICE,
        "FailureReason": reason[:MOST_REASON],
        "_pending": None,
        "PendingDeploymentSummary": None,
    }


def failed(reason: str) -> Document:
    """The members of an endpoint that could not be created."""
    return {"EndpointStatus": FAILED, "FailureReason": reason[:MOST_REASON], "_pending": None}


def announce(context: Context, endpoint: Document, detail_type: str = STATE_EVENT) -> None:
    """Sends the event of an endpoint's state, spelled as events spell it: `IN_SERVICE`."""
    detail: dict[str, Any] = {
        member: endpoint[member]
        for member in (
            "EndpointName",
            "EndpointArn",
            "EndpointConfigName",
            "ProductionVariants",
            "FailureReason",
            "CreationTime",
            "LastModifiedTime",
            "PendingDeploymentSummary",
        )
        if endpoint.get(member) is not None
    }
    detail["EndpointStatus"] = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", endpoint["EndpointStatus"]).upper()
    detail["Tags"] = {tag["Key"]: tag["Value"] for tag in endpoint.get("Tags", [])}
    context.publish(detail_type, endpoint["EndpointArn"], detail)


def _capture(config: Document) -> Document | None:
    capture = config.get("DataCaptureConfig")
    if capture is None:
        return None
    enabled = capture.get("EnableCapture", True)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
        "DestinationS3Uri": capture["DestinationS3Uri"],
        "KmsKeyId": capture.get("KmsKeyId", ""),
    }
