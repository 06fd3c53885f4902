"""What survives the end of the process, orderly or by kill -9, and what must not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from embedded_aws import Embedded, Target

pytestmark = pytest.mark.embedded
SLEEP = {"sleep": "600"}


def start_training(target: Target, name: str, hyperparameters: dict[str, str]) -> None:
    target.client("sagemaker").create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": target.image, "TrainingInputMode": "File"},
        HyperParameters=hyperparameters,
        RoleArn=target.role,
        OutputDataConfig={"S3OutputPath": f"s3://{target.bucket}/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )


def described(target: Target, name: str) -> Any:
    return target.client("sagemaker").describe_training_job(TrainingJobName=name)


def programs_below(folder: Path) -> list[int]:
    """Ids of the processes that run in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("end", [Embedded.kill, Embedded.stop], ids=["kill -9", "orderly stop"])
def test_jobs_fail_with_a_reason_and_leave_no_process(own_server: Embedded, end: Callable[[Embedded], Any]) -> None:
    own_server.arguments = ("--sandbox", "env", "--job-slots", "1")
    own_server.start()
    target = own_server.target()
    start_training(target, "running", SLEEP)
    target.wait(lambda: described(target, "running"), lambda job: job["SecondaryStatus"] == "Training")
    start_training(target, "waiting", SLEEP)
    target.wait(lambda: {"programs": programs_below(own_server.state)}, lambda found: bool(found["programs"]))

    began = time.monotonic()
    assert end(own_server) in (0, None)
    target.wait(lambda: {"programs": programs_below(own_server.state)}, lambda found: not found["programs"])
    assert time.monotonic() - began < 10

    own_server.start()
    for name in ("running", "waiting"):
        job = described(target, name)
        assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
        assert job["FailureReason"].startswith("InternalServerError: the embedded AWS was stopped while the job ran")
        assert job["SecondaryStatusTransitions"][-1]["StatusMessage"] == "Training job failed"
    with pytest.raises(target.client("sagemaker").exceptions.ResourceInUse):
        start_training(target, "running", {})


@pytest.mark.parametrize("end", [Embedded.kill, Embedded.stop], ids=["kill -9", "orderly stop"])
def test_what_the_other_services_were_told_survives(own_server: Embedded, end: Callable[[Embedded], Any]) -> None:
    own_server.start()
    target = own_server.target()
    s3, dynamodb, glue, queues = (target.client(service) for service in ("s3", "dynamodb", "glue", "sqs"))
    s3.put_bucket_versioning(Bucket=target.bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"first", b"second"):
        s3.put_object(Bucket=target.bucket, Key="kept", Body=body, Metadata={"digest": "abc"})
    dynamodb.create_table(
        TableName="ledger",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for epoch in range(200):
        dynamodb.put_item(TableName="ledger", Item={"key": {"S": f"release {epoch}"}, "epoch": {"N": str(epoch)}})
    glue.create_database(DatabaseInput={"Name": "lake"})
    glue.create_table(
        DatabaseName="lake", TableInput={"Name": "flights", "Parameters": {"metadata_location": "s3://1"}}
    )
    glue.update_table(
        DatabaseName="lake", TableInput={"Name": "flights", "Parameters": {"metadata_location": "s3://2"}}
    )
    queue = queues.create_queue(QueueName="inbox")["QueueUrl"]
    queues.send_message(QueueUrl=queue, MessageBody="still here")

    end(own_server)
    own_server.start()

    found = s3.get_object(Bucket=target.bucket, Key="kept")
    assert (found["Body"].read(), found["Metadata"]) == (b"second", {"digest": "abc"})
    assert len(s3.list_object_versions(Bucket=target.bucket, Prefix="kept")["Versions"]) == 2
    assert s3.get_bucket_versioning(Bucket=target.bucket)["Status"] == "Enabled"
    assert dynamodb.scan(TableName="ledger", Select="COUNT")["Count"] == 200
    assert glue.get_table(DatabaseName="lake", Name="flights")["Table"]["Parameters"]["metadata_location"] == "s3://2"
    assert queues.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "still here"


def test_a_job_waits_for_its_slot_and_can_be_stopped_there(own_server: Embedded) -> None:
    own_server.arguments = ("--sandbox", "env", "--job-slots", "1")
    own_server.start()
    target = own_server.target()
    sagemaker = target.client("sagemaker")
    start_training(target, "first", SLEEP)
    target.wait(lambda: described(target, "first"), lambda job: job["SecondaryStatus"] == "Training")
    for name in ("second", "third"):
        start_training(target, name, {"fail": "ran"})
    time.sleep(1)
    assert [described(target, name)["SecondaryStatus"] for name in ("second", "third")] == ["Starting", "Starting"]

    sagemaker.stop_training_job(TrainingJobName="second")
    stopped = target.wait(lambda: described(target, "second"), lambda job: job["TrainingJobStatus"] == "Stopped")
    assert "TrainingStartTime" not in stopped
    assert described(target, "third")["SecondaryStatus"] == "Starting"

    sagemaker.stop_training_job(TrainingJobName="first")
    ended = target.wait(lambda: described(target, "third"), lambda job: job["TrainingJobStatus"] == "Failed")
    assert ended["FailureReason"] == "AlgorithmError: ran, exit code: 3"


def test_the_sandbox_of_this_machine_runs_a_job(own_server: Embedded) -> None:
    own_server.arguments = ("--sandbox", "auto")
    own_server.start()
    target = own_server.target()
    start_training(target, "boxed", {"fail": "reached"})
    ended = target.wait(lambda: described(target, "boxed"), lambda job: job["TrainingJobStatus"] == "Failed")
    assert ended["FailureReason"] == "AlgorithmError: reached, exit code: 3"
