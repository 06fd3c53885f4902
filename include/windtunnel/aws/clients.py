"""boto3 clients, one per service and process. Where they point is AWS_ENDPOINT_URL's business, not ours."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

# Measured through a fault proxy: standard mode rides out two 5xx, resets or time-outs; Airflow retries above it.
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=3, read_timeout=20)
# Publish has no token that SNS would recognise: a repeat by the client, after a lost reply, is a second message.
_ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=3, read_timeout=10)


@overload
def client(service: Literal["s3"]) -> S3Client: ...
@overload
def client(service: Literal["glue"]) -> GlueClient: ...
@overload
def client(service: Literal["sagemaker"]) -> SageMakerClient: ...
@overload
def client(service: Literal["sagemaker-runtime"]) -> SageMakerRuntimeClient: ...
@overload
def client(service: Literal["dynamodb"]) -> DynamoDBClient: ...
@overload
def client(service: Literal["cloudwatch"]) -> CloudWatchClient: ...
@overload
def client(service: Literal["application-autoscaling"]) -> ApplicationAutoScalingClient: ...
@overload
def client(service: Literal["sns", "sqs", "secretsmanager", "sts"]) -> Any: ...
@cache
def client(service: str) -> Any:
    """The client of a service; that of SNS makes each call once."""
    return boto3.client(service, config=_ONCE if service == "sns" else _CONFIG)  # type: ignore[call-overload]


def sagemaker_as(role_arn: str, name: str) -> SageMakerClient:
    """A client of SageMaker under another role, for an hour at most.

    Args:
        role_arn: The role.
        name: CloudTrail shows the calls under it; what a session's name may not hold is a hyphen there.
    """
    session = re.sub(r"[^\w+=,.@-]", "-", name, flags=re.ASCII)[:64]
    taken = client("sts").assume_role(RoleArn=role_arn, RoleSessionName=session)["Credentials"]
    return boto3.client(
        "sagemaker",
        config=_CONFIG,
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
    )
