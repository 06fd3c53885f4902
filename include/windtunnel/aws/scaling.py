"""Autoscaling of a live endpoint: instances follow the number of invocations each of them gets."""

from __future__ import annotations

import logging
from typing import Any

from windtunnel.aws.clients import client
from windtunnel.aws.endpoint import VARIANT, endpoint_name
from windtunnel.core.catalog import model_spec
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings

log = logging.getLogger(__name__)

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def target(model: str) -> dict[str, Any]:
    """Body of RegisterScalableTarget: between the instances of a release and the spec's most."""
    serving = model_spec(model).serving
    return {
        **_scaled(model),
        "MinCapacity": serving.instances,
        "MaxCapacity": max(serving.instances, serving.most_instances),
    }


def policy(model: str) -> dict[str, Any]:
    """Body of PutScalingPolicy: out within minutes, in only after a quarter of an hour."""
    return {
        **_scaled(model),
        "PolicyName": f"{endpoint_name(model)}-invocations",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
            "TargetValue": float(model_spec(model).serving.invocations_per_minute),
            "ScaleOutCooldown": 60,
            "ScaleInCooldown": 900,
        },
    }


def put(model: str) -> None:
    """Scale the live endpoint of a model as its spec says; not at all where a setting fixes the number of instances."""
    fixed = settings().endpoint_instance_count
    if fixed is not None:
        log.info("scaling: none, `WINDTUNNEL_ENDPOINT_INSTANCE_COUNT` says %d", fixed)
        return
    with shared_write("scaling-target.put"):
        client("application-autoscaling").register_scalable_target(**target(model))
    with shared_write("scaling-policy.put"):
        client("application-autoscaling").put_scaling_policy(**policy(model))
    log.info("scaling: %s", target(model))


def _scaled(model: str) -> dict[str, Any]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint_name(model)}/variant/{VARIANT}",
        "ScalableDimension": _DIMENSION,
    }
