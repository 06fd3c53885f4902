"""Endpoints across a stop and a kill -9 of the embedded AWS."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from deployments import Deployments, variant
from embedded_aws import Embedded

pytestmark = pytest.mark.embedded


@pytest.fixture
def here(own_server: Embedded, name: str) -> Deployments:
    """Deployments on a server of the test's own, started."""
    own_server.start()
    return Deployments(own_server.target(), name)


def running(pid: int) -> bool:
    """Whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def pid_of(deployments: Deployments, name: str, **members: Any) -> int:
    """The process that answers."""
    return int(deployments.ask(name, **members)["CustomAttributes"].removeprefix("pid="))


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_an_endpoint_comes_back_with_its_weights(own_server: Embedded, here: Deployments, ending: str) -> None:
    config = here.config(variant(here.model(0, 1), "A"), variant(here.model(0, 2), "B"))
    name = here.endpoint(config)
    here.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "A", "DesiredWeight": 0, "DesiredInstanceCount": 3}],
    )
    here.settled(name)
    before = pid_of(here, name)
    getattr(own_server, ending)()
    deadline = time.monotonic() + 10
    while running(before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(before), "the model server outlived the embedded AWS"
    own_server.start()
    # The first request after the start waits for the endpoint instead of being refused.
    assert here.answer(name) == "2.0000"
    assert set(here.answers(name, 20)) == {"2.0000"}
    described = here.describe(name)
    assert described["EndpointStatus"] == "InService"
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 3
    assert pid_of(here, name) != before


def test_an_endpoint_that_was_being_created_is_created(own_server: Embedded, here: Deployments) -> None:
    config = here.config(variant(here.model(3, SLOW_START="2")))
    name = f"{here.name}-new"
    here.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    own_server.kill()
    own_server.start()
    assert here.settled(name)["EndpointStatus"] == "InService"
    assert here.answer(name) == "6.0000"


def test_an_update_that_was_under_way_is_carried_on(own_server: Embedded, here: Deployments) -> None:
    old = here.config(variant(here.model(0, 1)))
    new = here.config(variant(here.model(0, 2, SLOW_START="2")))
    name = here.endpoint(old)
    here.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    own_server.kill()
    own_server.start()
    assert here.answer(name) == "1.0000"
    assert here.describe(name)["EndpointStatus"] == "Updating"
    assert here.settled(name)["EndpointConfigName"] == new
    assert here.answer(name) == "2.0000"


def test_an_endpoint_that_was_being_deleted_is_deleted(own_server: Embedded, here: Deployments) -> None:
    name = here.endpoint(here.config(variant(here.model())))
    here.sagemaker.delete_endpoint(EndpointName=name)
    own_server.kill()
    own_server.start()
    here.aws.wait(here.sagemaker.list_endpoints, lambda found: found["Endpoints"] == [])


def test_what_was_captured_before_an_orderly_stop_is_in_s3(own_server: Embedded, here: Deployments) -> None:
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{here.aws.bucket}/{here.name}/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    name = here.endpoint(here.config(variant(here.model()), DataCaptureConfig=capture))
    for number in range(7):
        here.ask(name, str(number), InferenceId=f"flight-{number}")
    assert own_server.stop() == 0
    own_server.start()
    records = here.records(f"{here.name}/captured/{name}/only/")
    assert {each["eventMetadata"]["inferenceId"] for each in records} == {f"flight-{number}" for number in range(7)}


def test_a_container_that_listens_but_is_not_healthy_is_not_in_service(here: Deployments) -> None:
    name = f"{here.name}-ill"
    config = here.config(variant(here.model(PING_STATUS="503")))
    here.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    time.sleep(2)
    assert here.describe(name)["EndpointStatus"] == "Creating"
