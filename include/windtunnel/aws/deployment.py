"""What a version is served as: the bodies of its SageMaker model, endpoint config and endpoint. Pure functions.

Every name carries the digest of what it names, so a name that is taken holds exactly this, and is adopted.
"""

from __future__ import annotations

from typing import Any, Literal

from windtunnel.aws import alarms
from windtunnel.aws.endpoint import SHADOW, VARIANT, capture_prefix, endpoint_name, staging_name
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Champion, RegisteredVersion
from windtunnel.core.settings import settings
from windtunnel.core.version import Version
from windtunnel.core.workkey import work_key

Place = Literal["live", "staging", "shadow"]


def metrics_name(model: str, place: Place) -> str:
    """What a fleet calls itself in the metrics it prints. A shadow must not ring the live endpoint's alarms."""
    return {"live": endpoint_name(model), "staging": staging_name(model), "shadow": f"{endpoint_name(model)}-shadow"}[
        place
    ]


def model(registered: RegisteredVersion, place: Place) -> dict[str, Any]:
    """Body of CreateModel: the registered package, told where it stands."""
    body: dict[str, Any] = {
        "ExecutionRoleArn": settings().role_arn,
        "Containers": [
            {
                "ModelPackageName": registered.package_arn,
                "Environment": {
                    "WINDTUNNEL_ENDPOINT": metrics_name(registered.model, place),
                    "WINDTUNNEL_VERSION": registered.version,
                },
            }
        ],
    }
    return {"ModelName": _named(f"{registered.model}-{_slug(registered.version)}-{place}", body), **body}


def model_name(registered: RegisteredVersion, place: Place) -> str:
    """Name of the SageMaker model of a version at a place, such as `flights-V1-1-0-live-3f2a91c0`."""
    return str(model(registered, place)["ModelName"])


def deployment(registered: RegisteredVersion) -> dict[str, Any]:
    """Bodies of CreateModel, CreateEndpointConfig and Create- or UpdateEndpoint for the live endpoint."""
    spec = model_spec(registered.model)
    made = model(registered, "live")
    config = {
        "ProductionVariants": [_variant(VARIANT, made["ModelName"], instances(registered.model))],
        "DataCaptureConfig": {
            "EnableCapture": spec.serving.capture_percent > 0,
            "InitialSamplingPercentage": spec.serving.capture_percent,
            "DestinationS3Uri": capture_prefix(registered.model),
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"], "CsvContentTypes": ["text/csv"]},
        },
    }
    name = _named(f"{registered.model}-{_slug(registered.version)}", config)
    return {
        "Model": made,
        "EndpointConfig": {"EndpointConfigName": name, **config},
        "Endpoint": {
            "EndpointName": endpoint_name(registered.model),
            "EndpointConfigName": name,
            "DeploymentConfig": gradual(registered.model),
        },
    }


def staging(registered: RegisteredVersion) -> dict[str, Any]:
    """The same three bodies for the staging endpoint: one instance, nothing captured, nothing to turn back to."""
    made = model(registered, "staging")
    config = {"ProductionVariants": [_variant(VARIANT, made["ModelName"], 1)]}
    name = _named(f"{registered.model}-{_slug(registered.version)}-staging", config)
    return {
        "Model": made,
        "EndpointConfig": {"EndpointConfigName": name, **config},
        "Endpoint": {"EndpointName": staging_name(registered.model), "EndpointConfigName": name},
    }


def with_shadow(champion_config: dict[str, Any], champion: Champion, registered: RegisteredVersion) -> dict[str, Any]:
    """Bodies of the version's model and of the live config with the version as its shadow.

    Args:
        champion_config: What DescribeEndpointConfig says of `champion.endpoint_config`.
        champion: The version in service; it answers as before.
        registered: The version that gets a copy of every request.
    """
    made = model(registered, "shadow")
    (serving,) = champion_config["ProductionVariants"]
    # Of the same weight it gets every request, so it needs as many instances.
    shadow = {**serving, "VariantName": SHADOW, "ModelName": made["ModelName"]}
    config: dict[str, Any] = {"ProductionVariants": [serving], "ShadowProductionVariants": [shadow]}
    if "DataCaptureConfig" in champion_config:
        config["DataCaptureConfig"] = champion_config["DataCaptureConfig"]
    name = _named(f"{champion.model}-{_slug(registered.version)}-shadow", config)
    return {"Model": made, "EndpointConfig": {"EndpointConfigName": name, **config}}


def gradual(model: str) -> dict[str, Any]:
    """DeploymentConfig of a rollout: traffic moves in steps, each watched; any of the model's alarms turns it back."""
    rollout = model_spec(model).rollout
    size = "CanarySize" if rollout.kind == "CANARY" else "LinearStepSize"
    routing = {
        "Type": rollout.kind,
        size: {"Type": "CAPACITY_PERCENT", "Value": rollout.percent},
        "WaitIntervalInSeconds": watch_seconds(model),
    }
    return {
        "BlueGreenUpdatePolicy": _policy(model, routing),
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms.names(model)]},
    }


def at_once(model: str) -> dict[str, Any]:
    """DeploymentConfig of a rollback: all traffic moves at once, and only alarms on the fleet that comes turn it back.

    The endpoint's own alarms may ring for what is about to be left: they would keep it in service.
    """
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": watch_seconds(model)}
    return {
        "BlueGreenUpdatePolicy": _policy(model, routing),
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms.names_of_return(model)]},
    }


def instances(model: str) -> int:
    """How many instances a version goes live on."""
    return settings().endpoint_instance_count or model_spec(model).serving.instances


def watch_seconds(model: str) -> int:
    """How long each step of a rollout is watched."""
    given = settings().watch_seconds
    return model_spec(model).rollout.watch_seconds if given is None else given


def _policy(model: str, routing: dict[str, Any]) -> dict[str, Any]:
    return {
        "TrafficRoutingConfiguration": routing,
        "TerminationWaitInSeconds": watch_seconds(model),
        "MaximumExecutionTimeoutInSeconds": model_spec(model).rollout.most_seconds,
    }


def _variant(name: str, model_name: str, count: int) -> dict[str, Any]:
    return {
        "VariantName": name,
        "ModelName": model_name,
        "InstanceType": settings().endpoint_instance_type,
        "InitialInstanceCount": count,
        "InitialVariantWeight": 1.0,
    }


def _slug(version: str) -> str:
    return Version.parse(version).slug


def _named(what: str, body: dict[str, Any]) -> str:
    return f"{what}-{work_key(body=body)[:8]}"
