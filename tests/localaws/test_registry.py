"""The Model Registry: groups, versions, approval, metadata, and the events of a changed version."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws import Embedded, Target

SPECIFICATION = {
    "Containers": [
        {"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/windtunnel-test:1", "Environment": {"A": "1"}}
    ],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


@pytest.fixture
def group(sagemaker: Any, name: str) -> Any:
    """A group of the test's own, emptied and deleted afterwards."""
    sagemaker.create_model_package_group(ModelPackageGroupName=name, ModelPackageGroupDescription="of a test")
    yield name
    for package in versions(sagemaker, name):
        sagemaker.delete_model_package(ModelPackageName=package["ModelPackageArn"])
    sagemaker.delete_model_package_group(ModelPackageGroupName=name)


def register(sagemaker: Any, group: str, **more: Any) -> str:
    request = {"ModelPackageGroupName": group, "InferenceSpecification": SPECIFICATION, **more}
    return str(sagemaker.create_model_package(**request)["ModelPackageArn"])


def versions(sagemaker: Any, group: str, **filters: Any) -> list[dict[str, Any]]:
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group, **filters)
    return [package for page in pages for package in page["ModelPackageSummaryList"]]


def test_a_group_is_described_and_listed(sagemaker: Any, group: str) -> None:
    described = sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    assert described["ModelPackageGroupStatus"] == "Completed"
    assert described["ModelPackageGroupDescription"] == "of a test"
    assert sagemaker.describe_model_package_group(ModelPackageGroupName=described["ModelPackageGroupArn"])
    listed = sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]
    assert [each["ModelPackageGroupName"] for each in listed] == [group]


def test_a_second_group_of_the_name_is_refused_in_the_words_the_provider_matches(sagemaker: Any, group: str) -> None:
    with pytest.raises(ClientError) as refused:
        sagemaker.create_model_package_group(ModelPackageGroupName=group)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert refused.value.response["Error"]["Message"].startswith("Model Package Group already exists")


def test_what_does_not_exist_is_a_validation_exception(sagemaker: Any, group: str, name: str) -> None:
    arn = register(sagemaker, group)
    for ask in (
        lambda: sagemaker.describe_model_package_group(ModelPackageGroupName=f"{name}-no"),
        lambda: sagemaker.describe_model_package(ModelPackageName=arn[:-1] + "99"),
        lambda: sagemaker.update_model_package(ModelPackageArn=arn[:-1] + "99", ModelApprovalStatus="Approved"),
        lambda: sagemaker.delete_model_package(ModelPackageName=arn[:-1] + "99"),
        lambda: register(sagemaker, f"{name}-no"),
    ):
        with pytest.raises(ClientError, match="does not exist") as refused:
            ask()
        assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_version_keeps_all_that_was_said_about_it(sagemaker: Any, group: str) -> None:
    report = {"ContentType": "application/json", "S3Uri": "s3://bucket/evaluation.json"}
    said = {
        "ModelPackageDescription": "January to March",
        "ModelMetrics": {"ModelQuality": {"Statistics": report}, "Bias": {"Report": report}},
        "MetadataProperties": {"CommitId": "abc", "Repository": "windtunnel", "GeneratedBy": "train"},
        "DriftCheckBaselines": {"ModelQuality": {"Statistics": report}},
        "CustomerMetadataProperties": {"snapshot": "42", "rmse": "17.1 minutes"},
    }
    described = sagemaker.describe_model_package(ModelPackageName=register(sagemaker, group, **said))
    assert {member: described[member] for member in said} == said
    container = described["InferenceSpecification"]["Containers"][0]
    assert container["Environment"] == {"A": "1"}
    assert described["ModelPackageStatus"] == "Completed"
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["ModelPackageVersion"] == 1


def test_an_approval_leaves_the_rest_as_it_is(sagemaker: Any, group: str) -> None:
    arn = register(sagemaker, group, CustomerMetadataProperties={"a": "1", "b": "2"}, ModelPackageDescription="kept")
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="rita: yes")
    described = sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "rita: yes"
    assert described["CustomerMetadataProperties"] == {"a": "1", "b": "2"}
    assert described["ModelPackageDescription"] == "kept"


def test_metadata_is_merged_and_removed_by_name(sagemaker: Any, group: str) -> None:
    arn = register(sagemaker, group, CustomerMetadataProperties={"a": "1", "b": "2"}, ModelApprovalStatus="Approved")
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"b": "3", "c": "4"},
        CustomerMetadataPropertiesToRemove=["a", "absent"],
    )
    described = sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["CustomerMetadataProperties"] == {"b": "3", "c": "4"}
    assert described["ModelApprovalStatus"] == "Approved"


def test_metadata_has_a_bound_that_a_merge_cannot_pass(sagemaker: Any, group: str) -> None:
    arn = register(sagemaker, group, CustomerMetadataProperties={f"k{index}": "v" for index in range(50)})
    with pytest.raises(ClientError, match="at most 50"):
        sagemaker.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"one-more": "v"})
    assert len(sagemaker.describe_model_package(ModelPackageName=arn)["CustomerMetadataProperties"]) == 50


def test_a_version_number_is_never_given_twice(sagemaker: Any, group: str) -> None:
    second = [register(sagemaker, group) for _ in range(2)][1]
    sagemaker.delete_model_package(ModelPackageName=second)
    third = register(sagemaker, group)
    assert third.endswith(f"{group}/3")
    assert [package["ModelPackageVersion"] for package in versions(sagemaker, group)] == [1, 3]


def test_a_client_token_registers_once(sagemaker: Any, group: str) -> None:
    token = str(uuid.uuid4())
    arns = {register(sagemaker, group, ClientToken=token) for _ in range(3)}
    assert len(arns) == 1
    assert len(versions(sagemaker, group)) == 1


@pytest.mark.embedded
def test_a_client_token_stands_for_one_request(sagemaker: Any, group: str) -> None:
    token = str(uuid.uuid4())
    register(sagemaker, group, ClientToken=token)
    with pytest.raises(ClientError, match="already used") as refused:
        register(sagemaker, group, ClientToken=token, ModelPackageDescription="another")
    assert refused.value.response["Error"]["Code"] == "ConflictException"


def test_versions_are_filtered_ordered_and_paged(sagemaker: Any, group: str) -> None:
    for approval in ("Approved", "Rejected", "Approved"):
        register(sagemaker, group, ModelApprovalStatus=approval)
    assert [each["ModelPackageVersion"] for each in versions(sagemaker, group)] == [1, 2, 3]
    approved = versions(
        sagemaker, group, ModelApprovalStatus="Approved", SortBy="CreationTime", SortOrder="Descending", MaxResults=1
    )
    assert [each["ModelPackageVersion"] for each in approved] == [3, 1]
    assert approved[0]["ModelApprovalStatus"] == "Approved"
    unversioned = sagemaker.list_model_packages(NameContains=group)["ModelPackageSummaryList"]
    assert unversioned == []


@pytest.mark.embedded
def test_version_ten_comes_after_version_nine(sagemaker: Any, group: str) -> None:
    for _ in range(11):
        register(sagemaker, group)
    assert [each["ModelPackageVersion"] for each in versions(sagemaker, group, SortBy="Name")] == list(range(1, 12))


def test_a_group_that_holds_versions_is_not_deleted(sagemaker: Any, group: str) -> None:
    register(sagemaker, group)
    with pytest.raises(ClientError) as refused:
        sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    assert refused.value.response["Error"]["Code"] == "ConflictException"
    assert len(versions(sagemaker, group)) == 1


@pytest.mark.embedded
def test_an_unversioned_package_is_refused_clearly(sagemaker: Any, name: str) -> None:
    with pytest.raises(ClientError, match="without ModelPackageGroupName") as refused:
        sagemaker.create_model_package(ModelPackageName=name, InferenceSpecification=SPECIFICATION)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_a_version_has_tags(sagemaker: Any, group: str) -> None:
    arn = register(sagemaker, group)
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "model", "Value": "flights"}])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "model", "Value": "flights"}]


def test_each_change_of_a_version_is_an_event(aws: Target, sagemaker: Any, group: str) -> None:
    queue = aws.client("sqs").create_queue(QueueName=group)["QueueUrl"]
    arn = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": [group]},
    }
    aws.client("events").put_rule(Name=group, EventPattern=json.dumps(pattern))
    aws.client("events").put_targets(Rule=group, Targets=[{"Id": "queue", "Arn": arn}])
    package = register(sagemaker, group)
    sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    heard: list[dict[str, Any]] = []

    def receive() -> dict[str, Any]:
        answer = aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        heard.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
        return {"heard": heard}

    aws.wait(receive, lambda found: len(found["heard"]) >= 2)
    heard.sort(key=lambda event: event["detail"]["ModelApprovalStatus"])
    assert [event["detail"]["ModelApprovalStatus"] for event in heard] == ["Approved", "PendingManualApproval"]
    assert heard[0]["resources"] == [package]
    assert heard[0]["detail"]["ModelPackageVersion"] == 1
    assert heard[0]["detail"]["InferenceSpecification"]["Containers"][0]["Environment"] == {"A": "1"}


@pytest.mark.embedded
def test_versions_survive_a_kill_and_are_not_given_again(own_server: Embedded, name: str) -> None:
    own_server.start()
    sagemaker = own_server.target().client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    register(sagemaker, name, ModelApprovalStatus="Approved")
    sagemaker.delete_model_package(ModelPackageName=register(sagemaker, name))
    own_server.kill()
    own_server.start()
    assert register(sagemaker, name).endswith(f"{name}/3")
    assert [each["ModelApprovalStatus"] for each in versions(sagemaker, name)] == ["Approved", "PendingManualApproval"]
