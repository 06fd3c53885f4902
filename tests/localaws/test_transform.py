"""Batch transform jobs on a model that is really served: objects in, one `.out` for each."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws import Embedded, Target

Request = Callable[..., dict[str, Any]]


def make_model(aws: Target, name: str, environment: dict[str, str] | None = None) -> str:
    """A model that answers 2x + 1."""
    packed = io.BytesIO()
    content = json.dumps({"weight": 2.0, "bias": 1.0}).encode()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("model.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    aws.client("s3").put_object(Bucket=aws.bucket, Key=f"{name}/model.tar.gz", Body=packed.getvalue())
    container = {
        "Image": aws.image,
        "ModelDataUrl": f"s3://{aws.bucket}/{name}/model.tar.gz",
        "Environment": environment or {},
    }
    aws.client("sagemaker").create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=aws.role)
    return name


@pytest.fixture
def model(aws: Target, name: str) -> str:
    return make_model(aws, name)


@pytest.fixture
def put(aws: Target, s3: Any, name: str) -> Callable[[str, bytes], None]:
    """Puts an object under the test's folder `in/`."""

    def put(key: str, body: bytes) -> None:
        s3.put_object(Bucket=aws.bucket, Key=f"{name}/in/{key}", Body=body)

    return put


@pytest.fixture
def request_for(name: str, prefix: str) -> Request:
    def request(
        uri: str = f"{prefix}/in/",
        data_type: str = "S3Prefix",
        *,
        given: dict[str, Any] | None = None,
        wanted: dict[str, Any] | None = None,
        **members: Any,
    ) -> dict[str, Any]:
        source = {"S3DataSource": {"S3DataType": data_type, "S3Uri": uri}}
        return {
            "TransformJobName": name,
            "ModelName": name,
            "TransformInput": {"DataSource": source, "ContentType": "text/csv", **(given or {})},
            "TransformOutput": {"S3OutputPath": f"{prefix}/out", **(wanted or {})},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **members,
        }

    return request


@pytest.fixture
def run(aws: Target, sagemaker: Any, name: str) -> Callable[[dict[str, Any]], Any]:
    """Creates the job and waits for its end."""

    def run(request: dict[str, Any]) -> Any:
        sagemaker.create_transform_job(**request)
        return ended(aws, sagemaker, name)

    return run


def ended(aws: Target, sagemaker: Any, name: str) -> Any:
    return aws.wait(
        lambda: sagemaker.describe_transform_job(TransformJobName=name),
        lambda job: job["TransformJobStatus"] not in ("InProgress", "Stopping"),
    )


@pytest.fixture
def outputs(aws: Target, s3: Any, name: str) -> Callable[[], dict[str, bytes]]:
    def outputs() -> dict[str, bytes]:
        found = s3.list_objects_v2(Bucket=aws.bucket, Prefix=f"{name}/out/").get("Contents", [])
        return {
            each["Key"].removeprefix(f"{name}/out/"): s3.get_object(Bucket=aws.bucket, Key=each["Key"])["Body"].read()
            for each in found
        }

    return outputs


@pytest.mark.usefixtures("model")
def test_every_object_of_a_prefix_has_its_answer(
    sagemaker: Any, name: str, put: Any, request_for: Request, run: Any, outputs: Any
) -> None:
    put("a.csv", b"1\n2\n")
    put("deep/b.csv", b"10\n")
    job = run(request_for(given={"SplitType": "Line"}, wanted={"AssembleWith": "Line"}))
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert outputs() == {"a.csv.out": b"3.0000\n5.0000\n", "deep/b.csv.out": b"21.0000\n"}
    assert job["TransformEndTime"] >= job["TransformStartTime"] >= job["CreationTime"]
    assert job["TransformInput"]["SplitType"] == "Line"
    [listed] = sagemaker.list_transform_jobs(NameContains=name, StatusEquals="Completed")["TransformJobSummaries"]
    assert listed["TransformJobName"] == name


@pytest.mark.usefixtures("model")
def test_an_object_is_one_request_unless_split(put: Any, request_for: Request, run: Any, outputs: Any) -> None:
    put("whole.csv", b"1\n2\n3\n")
    run(request_for())
    assert outputs() == {"whole.csv.out": b"3.0000\n5.0000\n7.0000\n"}


def requests_served(aws: Target, name: str) -> int:
    """How many requests the job's model got, by its own log."""
    logs = aws.client("logs")
    group = "/aws/sagemaker/TransformJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    lines = [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)[
            "events"
        ]
    ]
    return sum("/invocations" in line for line in lines)


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(("strategy", "requests"), [("SingleRecord", 4), ("MultiRecord", 1)])
def test_records_go_one_by_one_or_together(
    aws: Target, name: str, put: Any, request_for: Request, run: Any, outputs: Any, strategy: str, requests: int
) -> None:
    put("rows.csv", b"1\n2\n3\n4")
    run(request_for(given={"SplitType": "Line"}, wanted={"AssembleWith": "Line"}, BatchStrategy=strategy))
    assert outputs() == {"rows.csv.out": b"3.0000\n5.0000\n7.0000\n9.0000\n"}
    assert requests_served(aws, name) == requests


@pytest.mark.usefixtures("model")
def test_a_request_holds_no_more_than_its_bound(
    aws: Target, name: str, put: Any, request_for: Request, run: Any, outputs: Any
) -> None:
    rows = 300_000
    put("many.csv", b"".join(b"%d,1\n" % row for row in range(rows)))
    job = run(request_for(given={"SplitType": "Line"}, MaxPayloadInMB=1, MaxConcurrentTransforms=2))
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert outputs()["many.csv.out"] == b"3.0000\n" * rows
    assert requests_served(aws, name) == 3


@pytest.mark.usefixtures("model")
def test_a_record_longer_than_a_request_fails_the_job(put: Any, request_for: Request, run: Any, outputs: Any) -> None:
    put("a-good.csv", b"1\n")
    put("long.csv", b"1" * (1 << 20) + b"\n")
    job = run(request_for(MaxPayloadInMB=1))
    assert job["TransformJobStatus"] == "Failed"
    assert "longer than MaxPayloadInMB (1)" in job["FailureReason"]
    assert "/long.csv" in job["FailureReason"]
    assert outputs() == {"a-good.csv.out": b"3.0000\n"}, "an object that fails does not keep the others back"


@pytest.mark.usefixtures("model")
def test_answers_keep_the_order_of_their_requests(put: Any, request_for: Request, run: Any, outputs: Any) -> None:
    put("rows.csv", b"".join(b"%d\n" % row for row in range(40)))
    run(request_for(given={"SplitType": "Line"}, BatchStrategy="SingleRecord", MaxConcurrentTransforms=8))
    assert outputs()["rows.csv.out"] == b"".join(b"%.4f\n" % (2 * row + 1) for row in range(40))


@pytest.mark.usefixtures("model")
def test_a_manifest_names_its_objects(
    aws: Target, s3: Any, name: str, prefix: str, put: Any, request_for: Request, run: Any, outputs: Any
) -> None:
    for key in ("a.csv", "deep/b.csv", "not-listed.csv"):
        put(key, b"1\n")
    manifest = json.dumps([{"prefix": f"{prefix}/in/"}, "a.csv", "deep/b.csv"])
    s3.put_object(Bucket=aws.bucket, Key=f"{name}/job.manifest", Body=manifest.encode())
    run(request_for(f"{prefix}/job.manifest", "ManifestFile"))
    assert outputs() == {"a.csv.out": b"3.0000\n", "deep/b.csv.out": b"3.0000\n"}


@pytest.mark.usefixtures("model")
def test_compressed_objects_are_unpacked(put: Any, request_for: Request, run: Any, outputs: Any) -> None:
    put("rows.csv.gz", gzip.compress(b"1\n2\n"))
    run(request_for(given={"CompressionType": "Gzip", "SplitType": "Line"}))
    assert outputs() == {"rows.csv.gz.out": b"3.0000\n5.0000\n"}


@pytest.mark.usefixtures("model")
def test_the_model_sees_the_types_and_the_environment(put: Any, request_for: Request, run: Any, outputs: Any) -> None:
    put("echo", b"echo")
    run(request_for(wanted={"Accept": "application/json"}, Environment={"GREETING": "hello"}, MaxPayloadInMB=2))
    seen = json.loads(outputs()["echo.out"])
    assert (seen["content-type"], seen["accept"]) == ("text/csv", "application/json")
    assert (seen["greeting"], seen["sagemaker_batch"], seen["sagemaker_max_payload_in_mb"]) == ("hello", "true", "2")


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"boom", "AlgorithmError: .*500: the model failed"), (b"no number", "ClientError: .*400: could not convert")],
    ids=["model's fault", "data's fault"],
)
def test_an_error_of_the_model_fails_the_job_and_leaves_no_output(
    put: Any, request_for: Request, run: Any, outputs: Any, body: bytes, reason: str
) -> None:
    put("bad.csv", body)
    put("good.csv", b"1\n")
    job = run(request_for(ModelClientConfig={"InvocationsMaxRetries": 1}))
    assert job["TransformJobStatus"] == "Failed"
    assert re.match(reason, job["FailureReason"])
    assert outputs() == {"good.csv.out": b"3.0000\n"}


def test_a_job_is_stopped_in_the_middle(
    aws: Target, sagemaker: Any, name: str, put: Any, request_for: Request, outputs: Any
) -> None:
    make_model(aws, name, {"SLOW_ANSWER": "30"})
    put("rows.csv", b"1\n")
    sagemaker.create_transform_job(**request_for())
    aws.wait(
        lambda: sagemaker.describe_transform_job(TransformJobName=name), lambda job: bool(job.get("TransformStartTime"))
    )
    sagemaker.stop_transform_job(TransformJobName=name)
    assert ended(aws, sagemaker, name)["TransformJobStatus"] == "Stopped"
    assert outputs() == {}
    with pytest.raises(ClientError, match="in status Stopped"):
        sagemaker.stop_transform_job(TransformJobName=name)


@pytest.mark.usefixtures("model")
def test_an_input_that_is_not_there_fails_the_job(request_for: Request, run: Any) -> None:
    job = run(request_for())
    assert job["TransformJobStatus"] == "Failed"
    assert "No S3 objects found" in job["FailureReason"]


def test_a_model_that_never_answers_fails_the_job(
    aws: Target, name: str, put: Any, request_for: Request, run: Any
) -> None:
    make_model(aws, name, {"CRASH": "1"})
    put("rows.csv", b"1\n")
    job = run(request_for())
    assert job["TransformJobStatus"] == "Failed"
    assert "did not pass the ping health check" in job["FailureReason"]
    assert "told to crash" in job["FailureReason"] or not aws.url


@pytest.mark.usefixtures("model")
def test_what_cannot_be_is_refused(sagemaker: Any, name: str, request_for: Request) -> None:
    for request, says in (
        (request_for(ModelName=f"{name}-no"), "Could not find model"),
        (request_for(MaxPayloadInMB=60, MaxConcurrentTransforms=2), "must not exceed 100"),
        (request_for(BatchStrategy="SingleRecord"), "SplitType"),
    ):
        with pytest.raises(ClientError, match=says) as refused:
            sagemaker.create_transform_job(**request)
        assert refused.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError) as missing:
        sagemaker.describe_transform_job(TransformJobName=f"{name}-no")
    assert missing.value.response["Error"]["Code"] == "ValidationException", "the provider's operators test the code"


@pytest.mark.usefixtures("model")
def test_a_name_is_taken_once(sagemaker: Any, put: Any, request_for: Request, run: Any) -> None:
    put("rows.csv", b"1\n")
    run(request_for())
    with pytest.raises(ClientError) as refused:
        sagemaker.create_transform_job(**request_for())
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"


@pytest.mark.embedded
@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"given": {"SplitType": "RecordIO"}}, "SplitType RecordIO"),
        ({"data_type": "AugmentedManifestFile"}, "AugmentedManifestFile"),
        ({"DataProcessing": {"InputFilter": "$[1:]"}}, "DataProcessing.InputFilter"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "DataProcessing.JoinSource"),
        ({"DataCaptureConfig": {"DestinationS3Uri": "s3://bucket/capture"}}, "DataCaptureConfig"),
    ],
)
def test_what_only_aws_has_is_a_501_that_names_it(
    sagemaker: Any, request_for: Request, members: dict[str, Any], says: str
) -> None:
    with pytest.raises(ClientError, match=says) as refused:
        sagemaker.create_transform_job(**request_for(**members))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


@pytest.mark.embedded
def test_a_job_that_ran_at_a_kill_has_failed_after_it(own_server: Embedded, name: str, request_for: Request) -> None:
    own_server.start()
    aws = own_server.target()
    make_model(aws, name, {"SLOW_START": "60"})
    aws.client("s3").put_object(Bucket=aws.bucket, Key=f"{name}/in/rows.csv", Body=b"1\n")
    sagemaker = aws.client("sagemaker")
    sagemaker.create_transform_job(**request_for())
    own_server.kill()
    own_server.start()
    job = sagemaker.describe_transform_job(TransformJobName=name)
    assert job["TransformJobStatus"] == "Failed"
    assert "was stopped while the job ran" in job["FailureReason"]
