"""What a version is served as, and what turns a release back, checked against botocore's own models."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from tests import candidate
from windtunnel.aws import alarms, deployment, endpoint, scaling
from windtunnel.core.catalog import model_spec
from windtunnel.core.settings import settings

REGISTERED = candidate.registered()
CHAMPION = candidate.champion()
LIVE = deployment.deployment(REGISTERED)
STAGING = deployment.staging(REGISTERED)
SERVING = {**deployment.deployment(candidate.registered(version="V1.1.0"))["EndpointConfig"], "CreationTime": "now"}
SHADOW = deployment.with_shadow(SERVING, CHAMPION, REGISTERED)
LONGEST = candidate.registered(version="V10.100.1000")


def refused(service: str, operation: str, body: dict[str, Any]) -> str:
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    assert shape is not None
    return str(ParamValidator().validate(body, shape).generate_report())


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("CreateModel", LIVE["Model"]),
        ("CreateEndpointConfig", LIVE["EndpointConfig"]),
        ("CreateEndpoint", LIVE["Endpoint"]),
        ("UpdateEndpoint", LIVE["Endpoint"]),
        ("UpdateEndpoint", {**LIVE["Endpoint"], "DeploymentConfig": deployment.at_once("flights")}),
        ("CreateModel", STAGING["Model"]),
        ("CreateEndpointConfig", STAGING["EndpointConfig"]),
        ("CreateEndpoint", STAGING["Endpoint"]),
        ("CreateModel", SHADOW["Model"]),
        ("CreateEndpointConfig", SHADOW["EndpointConfig"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_body_is_what_sagemaker_takes(operation: str, body: dict[str, Any]) -> None:
    assert refused("sagemaker", operation, body) == ""


@pytest.mark.parametrize(
    "body", [*alarms.bodies("flights"), *alarms.bodies_of_return("flights", "c")], ids=lambda body: body["AlarmName"]
)
def test_an_alarm_is_what_cloudwatch_takes(body: dict[str, Any]) -> None:
    assert refused("cloudwatch", "PutMetricAlarm", body) == ""
    assert len(body["AlarmDescription"]) <= 1024


@pytest.mark.parametrize(
    ("operation", "body"),
    [("RegisterScalableTarget", scaling.target("flights")), ("PutScalingPolicy", scaling.policy("flights"))],
)
def test_a_scaling_body_is_what_autoscaling_takes(operation: str, body: dict[str, Any]) -> None:
    assert refused("application-autoscaling", operation, body) == ""


def test_a_rollout_is_watched_by_alarms_that_exist() -> None:
    named = LIVE["Endpoint"]["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    assert [alarm["AlarmName"] for alarm in named] == [body["AlarmName"] for body in alarms.bodies("flights")]
    assert {body["TreatMissingData"] for body in alarms.bodies("flights")} == {"breaching"}


def test_a_rollback_is_watched_by_alarms_on_the_fleet_that_comes_alone() -> None:
    bodies = alarms.bodies_of_return("flights", "flights-V1-1-0-aaaaaaaa")
    named = deployment.at_once("flights")["AutoRollbackConfiguration"]["Alarms"]
    assert [alarm["AlarmName"] for alarm in named] == [body["AlarmName"] for body in bodies]
    for body in bodies:
        assert {"Name": "EndpointConfigName", "Value": "flights-V1-1-0-aaaaaaaa"} in body["Dimensions"]
        assert body["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize(("kind", "size"), [("CANARY", "CanarySize"), ("LINEAR", "LinearStepSize")])
def test_traffic_moves_as_the_spec_says(kind: str, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = model_spec("flights")
    rollout = spec.rollout.model_copy(update={"kind": kind, "percent": 20, "watch_seconds": 120, "most_seconds": 900})
    monkeypatch.setattr(deployment, "model_spec", lambda _: spec.model_copy(update={"rollout": rollout}))
    monkeypatch.setattr(deployment, "settings", lambda: settings().model_copy(update={"watch_seconds": None}))
    policy = deployment.gradual("flights")["BlueGreenUpdatePolicy"]
    assert policy == {
        "TrafficRoutingConfiguration": {
            "Type": kind,
            size: {"Type": "CAPACITY_PERCENT", "Value": 20},
            "WaitIntervalInSeconds": 120,
        },
        "TerminationWaitInSeconds": 120,
        "MaximumExecutionTimeoutInSeconds": 900,
    }


def test_settings_stand_above_the_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    shorter = settings().model_copy(update={"watch_seconds": 0, "endpoint_instance_count": 3})
    monkeypatch.setattr(deployment, "settings", lambda: shorter)
    assert (deployment.watch_seconds("flights"), deployment.instances("flights")) == (0, 3)
    other = deployment.deployment(REGISTERED)
    assert other["EndpointConfig"]["EndpointConfigName"] != LIVE["EndpointConfig"]["EndpointConfigName"]
    assert other["Model"] == LIVE["Model"]


def test_names_say_what_they_name() -> None:
    assert LIVE["Model"]["ModelName"].startswith("flights-V1-1-2-live-")
    assert LIVE["EndpointConfig"]["EndpointConfigName"].startswith("flights-V1-1-2-")
    assert STAGING["Endpoint"]["EndpointName"] == "windtunnel-flights-staging"
    again = candidate.registered(package_arn=REGISTERED.package_arn + "1")
    assert deployment.model_name(again, "live") != deployment.model_name(REGISTERED, "live"), "another package"


def test_the_longest_names_fit() -> None:
    long = LONGEST.model_copy(update={"model": "flights"})
    bodies = [deployment.deployment(long), deployment.staging(long), deployment.with_shadow(SERVING, CHAMPION, long)]
    names = [body["Model"]["ModelName"] for body in bodies]
    names += [body["EndpointConfig"]["EndpointConfigName"] for body in bodies]
    assert max(map(len, names)) + 30 - len("flights") <= 63


def test_a_shadow_gets_every_request_and_changes_nothing_else() -> None:
    config = SHADOW["EndpointConfig"]
    assert config["ProductionVariants"] == SERVING["ProductionVariants"]
    assert config["DataCaptureConfig"] == SERVING["DataCaptureConfig"]
    (shadow,), (serving,) = config["ShadowProductionVariants"], config["ProductionVariants"]
    assert shadow["VariantName"] == endpoint.SHADOW
    assert shadow["ModelName"] == SHADOW["Model"]["ModelName"]
    assert shadow["InitialVariantWeight"] == serving["InitialVariantWeight"]


def test_only_the_live_fleet_prints_metrics_under_the_name_that_the_alarms_watch() -> None:
    def printed(body: dict[str, Any]) -> str:
        (container,) = body["Model"]["Containers"]
        return str(container["Environment"]["WINDTUNNEL_ENDPOINT"])

    (watched,) = {
        dimension["Value"]
        for body in alarms.bodies("flights")
        for dimension in body["Dimensions"]
        if dimension["Name"] == "Endpoint"
    }
    assert printed(LIVE) == watched
    assert len({printed(LIVE), printed(STAGING), printed(SHADOW)}) == 3
