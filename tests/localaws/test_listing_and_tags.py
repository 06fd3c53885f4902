"""Lists with filters, order and pages; tags; events; on jobs that end at once."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws import Target


@pytest.fixture(scope="module")
def batch() -> str:
    """What the names of this file's jobs have in common."""
    return f"list-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def jobs(aws: Target, batch: str) -> list[str]:
    """Five processing jobs, the middle one failed, all ended, in the order in which they were made."""
    sagemaker = aws.client("sagemaker")
    names = [f"{batch}-{letter}" for letter in "cebad"]
    for place, job in enumerate(names):
        application: dict[str, Any] = {"ImageUri": aws.image, "ContainerEntrypoint": ["process"]}
        if place == 2:
            # boto3 sends the times of filters in whole seconds.
            time.sleep(1.1)
            application["ContainerArguments"] = ["--fail", "told to"]
        sagemaker.create_processing_job(
            ProcessingJobName=job,
            ProcessingResources={
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            AppSpecification=application,
            RoleArn=aws.role,
            Tags=[{"Key": "batch", "Value": batch}],
        )
    aws.wait(
        lambda: sagemaker.list_processing_jobs(NameContains=batch),
        lambda found: all(job["ProcessingJobStatus"] != "InProgress" for job in found["ProcessingJobSummaries"]),
    )
    return names


def listed(sagemaker: Any, **asked: Any) -> list[str]:
    answer = sagemaker.list_processing_jobs(**asked)
    return [summary["ProcessingJobName"] for summary in answer["ProcessingJobSummaries"]]


def test_the_oldest_comes_first(sagemaker: Any, jobs: list[str], batch: str) -> None:
    assert listed(sagemaker, NameContains=batch) == jobs


@pytest.mark.parametrize(
    ("asked", "letters"),
    [
        pytest.param({"SortBy": "Name"}, "abcde", id="by name"),
        pytest.param({"SortBy": "Name", "SortOrder": "Descending"}, "edcba", id="by name backwards"),
        pytest.param({"SortOrder": "Descending"}, "dabec", id="newest first"),
        pytest.param({"StatusEquals": "Failed"}, "b", id="status"),
        pytest.param({"SortBy": "Status", "MaxResults": 4}, "cead", id="by status, completed first"),
    ],
)
def test_filters_and_order(sagemaker: Any, jobs: list[str], batch: str, asked: dict[str, Any], letters: str) -> None:
    assert jobs
    assert [job[-1] for job in listed(sagemaker, NameContains=batch, **asked)] == list(letters)


def test_times_are_filters(sagemaker: Any, jobs: list[str], batch: str) -> None:
    middle = sagemaker.describe_processing_job(ProcessingJobName=jobs[2])["CreationTime"]
    assert listed(sagemaker, NameContains=batch, CreationTimeAfter=middle) == jobs[2:]
    assert listed(sagemaker, NameContains=batch, CreationTimeBefore=middle) == jobs[:2]


def test_pages_join_without_a_gap(sagemaker: Any, jobs: list[str], batch: str) -> None:
    pages = sagemaker.get_paginator("list_processing_jobs").paginate(
        NameContains=batch, SortBy="Name", PaginationConfig={"PageSize": 2}
    )
    names = [[summary["ProcessingJobName"][-1] for summary in page["ProcessingJobSummaries"]] for page in pages]
    assert len(jobs) == 5
    assert names == [["a", "b"], ["c", "d"], ["e"]]


def test_a_page_goes_on_where_it_ended_when_the_list_has_changed(sagemaker: Any, jobs: list[str], batch: str) -> None:
    asked = {"NameContains": batch, "SortBy": "Name", "MaxResults": 2}
    first = sagemaker.list_processing_jobs(**asked)
    sagemaker.delete_processing_job(ProcessingJobName=f"{batch}-a")
    assert listed(sagemaker, **asked, NextToken=first["NextToken"]) == [f"{batch}-c", f"{batch}-d"]
    jobs.remove(f"{batch}-a")


def test_a_token_of_nobody_is_refused(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match="NextToken"):
        sagemaker.list_processing_jobs(NextToken="nobody")


def test_tags_are_merged_by_key(sagemaker: Any, jobs: list[str]) -> None:
    arn = sagemaker.describe_processing_job(ProcessingJobName=jobs[0])["ProcessingJobArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "batch", "Value": "new"}, {"Key": "owner", "Value": "rita"}])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "batch", "Value": "new"},
        {"Key": "owner", "Value": "rita"},
    ]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["batch", "never was"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "owner", "Value": "rita"}]


def test_tags_need_a_resource(sagemaker: Any, jobs: list[str]) -> None:
    arn = sagemaker.describe_processing_job(ProcessingJobName=jobs[0])["ProcessingJobArn"]
    with pytest.raises(ClientError, match="Could not find"):
        sagemaker.list_tags(ResourceArn=arn + "x")


def test_state_changes_reach_a_queue_through_eventbridge(aws: Target, sagemaker: Any, name: str) -> None:
    events, queues = aws.client("events"), aws.client("sqs")
    queue = queues.create_queue(QueueName=name)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
            }
        ]
    }
    queues.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Processing Job State Change"],
        "detail": {"ProcessingJobName": [name], "ProcessingJobStatus": ["Completed"]},
    }
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
        AppSpecification={"ImageUri": aws.image, "ContainerEntrypoint": ["process"]},
        RoleArn=aws.role,
    )
    found = aws.wait(
        lambda: queues.receive_message(QueueUrl=queue, WaitTimeSeconds=2), lambda answer: "Messages" in answer
    )
    event = json.loads(found["Messages"][0]["Body"])
    job = sagemaker.describe_processing_job(ProcessingJobName=name)
    assert event["source"] == "aws.sagemaker"
    assert event["region"] == aws.region
    assert event["resources"] == [job["ProcessingJobArn"]]
    assert event["detail"]["ProcessingEndTime"] == int(job["ProcessingEndTime"].timestamp() * 1000)
    events.remove_targets(Rule=name, Ids=["queue"])
    events.delete_rule(Name=name)
    queues.delete_queue(QueueUrl=queue)
