"""Faults of single calls, through boto3: a throttled call has no effect, a call whose reply is lost has."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from embedded_aws import Faults, Target

pytestmark = pytest.mark.embedded


def test_a_throttled_call_has_no_effect_and_says_so(faults: Faults, sagemaker: Any, name: str) -> None:
    faults.add(kind="throttle", operation="sagemaker:CreateModelPackageGroup", times=2)
    for _ in range(2):
        with pytest.raises(ClientError, match="Rate exceeded") as refused:
            sagemaker.create_model_package_group(ModelPackageGroupName=name)
        assert refused.value.response["Error"]["Code"] == "ThrottlingException"
    assert sagemaker.list_model_package_groups(NameContains=name)["ModelPackageGroupSummaryList"] == []
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    assert faults.struck() == [2]


def test_a_throttled_s3_call_is_told_to_slow_down(faults: Faults, aws: Target, s3: Any, name: str) -> None:
    faults.add(kind="throttle", operation="s3:PutObject", contains=name)
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=aws.bucket, Key=name, Body=b"1")
    assert refused.value.response["Error"]["Code"] == "SlowDown"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert s3.list_objects_v2(Bucket=aws.bucket, Prefix=name)["KeyCount"] == 0


def glue_table(aws: Target, name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": name})
    glue.create_table(DatabaseName=name, TableInput={"Name": "flights", "Parameters": {"at": "1"}})
    return (
        lambda: glue.update_table(DatabaseName=name, TableInput={"Name": "flights", "Parameters": {"at": "2"}}),
        lambda: glue.get_table(DatabaseName=name, Name="flights")["Table"]["Parameters"]["at"] == "2",
    )


def dynamodb_item(aws: Target, name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return (
        lambda: dynamodb.put_item(TableName=name, Item={"pk": {"S": "1"}}),
        lambda: "Item" in dynamodb.get_item(TableName=name, Key={"pk": {"S": "1"}}),
    )


def s3_object(aws: Target, name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    s3 = aws.client("s3")
    return (
        lambda: s3.put_object(Bucket=aws.bucket, Key=name, Body=b"kept"),
        lambda: s3.get_object(Bucket=aws.bucket, Key=name)["Body"].read() == b"kept",
    )


def sagemaker_group(aws: Target, name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    sagemaker = aws.client("sagemaker")
    return (
        lambda: sagemaker.create_model_package_group(ModelPackageGroupName=name),
        lambda: sagemaker.describe_model_package_group(ModelPackageGroupName=name),
    )


@pytest.mark.parametrize(
    ("operation", "prepare"),
    [
        ("sagemaker:CreateModelPackageGroup", sagemaker_group),
        ("s3:PutObject", s3_object),
        ("glue:UpdateTable", glue_table),
        ("dynamodb:PutItem", dynamodb_item),
    ],
    ids=["sagemaker", "s3", "glue", "dynamodb"],
)
def test_a_call_whose_reply_is_dropped_took_effect(
    faults: Faults,
    aws: Target,
    name: str,
    operation: str,
    prepare: Callable[[Target, str], tuple[Callable[[], Any], Callable[[], Any]]],
) -> None:
    write, took_effect = prepare(aws, name)
    faults.add(kind="drop_reply", operation=operation, contains=name)
    with pytest.raises(ConnectionClosedError):
        write()
    assert took_effect()
    assert faults.struck() == [1]


def test_a_refused_call_keeps_its_reply_and_the_fault(faults: Faults, sagemaker: Any, name: str) -> None:
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    faults.add(kind="drop_reply", operation="sagemaker:CreateModelPackageGroup")
    with pytest.raises(ClientError, match="already exists"):
        sagemaker.create_model_package_group(ModelPackageGroupName=name)
    assert faults.struck() == [0]


def test_boto3_repeats_a_lost_registration_and_makes_one_version(faults: Faults, aws: Target, name: str) -> None:
    """A client with retries meets the lost reply by repeating the call: its ClientToken makes that safe."""
    make: Any = boto3.client
    patient = make(
        "sagemaker",
        endpoint_url=aws.url,
        region_name=aws.region,
        aws_access_key_id="123456789012",
        aws_secret_access_key="x",
    )
    patient.create_model_package_group(ModelPackageGroupName=name)
    faults.add(kind="drop_reply", operation="sagemaker:CreateModelPackage", contains=name)
    arn = patient.create_model_package(ModelPackageGroupName=name, SourceUri="s3://bucket/key")["ModelPackageArn"]
    listed = patient.list_model_packages(ModelPackageGroupName=name)["ModelPackageSummaryList"]
    assert [package["ModelPackageArn"] for package in listed] == [arn]
    assert faults.struck() == [1]


@pytest.mark.parametrize(
    ("method", "body", "status", "says"),
    [
        ("PUT", b'{"kind": "explode", "operation": "s3:PutObject"}', 400, "Known kinds"),
        ("PUT", b"{", 400, "not JSON"),
        ("PUT", b"[]", 400, "JSON list"),
        ("POST", b"{}", 405, "Allowed: PUT, GET, DELETE"),
    ],
)
def test_the_console_says_what_is_allowed(faults: Faults, method: str, body: bytes, status: int, says: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        faults.ask(method, body)
    assert refused.value.code == status
    assert says in json.load(refused.value)["message"]
