"""Application Auto Scaling: the verbs of the API, for the instances of SageMaker's variants."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from localaws.context import Context
from localaws.listing import Listing
from localaws.service import Operation
from localaws.services.endpoints import operations as endpoints
from localaws.services.scaling.targets import (
    POLICY,
    TARGET,
    NotFound,
    key,
    only_variants,
    place,
    policies,
    registered,
    remove,
)
from localaws.wire import Document, Invalid

PAGE = 50
_TARGETS = Listing("ScalableTargets", "ResourceId", order="Ascending")
_POLICIES = Listing("ScalingPolicies", "PolicyName", order="Ascending")
_ROLE = "aws-service-role/sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling"
_CONFIGURATIONS = {
    "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
    "StepScaling": "StepScalingPolicyConfiguration",
    "PredictiveScaling": "PredictiveScalingPolicyConfiguration",
}


def register_scalable_target(context: Context, request: Document) -> Document:
    """RegisterScalableTarget: makes a registration, or changes those members that are given."""
    only_variants(request)
    endpoint, variant = place(request)
    variants = endpoints.found(context, endpoint).get("ProductionVariants", [])
    if variant not in {each["VariantName"] for each in variants}:
        raise Invalid(f'Could not find variant "{variant}" of endpoint "{endpoint}".')
    resource = request["ResourceId"]
    there = context.get(TARGET, resource) or {}
    capacity: Document = {member: request.get(member, there.get(member)) for member in ("MinCapacity", "MaxCapacity")}
    least, most = capacity.values()
    if least is None or most is None:
        raise Invalid("MinCapacity and MaxCapacity are both required when a new scalable target is registered.")
    if not 0 <= least <= most:
        raise Invalid("Maximum capacity cannot be less than minimum capacity, and neither can be negative.")
    identity = uuid.uuid4().hex
    document: Document = {
        "ServiceNamespace": request["ServiceNamespace"],
        "ResourceId": resource,
        "ScalableDimension": request["ScalableDimension"],
        "RoleARN": f"arn:aws:iam::{context.engine.account}:role/{_ROLE}_SageMakerEndpoint",
        "SuspendedState": request.get("SuspendedState", there.get("SuspendedState", _awake())),
        "ScalableTargetARN": (
            f"arn:aws:application-autoscaling:{context.region}:{context.engine.account}:scalable-target/{identity}"
        ),
        **capacity,
    }
    if not context.create(TARGET, resource, document):
        changes = {member: document[member] for member in (*capacity, "SuspendedState")}
        document = context.patch(TARGET, resource, changes) or document
    return document


def describe_scalable_targets(context: Context, request: Document) -> Document:
    """DescribeScalableTargets."""
    only_variants(request)
    wanted = request.get("ResourceIds")
    found = [target for target in context.all(TARGET) if not wanted or target["ResourceId"] in wanted]
    return _TARGETS.answer({"MaxResults": PAGE, **request}, found)


def deregister_scalable_target(context: Context, request: Document) -> None:
    """DeregisterScalableTarget: its policies go with it."""
    only_variants(request)
    remove(context, registered(context, request["ResourceId"])["ResourceId"])


def put_scaling_policy(context: Context, request: Document) -> Document:
    """PutScalingPolicy: makes a policy, or replaces the configuration of the one of that name."""
    only_variants(request)
    resource, name = registered(context, request["ResourceId"])["ResourceId"], request["PolicyName"]
    kind = request.get("PolicyType", "StepScaling")
    if _CONFIGURATIONS[kind] not in request:
        raise Invalid(f"A policy of the type {kind} needs {_CONFIGURATIONS[kind]}.")
    others = [policy for policy in policies(context, resource) if policy["PolicyName"] != name]
    if any(_metric(policy) == _metric(request) for policy in others if policy["PolicyType"] == kind):
        raise Invalid(f"Only one {kind} policy for a given metric specification is allowed.")
    identity = uuid.uuid4()
    document: Document = {
        **request,
        "PolicyType": kind,
        "PolicyARN": (
            f"arn:aws:autoscaling:{context.region}:{context.engine.account}:scalingPolicy:{identity}:"
            f"resource/sagemaker/{resource}:policyName/{name}"
        ),
        "Alarms": [],
    }
    if not context.create(POLICY, key(resource, name), document):
        changes = {"PolicyType": kind, _CONFIGURATIONS[kind]: request[_CONFIGURATIONS[kind]]}
        document = context.patch(POLICY, key(resource, name), changes) or document
    return document


def describe_scaling_policies(context: Context, request: Document) -> Document:
    """DescribeScalingPolicies."""
    only_variants(request)
    names, resource = request.get("PolicyNames"), request.get("ResourceId")
    found = [
        policy
        for policy in context.all(POLICY)
        if (not names or policy["PolicyName"] in names) and resource in (None, policy["ResourceId"])
    ]
    return _POLICIES.answer({"MaxResults": PAGE, **request}, found)


def delete_scaling_policy(context: Context, request: Document) -> None:
    """DeleteScalingPolicy."""
    only_variants(request)
    if context.delete(POLICY, key(request["ResourceId"], request["PolicyName"])) is None:
        raise NotFound(f"No scaling policy found for resource ID: {request['ResourceId']}: {request['PolicyName']}")


def describe_scaling_activities(_: Context, request: Document) -> Document:
    """DescribeScalingActivities: none ever happened."""
    only_variants(request)
    return {"ScalingActivities": []}


def _metric(policy: Document) -> Document | None:
    """What a target tracking policy follows."""
    configuration = policy.get("TargetTrackingScalingPolicyConfiguration", {})
    found: Document | None = configuration.get(
        "PredefinedMetricSpecification", configuration.get("CustomizedMetricSpecification")
    )
    return found


def _awake() -> Document:
    members = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
    return dict.fromkeys(members, False)


OPERATIONS: Mapping[str, Operation] = {
    "RegisterScalableTarget": register_scalable_target,
    "DescribeScalableTargets": describe_scalable_targets,
    "DeregisterScalableTarget": deregister_scalable_target,
    "PutScalingPolicy": put_scaling_policy,
    "DescribeScalingPolicies": describe_scaling_policies,
    "DeleteScalingPolicy": delete_scaling_policy,
    "DescribeScalingActivities": describe_scaling_activities,
}
