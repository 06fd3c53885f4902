"""The door: dispatch, health, refusals, requests checked against botocore's model."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from embedded_aws import START_REFUSED, Embedded, Target, start_server


def unchecked(aws: Target) -> Any:
    """A client that sends what it is given, so that the server's own checks answer."""
    return boto3.session.Session().client(
        "sagemaker",
        region_name=aws.region,
        endpoint_url=aws.url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(parameter_validation=False, retries={"max_attempts": 1}),
    )


def test_ordinary_services_answer_in_the_same_process(aws: Target) -> None:
    aws.client("s3").put_object(Bucket=aws.bucket, Key="a", Body=b"1", Metadata={"under_score": "kept"})
    assert aws.client("s3").head_object(Bucket=aws.bucket, Key="a")["Metadata"] == {"under_score": "kept"}
    assert aws.client("sts").get_caller_identity()["Account"]


@pytest.mark.embedded
def test_an_unsupported_operation_is_a_501_that_names_it(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match="sagemaker:ListDomains is not supported") as refused:
        sagemaker.list_domains()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


@pytest.mark.embedded
def test_an_operation_that_aws_lacks_is_unknown(embedded: Embedded) -> None:
    request = urllib.request.Request(  # noqa: S310
        embedded.url,
        data=b"{}",
        headers={
            "X-Amz-Target": "SageMaker.CreateUnicorn",
            "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/sagemaker/aws4_request, Signature=0",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)  # noqa: S310
    assert json.load(refused.value)["__type"] == "UnknownOperationException"
    assert refused.value.headers["content-type"] == "application/x-amz-json-1.1"


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        pytest.param(
            {"TrainingJobName": "bad_name"},
            "Value 'bad_name' at 'trainingJobName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
            id="pattern",
        ),
        pytest.param(
            {}, "Value null at 'trainingJobName' failed to satisfy constraint: Member must not be null", id="required"
        ),
        pytest.param(
            {"AlgorithmSpecification": {"TrainingInputMode": "Boat"}},
            "Value 'Boat' at 'algorithmSpecification.trainingInputMode' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Pipe, File, FastFile]",
            id="enum",
        ),
        pytest.param(
            {"ResourceConfig": {"VolumeSizeInGB": 1, "InstanceCount": -1, "InstanceType": "ml.m5.large"}},
            "Value '-1' at 'resourceConfig.instanceCount' failed to satisfy constraint: "
            "Member must have value greater than or equal to 0",
            id="minimum",
        ),
        pytest.param(
            {"Tags": [{"Key": "k" * 129, "Value": "v"}]},
            "at 'tags.1.member.key' failed to satisfy constraint: Member must have length less than or equal to 128",
            id="nested length",
        ),
        pytest.param(
            {"RoleArn": 12}, "Value '12' at 'roleArn' failed to satisfy constraint: Member must be a string", id="type"
        ),
    ],
)
@pytest.mark.embedded
def test_a_request_outside_the_model_is_told_so_in_awss_words(
    aws: Target, request_: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ClientError) as refused:
        unchecked(aws).create_training_job(**request_)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    message = refused.value.response["Error"]["Message"]
    assert sentence in message
    assert "validation error" in message.partition(":")[0]


@pytest.mark.embedded
def test_a_port_already_taken_is_said_and_ends_with_code_2(own_server: Embedded) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start_server(port, own_server.state, log=own_server.log)
        assert process.wait(30) == START_REFUSED
    assert f"port `{port}` on 127.0.0.1 cannot be taken" in own_server.log.read_text()


def text(logs: list[Path]) -> str:
    return "".join(log.read_text() for log in logs)


@pytest.mark.embedded
def test_of_two_that_start_at_once_on_a_port_one_is_refused(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    servers = [start_server(port, log.with_suffix(""), log=log) for log in logs]
    deadline = time.monotonic() + 30
    while not all(words in text(logs) for words in ("is ready", "cannot be taken")) and time.monotonic() < deadline:
        time.sleep(0.05)
    [left] = [server for server, log in zip(servers, logs, strict=True) if "is ready" in log.read_text()]
    [refused] = [server for server in servers if server is not left]
    assert refused.wait(5) == START_REFUSED
    assert left.poll() is None
    left.terminate()
    assert left.wait(30) == 0


@pytest.mark.embedded
def test_a_state_folder_has_one_owner(embedded: Embedded, own_server: Embedded) -> None:
    process = start_server(0, embedded.state, log=own_server.log)
    assert process.wait(30) == START_REFUSED
    assert f"`{embedded.state}` is in use by another embedded AWS" in own_server.log.read_text()


@pytest.mark.embedded
def test_an_image_file_that_cannot_be_used_is_told_at_start(own_server: Embedded) -> None:
    broken = own_server.state.with_suffix(".json")
    broken.write_text('{"image": "*"}')
    process = start_server(0, own_server.state, "--image", str(broken), log=own_server.log)
    assert process.wait(30) == START_REFUSED
    assert "lacks ['programs', 'python']" in own_server.log.read_text()
