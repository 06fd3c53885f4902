"""Faults as such: what is a fault, whom it strikes, how often; and the recognition of operations in real requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest

from localaws.calls import operation_of
from localaws.faults import Fault, FaultInvalid, Faults


def test_a_fault_strikes_as_often_as_it_says_and_no_more() -> None:
    faults = Faults()
    faults.add(Fault.of({"kind": "throttle", "operation": "sagemaker:CreateTrainingJob", "times": 2}))
    strikes = [faults.take("throttle", "sagemaker:CreateTrainingJob", "/") for _ in range(4)]
    assert [bool(strike) for strike in strikes] == [True, True, False, False]
    assert not faults.armed()
    assert faults.listed()[0]["struck"] == 2


def test_a_fault_strikes_only_what_it_names() -> None:
    faults = Faults()
    faults.add(Fault.of({"kind": "drop_reply", "operation": "s3:Put*", "contains": "lake/metadata"}))
    assert faults.take("throttle", "s3:PutObject", "/lake/metadata/1") is None
    assert faults.take("drop_reply", "s3:GetObject", "/lake/metadata/1") is None
    assert faults.take("drop_reply", "s3:PutObject", "/lake/data/1") is None
    assert faults.expects("drop_reply", "s3:PutObject", "/lake/metadata/1")
    assert faults.take("drop_reply", "s3:PutObject", "/lake/metadata/1") is not None


def test_of_two_that_match_the_first_strikes_first() -> None:
    faults = Faults()
    for reason in ("first", "second"):
        faults.add(Fault.of({"kind": "fail_job", "operation": "sagemaker:CreateTrainingJob", "reason": reason}))
    struck = [faults.take("fail_job", "sagemaker:CreateTrainingJob", "job") for _ in range(2)]
    assert [fault.reason for fault in struck if fault] == ["first", "second"]


def test_clear_disarms() -> None:
    faults = Faults()
    faults.add(Fault.of({"kind": "throttle", "operation": "glue:UpdateTable"}))
    faults.clear()
    assert not faults.armed()
    assert faults.listed() == []


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"kind": "explode", "operation": "s3:PutObject"}, "Known kinds: throttle"),
        ({"kind": "throttle"}, "needs \\['operation'\\]"),
        ({"kind": "throttle", "operation": "s3:PutObjekt"}, "no such operation"),
        ({"kind": "throttle", "operation": "s3:PutObject", "times": 0}, "1 to 1000"),
        ({"kind": "throttle", "operation": "s3:PutObject", "times": 1001}, "1 to 1000"),
        ({"kind": "throttle", "operation": "s3:PutObject", "count": 1}, "Unknown keys \\['count'\\]"),
        ({"kind": "slow_in_service", "operation": "sagemaker:CreateEndpoint"}, "takes 0.001 to 3600"),
        ({"kind": "slow_in_service", "operation": "sagemaker:CreateEndpoint", "seconds": "5"}, "must be a number"),
        ({"kind": "throttle", "operation": 5}, "must be of type str"),
    ],
)
def test_what_is_no_fault_is_refused_with_what_is_allowed(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(FaultInvalid, match=says):
        Fault.of(asked)


CALLS: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("s3:PutObject", "s3", lambda c: c.put_object(Bucket="b", Key="a/b c+é.txt", Body=b"1")),
    ("s3:GetObject", "s3", lambda c: c.get_object(Bucket="b", Key="k")),
    ("s3:CopyObject", "s3", lambda c: c.copy_object(Bucket="b", Key="k", CopySource="b/other")),
    ("s3:UploadPart", "s3", lambda c: c.upload_part(Bucket="b", Key="k", UploadId="u", PartNumber=1, Body=b"1")),
    ("s3:PutObjectTagging", "s3", lambda c: c.put_object_tagging(Bucket="b", Key="k", Tagging={"TagSet": []})),
    ("s3:CreateBucket", "s3", lambda c: c.create_bucket(Bucket="b")),
    ("s3:DeleteObject", "s3", lambda c: c.delete_object(Bucket="b", Key="k")),
    ("s3:ListObjectsV2", "s3", lambda c: c.list_objects_v2(Bucket="b", Prefix="p")),
    (
        "s3:CompleteMultipartUpload",
        "s3",
        lambda c: c.complete_multipart_upload(Bucket="b", Key="k", UploadId="u", MultipartUpload={"Parts": []}),
    ),
    ("glue:UpdateTable", "glue", lambda c: c.update_table(DatabaseName="d", TableInput={"Name": "t"})),
    ("dynamodb:PutItem", "dynamodb", lambda c: c.put_item(TableName="ttt", Item={"pk": {"S": "1"}})),
    ("sagemaker:ListModels", "sagemaker", lambda c: c.list_models()),
    ("sagemaker:InvokeEndpoint", "sagemaker-runtime", lambda c: c.invoke_endpoint(EndpointName="e", Body=b"1")),
]


@pytest.mark.parametrize(("operation", "service", "call"), CALLS, ids=[call[0] for call in CALLS])
def test_an_operation_is_recognised_in_the_request_boto3_makes(
    operation: str, service: str, call: Callable[[Any], Any]
) -> None:
    """The request never leaves: it is read where botocore would send it."""
    make: Any = boto3.client
    client = make(
        service,
        endpoint_url="http://127.0.0.1:15200",
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )

    def keep(request: AWSPreparedRequest, **_: Any) -> None:
        raise _Prepared(request)

    client.meta.events.register("before-send", keep)
    with pytest.raises(_Prepared) as prepared:
        call(client)
    request = prepared.value.request
    url = urlsplit(request.url)
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    assert operation_of(request.method, url.path, url.query, headers) == operation


def test_a_request_without_a_signature_has_no_operation() -> None:
    assert operation_of("PUT", "/b/k", "", {}) is None


class _Prepared(Exception):
    """Carries the request out of botocore before it is sent."""

    def __init__(self, request: AWSPreparedRequest) -> None:
        self.request = request
        super().__init__(request.url)
