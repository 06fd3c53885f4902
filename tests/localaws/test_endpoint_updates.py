"""UpdateEndpoint: traffic moved all at once, by canary and in steps; alarms that turn it back; what is retained."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from deployments import Deployments, variant
from embedded_aws import Faults


def policy(kind: str, wait: int = 1, last: int = 0, alarms: tuple[str, ...] = (), **sizes: Any) -> dict[str, Any]:
    """A DeploymentConfig of blue/green."""
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": wait, **sizes},
            "TerminationWaitInSeconds": last,
            "MaximumExecutionTimeoutInSeconds": 600,
        },
        **({"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]}} if alarms else {}),
    }


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


@pytest.fixture
def alarm(deployments: Deployments) -> Iterator[str]:
    """An alarm that nothing but the test sets."""
    cloudwatch = deployments.aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=deployments.name,
        Namespace="windtunnel/test",
        MetricName=deployments.name,
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Sum",
        TreatMissingData="notBreaching",
    )
    cloudwatch.set_alarm_state(AlarmName=deployments.name, StateValue="OK", StateReason="test")
    yield deployments.name
    cloudwatch.delete_alarms(AlarmNames=[deployments.name])


def two_configs(deployments: Deployments, **members: Any) -> tuple[str, str]:
    """Configurations whose models answer 1 and 2."""
    old = deployments.config(variant(deployments.model(0, 1)), **members)
    return old, deployments.config(variant(deployments.model(0, 2)), **members)


def test_an_update_without_a_policy_moves_all_at_once(deployments: Deployments) -> None:
    old, new = two_configs(deployments)
    name = deployments.endpoint(old)
    deployments.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    updating = deployments.describe(name)
    if updating["EndpointStatus"] == "Updating":
        assert updating["EndpointConfigName"] == old
        assert updating["PendingDeploymentSummary"]["EndpointConfigName"] == new
    described = deployments.settled(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", new)
    assert "PendingDeploymentSummary" not in described
    assert set(deployments.answers(name, 20)) == {"2.0000"}


def test_no_request_fails_or_meets_a_third_answer_during_an_update(deployments: Deployments) -> None:
    old, new = two_configs(deployments)
    name = deployments.endpoint(old)
    deployments.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    seen: list[str] = []
    while deployments.describe(name)["EndpointStatus"] == "Updating" or len(seen) < 50:
        seen.append(deployments.answer(name))
    assert set(seen) <= {"1.0000", "2.0000"}
    assert seen == sorted(seen), "no answer of the old fleet after one of the new"
    assert deployments.answer(name) == "2.0000"


def test_a_canary_takes_its_share_and_then_all(deployments: Deployments, alarm: str) -> None:
    old, new = two_configs(deployments)
    name = deployments.endpoint(old)
    deployments.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=new,
        DeploymentConfig=policy("CANARY", wait=4, alarms=(alarm,), CanarySize=percent(50)),
    )
    deployments.aws.wait(lambda: deployments.answers(name, 10), lambda counts: counts["2.0000"] > 0)
    during = deployments.describe(name)
    assert (during["EndpointStatus"], during["EndpointConfigName"]) == ("Updating", old)
    (pending,) = during["PendingDeploymentSummary"]["ProductionVariants"]
    assert pending["VariantStatus"][0]["Status"] == "Baking"
    counts = deployments.answers(name, 60)
    # Five standard deviations round 30 are 19.
    assert 11 <= counts["2.0000"] <= 49
    described = deployments.settled(name)
    assert described["EndpointConfigName"] == new
    assert described["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["Type"] == "CANARY"
    assert set(deployments.answers(name, 10)) == {"2.0000"}


def test_an_alarm_during_the_canary_brings_the_old_configuration_back(deployments: Deployments, alarm: str) -> None:
    old, new = two_configs(deployments)
    name = deployments.endpoint(old)
    deployments.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=new,
        DeploymentConfig=policy("CANARY", wait=60, alarms=(alarm,), CanarySize=percent(50)),
    )
    deployments.aws.wait(lambda: deployments.answers(name, 10), lambda counts: counts["2.0000"] > 0)
    cloudwatch = deployments.aws.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
    described = deployments.settled(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", old)
    assert alarm in described["FailureReason"]
    assert set(deployments.answers(name, 20)) == {"1.0000"}
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="test")
    deployments.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    again = deployments.settled(name)
    assert again["EndpointConfigName"] == new
    assert "FailureReason" not in again


def test_an_alarm_after_the_last_step_still_rolls_back(deployments: Deployments, alarm: str) -> None:
    old, new = two_configs(deployments)
    name = deployments.endpoint(old)
    deployments.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=new, DeploymentConfig=policy("ALL_AT_ONCE", last=60, alarms=(alarm,))
    )
    deployments.aws.wait(lambda: deployments.answers(name, 5), lambda counts: counts["1.0000"] == 0)
    assert deployments.describe(name)["EndpointStatus"] == "Updating"
    deployments.aws.client("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
    assert deployments.settled(name)["EndpointConfigName"] == old
    assert set(deployments.answers(name, 10)) == {"1.0000"}


def test_errors_of_the_new_fleet_alone_ring_and_roll_back(deployments: Deployments) -> None:
    old, new = two_configs(deployments)
    name = deployments.endpoint(old)
    cloudwatch = deployments.aws.client("cloudwatch")
    about = {"EndpointName": name, "VariantName": "only", "EndpointConfigName": new}
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": key, "Value": value} for key, value in about.items()],
        Period=60,
        EvaluationPeriods=1,
        Threshold=3,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        Statistic="Sum",
        TreatMissingData="notBreaching",
    )
    for _ in range(5):
        with pytest.raises(deployments.runtime.exceptions.ModelError):
            deployments.ask(name, "boom")
    canary = policy("CANARY", wait=120, alarms=(name,), CanarySize=percent(50))
    deployments.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new, DeploymentConfig=canary)
    deployments.aws.wait(lambda: deployments.answers(name, 10), lambda counts: counts["2.0000"] > 0)
    # The old fleet's errors did not ring.
    time.sleep(2.5)
    assert deployments.describe(name)["EndpointStatus"] == "Updating"
    for _ in range(30):
        with pytest.raises(deployments.runtime.exceptions.ModelError):
            deployments.ask(name, "boom")
    described = deployments.settled(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", old)
    assert name in described["FailureReason"]
    cloudwatch.delete_alarms(AlarmNames=[name])


@pytest.mark.embedded
def test_an_alarm_that_does_not_exist_protects_nothing_and_rolls_back(deployments: Deployments) -> None:
    old, new = two_configs(deployments)
    name = deployments.endpoint(old)
    deployments.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=new, DeploymentConfig=policy("ALL_AT_ONCE", alarms=("no-such-alarm",))
    )
    described = deployments.settled(name)
    assert described["EndpointConfigName"] == old
    assert "no-such-alarm" in described["FailureReason"]


def test_a_linear_update_rises_step_by_step(deployments: Deployments) -> None:
    old, new = two_configs(deployments)
    name = deployments.endpoint(old)
    deployments.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=new,
        DeploymentConfig=policy("LINEAR", wait=1, LinearStepSize=percent(25)),
    )
    messages: list[str] = []
    while (found := deployments.describe(name))["EndpointStatus"] == "Updating":
        (pending,) = found["PendingDeploymentSummary"]["ProductionVariants"]
        messages.append(pending["VariantStatus"][0]["StatusMessage"])
        time.sleep(0.1)
    baking = [each for each in dict.fromkeys(messages) if each.startswith("Baking for ")]
    waited = "1 seconds (WaitIntervalInSeconds) with traffic enabled on"
    assert baking[:3] == [f"Baking for {waited} {share} of capacity." for share in ("25%", "50%", "75%")]
    assert found["EndpointConfigName"] == new


def test_a_new_fleet_that_never_becomes_healthy_leaves_the_old_one(deployments: Deployments) -> None:
    old = deployments.config(variant(deployments.model(0, 1)))
    bad = deployments.config(variant(deployments.model(CRASH="1")))
    name = deployments.endpoint(old)
    deployments.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=bad)
    assert deployments.answer(name) == "1.0000"
    described = deployments.settled(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", old)
    assert "did not pass the ping health check" in described["FailureReason"]
    assert deployments.answer(name) == "1.0000"


@pytest.mark.embedded
def test_a_new_process_that_dies_during_the_watch_rolls_back(deployments: Deployments) -> None:
    old, new = two_configs(deployments)
    name = deployments.endpoint(old)
    deployments.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=new, DeploymentConfig=policy("ALL_AT_ONCE", last=60)
    )
    deployments.aws.wait(lambda: deployments.answers(name, 1), lambda counts: counts["2.0000"] > 0)
    with pytest.raises(ClientError):
        deployments.ask(name, "quit")
    described = deployments.settled(name)
    assert described["EndpointConfigName"] == old
    assert "ended during the deployment" in described["FailureReason"]


def test_variant_properties_are_retained_when_asked(deployments: Deployments) -> None:
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 50,
        "DestinationS3Uri": f"s3://{deployments.aws.bucket}/{deployments.name}",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    models = deployments.model(0, 1), deployments.model(0, 2)
    old = deployments.config(variant(models[0], "A"), variant(models[1], "B"), DataCaptureConfig=capture)
    new = deployments.config(variant(models[1], "A"), variant(models[0], "B"))
    name = deployments.endpoint(old)
    deployments.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "A", "DesiredWeight": 0, "DesiredInstanceCount": 4}],
    )
    deployments.settled(name)
    deployments.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=new,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredInstanceCount"}],
    )
    described = deployments.settled(name)
    first = described["ProductionVariants"][0]
    assert (first["VariantName"], first["CurrentWeight"], first["CurrentInstanceCount"]) == ("A", 0.0, 1)
    assert described["DataCaptureConfig"]["CurrentSamplingPercentage"] == 50
    assert set(deployments.answers(name, 20)) == {"1.0000"}


def test_the_last_deployment_config_is_retained_when_asked(deployments: Deployments) -> None:
    old, new = two_configs(deployments)
    name = deployments.endpoint(old)
    sagemaker = deployments.sagemaker
    canary = policy("CANARY", wait=1, CanarySize=percent(10))
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new, DeploymentConfig=canary)
    deployments.settled(name)
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=old, RetainDeploymentConfig=True)
    deployments.aws.wait(lambda: deployments.describe(name), lambda found: "Baking" in json.dumps(found, default=str))
    assert deployments.settled(name)["EndpointConfigName"] == old


def test_a_policy_that_contradicts_itself_changes_nothing(deployments: Deployments) -> None:
    old, new = two_configs(deployments)
    name = deployments.endpoint(old)
    with pytest.raises(ClientError, match="CanarySize"):
        deployments.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=new, DeploymentConfig=policy("CANARY")
        )
    assert deployments.describe(name)["EndpointStatus"] == "InService"


@pytest.mark.embedded
def test_a_silent_rollback_and_a_slow_start_can_be_ordered(deployments: Deployments, faults: Faults) -> None:
    old, new = two_configs(deployments)
    name = deployments.endpoint(old)
    faults.add(kind="roll_back", operation="sagemaker:UpdateEndpoint", contains=name, reason="told to")
    deployments.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    described = deployments.settled(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", old)
    assert described["FailureReason"] == "told to"
    faults.add(kind="slow_in_service", operation="sagemaker:UpdateEndpoint", contains=name, seconds=2)
    began = time.monotonic()
    deployments.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    assert deployments.settled(name)["EndpointConfigName"] == new
    assert time.monotonic() - began > 2
