"""Application Auto Scaling of variants: what is registered is shown, and what AWS refuses because of it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from deployments import Deployments, variant

INVOCATIONS = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}


def scaling(deployments: Deployments) -> Any:
    return deployments.aws.client("application-autoscaling")


def about(endpoint: str, name: str = "only") -> dict[str, Any]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{name}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def tracking(value: float) -> dict[str, Any]:
    return {
        "PolicyName": "invocations",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "PredefinedMetricSpecification": INVOCATIONS,
            "TargetValue": value,
            "ScaleInCooldown": 300,
        },
    }


def targets(deployments: Deployments, endpoint: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scaling(deployments).describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[about(endpoint)["ResourceId"]]
    )["ScalableTargets"]
    return found


def test_a_target_and_its_policy_are_kept_changed_and_removed(deployments: Deployments) -> None:
    client = scaling(deployments)
    endpoint = deployments.endpoint(deployments.config(variant(deployments.model(0, 1))))
    arn = client.register_scalable_target(**about(endpoint), MinCapacity=2, MaxCapacity=4)["ScalableTargetARN"]
    assert client.register_scalable_target(**about(endpoint), MaxCapacity=6)["ScalableTargetARN"] == arn
    (target,) = targets(deployments, endpoint)
    assert (target["MinCapacity"], target["MaxCapacity"], target["ScalableTargetARN"]) == (2, 6, arn)

    policy = client.put_scaling_policy(**about(endpoint), **tracking(1_000))["PolicyARN"]
    assert client.put_scaling_policy(**about(endpoint), **tracking(6_000))["PolicyARN"] == policy
    resource = about(endpoint)["ResourceId"]
    (found,) = client.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=resource)["ScalingPolicies"]
    assert found["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 6_000
    assert found["PolicyName"] == "invocations"
    with pytest.raises(ClientError, match="Only one TargetTrackingScaling policy"):
        client.put_scaling_policy(**about(endpoint), **tracking(1_000) | {"PolicyName": "another"})

    client.deregister_scalable_target(**about(endpoint))
    assert targets(deployments, endpoint) == []
    assert client.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=resource)["ScalingPolicies"] == []
    with pytest.raises(ClientError) as refused:
        client.put_scaling_policy(**about(endpoint), **tracking(1_000))
    assert refused.value.response["Error"]["Code"] == "ObjectNotFoundException"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ResourceId": "endpoint/no-such-endpoint/variant/only"}, "Could not find endpoint"),
        ({"ResourceId": "endpoint/no-such-endpoint"}, "must be of the form"),
        ({"MaxCapacity": 1}, "cannot be less than minimum"),
        ({"MaxCapacity": None}, "both required"),
    ],
)
def test_what_cannot_be_registered_is_refused(
    deployments: Deployments, endpoint: str, changes: dict[str, Any], message: str
) -> None:
    asked = about(endpoint) | {"MinCapacity": 2, "MaxCapacity": 4} | changes
    with pytest.raises(ClientError, match=message):
        scaling(deployments).register_scalable_target(**{name: v for name, v in asked.items() if v is not None})
    assert targets(deployments, endpoint) == []


@pytest.fixture
def endpoint(deployments: Deployments) -> str:
    return deployments.endpoint(deployments.config(variant(deployments.model(0, 1))))


def test_a_variant_that_is_not_there_cannot_be_registered(deployments: Deployments, endpoint: str) -> None:
    with pytest.raises(ClientError, match="Could not find variant"):
        scaling(deployments).register_scalable_target(**about(endpoint, "other"), MinCapacity=1, MaxCapacity=2)


@pytest.mark.embedded
def test_what_is_not_a_variant_is_a_501(deployments: Deployments) -> None:
    with pytest.raises(ClientError, match="not supported by the embedded AWS"):
        scaling(deployments).describe_scalable_targets(ServiceNamespace="ecs")


def test_a_registered_variant_may_change_its_model_but_not_its_instance_type(
    deployments: Deployments, endpoint: str
) -> None:
    model = deployments.model(0, 2)
    scaling(deployments).register_scalable_target(**about(endpoint), MinCapacity=1, MaxCapacity=2)
    for changed in (variant(model, InstanceType="ml.m5.xlarge"), variant(model, "other")):
        with pytest.raises(ClientError, match="must be deregistered"):
            deployments.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=deployments.config(changed))
    new = deployments.config(variant(model))
    deployments.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
    assert deployments.settled(endpoint)["EndpointConfigName"] == new
    assert len(targets(deployments, endpoint)) == 1


def test_the_end_of_an_endpoint_is_the_end_of_its_registration(deployments: Deployments, endpoint: str) -> None:
    client = scaling(deployments)
    client.register_scalable_target(**about(endpoint), MinCapacity=1, MaxCapacity=2)
    client.put_scaling_policy(**about(endpoint), **tracking(100))
    deployments.sagemaker.delete_endpoint(EndpointName=endpoint)
    deployments.aws.wait(lambda: {"targets": targets(deployments, endpoint)}, lambda found: not found["targets"])
