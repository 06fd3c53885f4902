"""The life of an endpoint: from Creating to InService or Failed, its refusals in AWS's words, its end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from deployments import Deployments, packed, statuses, variant
from embedded_aws import Target


def test_an_endpoint_goes_into_service_and_answers(deployments: Deployments) -> None:
    config = deployments.config(variant(deployments.model(3, 1), count=2))
    name = f"{deployments.name}-made"
    made = deployments.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert deployments.describe(name)["EndpointStatus"] == "Creating"
    described = deployments.settled(name)
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointArn"] == made["EndpointArn"]
    assert described["EndpointConfigName"] == config
    assert "FailureReason" not in described
    (only,) = described["ProductionVariants"]
    assert (only["VariantName"], only["CurrentWeight"], only["CurrentInstanceCount"]) == ("only", 1.0, 2)
    assert only["DeployedImages"][0]["SpecifiedImage"] == deployments.aws.image
    assert deployments.answer(name) == "7.0000"
    deployments.sagemaker.delete_endpoint(EndpointName=name)


def test_variants_share_the_requests_by_their_weights(deployments: Deployments) -> None:
    models = {name: deployments.model(0, bias) for name, bias in (("A", 1), ("B", 2), ("C", 3))}
    weights = {"A": 8.0, "B": 2.0, "C": 0.0}
    name = deployments.endpoint(deployments.config(*(variant(models[v], v, weight=weights[v]) for v in models)))
    counts = deployments.answers(name, 300)
    # 300 draws at 0.8: five standard deviations are 35.
    assert abs(counts["1.0000"] - 240) < 35
    assert counts["3.0000"] == 0
    for target, answer in (("A", "1.0000"), ("B", "2.0000"), ("C", "3.0000")):
        reply = deployments.ask(name, TargetVariant=target)
        assert reply["InvokedProductionVariant"] == target
        assert reply["Body"].read().decode().strip() == answer


def test_weights_change_without_touching_the_counts(deployments: Deployments) -> None:
    first, second = deployments.model(0, 1), deployments.model(0, 2)
    name = deployments.endpoint(deployments.config(variant(first, "A", count=3), variant(second, "B", count=2)))
    deployments.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "A", "DesiredWeight": 0}]
    )
    described = deployments.settled(name)
    shown = {
        each["VariantName"]: (each["CurrentWeight"], each["DesiredWeight"], each["CurrentInstanceCount"])
        for each in described["ProductionVariants"]
    }
    assert shown == {"A": (0.0, 0.0, 3), "B": (1.0, 1.0, 2)}
    assert set(deployments.answers(name, 20)) == {"2.0000"}
    deployments.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "B", "DesiredInstanceCount": 5}]
    )
    counts = {v["VariantName"]: v["CurrentInstanceCount"] for v in deployments.settled(name)["ProductionVariants"]}
    assert counts == {"A": 3, "B": 5}


def test_a_variant_that_is_not_there_has_no_weight(deployments: Deployments) -> None:
    config = deployments.config(variant(deployments.model()))
    name = deployments.endpoint(config)
    with pytest.raises(ClientError, match='"other" is/are not present within endpoint configuration'):
        deployments.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "other", "DesiredWeight": 1}]
        )


def test_an_endpoint_whose_container_ends_fails(deployments: Deployments) -> None:
    name = f"{deployments.name}-bad"
    config = deployments.config(variant(deployments.model(CRASH="1")))
    deployments.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    described = deployments.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert "production variant only did not pass the ping health check" in described["FailureReason"]
    assert "told to crash" in described["FailureReason"]
    with pytest.raises(ClientError, match="not found"):
        deployments.ask(name)
    with pytest.raises(ClientError, match="DeleteEndpoint is the only operation"):
        deployments.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
    deployments.sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.embedded
def test_an_archive_that_leads_outside_never_serves(deployments: Deployments) -> None:
    data = deployments.put("evil.tar.gz", packed(**{"../../escaped": b"x", "model_json": b"{}"}))
    name = f"{deployments.name}-evil"
    config = deployments.config(variant(deployments.model(data=data)))
    deployments.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    described = deployments.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert "Failed to extract model data archive" in described["FailureReason"]
    deployments.sagemaker.delete_endpoint(EndpointName=name)


def test_refusals_are_in_awss_words(deployments: Deployments, sagemaker: Any) -> None:
    config = deployments.config(variant(deployments.model()))
    name = deployments.endpoint(config)
    arn = deployments.describe(name)["EndpointArn"]
    absent = f"{deployments.name}-absent"
    refusals: list[tuple[Callable[[], Any], str]] = [
        (lambda: sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config),
         f'Cannot create already existing endpoint "{arn}"'),
        (lambda: sagemaker.create_endpoint(EndpointName=absent, EndpointConfigName=absent),
         "Could not find endpoint configuration"),
        (lambda: sagemaker.describe_endpoint(EndpointName=absent), "Could not find endpoint"),
        (lambda: sagemaker.delete_endpoint(EndpointName=absent), "Could not find endpoint"),
        (lambda: sagemaker.update_endpoint(EndpointName=absent, EndpointConfigName=config), "Could not find endpoint"),
    ]  # fmt: skip
    for call, message in refusals:
        with pytest.raises(ClientError) as refused:
            call()
        error = refused.value.response["Error"]
        assert error["Code"] == "ValidationException"
        assert error["Message"].startswith(message)


@pytest.mark.embedded
def test_an_endpoint_in_progress_takes_no_change(deployments: Deployments, sagemaker: Any) -> None:
    config = deployments.config(variant(deployments.model(SLOW_START="1")))
    name = f"{deployments.name}-slow"
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    changes: list[Callable[[], Any]] = [
        lambda: sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config),
        lambda: sagemaker.delete_endpoint(EndpointName=name),
        lambda: sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "only", "DesiredWeight": 2}]
        ),
    ]
    for change in changes:
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            change()
    assert deployments.settled(name)["EndpointStatus"] == "InService"
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_deleted_endpoint_is_gone_and_its_name_is_free(deployments: Deployments, sagemaker: Any) -> None:
    config = deployments.config(variant(deployments.model()))
    name = deployments.endpoint(config)
    sagemaker.delete_endpoint(EndpointName=name)

    def absent() -> bool:
        try:
            assert deployments.describe(name)["EndpointStatus"] == "Deleting"
        except ClientError as error:
            return "Could not find endpoint" in str(error)
        return False

    deployments.aws.wait(lambda: {"absent": absent()}, lambda found: bool(found["absent"]))
    with pytest.raises(ClientError, match=f"Endpoint {name} of account \\d+ not found"):
        deployments.ask(name)
    assert sagemaker.describe_endpoint_config(EndpointConfigName=config)["EndpointConfigName"] == config
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert deployments.settled(name)["EndpointStatus"] == "InService"


def test_an_endpoint_serves_on_when_its_configuration_and_model_are_deleted(
    deployments: Deployments, sagemaker: Any
) -> None:
    model = deployments.model(5)
    config = deployments.config(variant(model))
    name = deployments.endpoint(config)
    sagemaker.delete_endpoint_config(EndpointConfigName=config)
    sagemaker.delete_model(ModelName=model)
    assert deployments.answer(name) == "10.0000"
    assert deployments.describe(name)["EndpointConfigName"] == config


def test_endpoints_are_listed_by_status_name_and_order(deployments: Deployments, sagemaker: Any) -> None:
    config = deployments.config(variant(deployments.model()))
    names = [deployments.endpoint(config) for _ in range(2)]
    found = sagemaker.list_endpoints(NameContains=deployments.name, SortBy="CreationTime", SortOrder="Ascending")
    assert [each["EndpointName"] for each in found["Endpoints"]] == names
    page = sagemaker.list_endpoints(NameContains=deployments.name, StatusEquals="InService", MaxResults=1)
    assert [each["EndpointName"] for each in page["Endpoints"]] == names[1:]
    rest = sagemaker.list_endpoints(
        NameContains=deployments.name, StatusEquals="InService", MaxResults=1, NextToken=page["NextToken"]
    )
    assert [each["EndpointName"] for each in rest["Endpoints"]] == names[:1]
    assert sagemaker.list_endpoints(NameContains=deployments.name, StatusEquals="Failed")["Endpoints"] == []


@pytest.mark.embedded
def test_state_changes_reach_eventbridge(deployments: Deployments, aws: Target) -> None:
    events, sqs = aws.client("events"), aws.client("sqs")
    queue = sqs.create_queue(QueueName=deployments.name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Endpoint State Change"]}
    events.put_rule(Name=deployments.name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=deployments.name, Targets=[{"Id": "1", "Arn": arn}])
    name = deployments.endpoint(deployments.config(variant(deployments.model())))
    deadline = time.monotonic() + 10
    told: list[Any] = []
    while len(told) < 2 and time.monotonic() < deadline:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        told += [event for each in messages if (event := json.loads(each["Body"]))["detail"]["EndpointName"] == name]
    events.remove_targets(Rule=deployments.name, Ids=["1"])
    events.delete_rule(Name=deployments.name)
    assert set(statuses(told)) == {"CREATING", "IN_SERVICE"}
    assert told[0]["resources"] == [deployments.describe(name)["EndpointArn"]]
