"""InvokeEndpoint: what is passed on, what comes back, and the errors of model and caller."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from deployments import Deployments, variant


def refused(call: Any) -> Any:
    """The error response of a call that must be refused."""
    with pytest.raises(ClientError) as error:
        call()
    return error.value.response


def test_an_answer_carries_variant_type_and_the_models_own_attributes(deployments: Deployments) -> None:
    name = deployments.endpoint(deployments.config(variant(deployments.model(2), "blue")))
    reply = deployments.ask(name, "1\n2\n", Accept="text/csv", CustomAttributes="trace=1", InferenceId="flight-1")
    assert reply["Body"].read() == b"2.0000\n4.0000\n"
    assert reply["ContentType"] == "text/csv; charset=utf-8"
    assert reply["InvokedProductionVariant"] == "blue"
    assert reply["CustomAttributes"].startswith("pid=")


@pytest.mark.parametrize(("body", "status", "side"), [("boom", 500, "server"), ("not-a-number", 400, "client")])
def test_a_models_error_is_a_model_error_with_the_models_words(
    deployments: Deployments, body: str, status: int, side: str
) -> None:
    name = deployments.endpoint(deployments.config(variant(deployments.model())))
    response = refused(lambda: deployments.ask(name, body))
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == status
    assert response["OriginalMessage"] in ("the model failed", "could not convert string to float: 'not-a-number'")
    assert response["Error"]["Message"].startswith(
        f'Received {side} error ({status}) from primary with message "{response["OriginalMessage"]}". See https://'
    )
    assert f"/aws/sagemaker/Endpoints/{name}" in response["Error"]["Message"]


def test_the_callers_errors_are_validation_errors(deployments: Deployments) -> None:
    name = deployments.endpoint(deployments.config(variant(deployments.model())))
    absent = refused(lambda: deployments.ask(f"{name}-x"))["Error"]
    assert absent["Code"] == "ValidationError"
    assert absent["Message"].startswith(f"Endpoint {name}-x of account ")
    other = refused(lambda: deployments.ask(name, TargetVariant="other"))["Error"]
    assert other["Code"] == "ValidationError"
    assert "other" in other["Message"]


def test_a_body_above_six_megabytes_is_refused(deployments: Deployments) -> None:
    name = deployments.endpoint(deployments.config(variant(deployments.model())))
    response = refused(lambda: deployments.ask(name, "1" * 6_291_457))
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert "exceeded 6291456 bytes" in response["Error"]["Message"]


@pytest.mark.embedded
def test_a_process_that_dies_is_started_again_and_the_next_request_waits_for_it(deployments: Deployments) -> None:
    name = deployments.endpoint(deployments.config(variant(deployments.model(4))))
    before = deployments.ask(name)["CustomAttributes"]
    dying = refused(lambda: deployments.ask(name, "quit"))
    assert dying["Error"]["Code"] in ("ModelError", "ServiceUnavailable")
    reply = deployments.ask(name)
    assert reply["Body"].read() == b"8.0000\n"
    assert reply["CustomAttributes"] != before
    assert deployments.describe(name)["EndpointStatus"] == "InService"


@pytest.mark.embedded
def test_no_request_is_lost_while_a_process_is_killed(deployments: Deployments) -> None:
    name = deployments.endpoint(deployments.config(variant(deployments.model(4))))
    pid = int(deployments.ask(name)["CustomAttributes"].removeprefix("pid="))
    wrong: list[str] = []

    def client() -> None:
        for _ in range(40):
            try:
                answer = deployments.answer(name)
            except ClientError as error:
                wrong.append(str(error))
            else:
                if answer != "8.0000":
                    wrong.append(answer)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.15)
    kill(pid)
    for thread in threads:
        thread.join()
    assert wrong == []


def kill(pid: int) -> None:
    """Kill -9 of one process that this test started through the API."""
    os.kill(pid, signal.SIGKILL)


def test_several_containers_answer_one_after_the_other(deployments: Deployments) -> None:
    image = deployments.aws.image
    containers = [
        {"Image": image, "ModelDataUrl": deployments.data(2), "ContainerHostname": "double"},
        {"Image": image, "ModelDataUrl": deployments.data(1, 5), "ContainerHostname": "plus-five"},
    ]
    model = f"{deployments.name}-chain"
    deployments.sagemaker.create_model(ModelName=model, ExecutionRoleArn=deployments.aws.role, Containers=containers)
    name = deployments.endpoint(deployments.config(variant(model)))
    assert deployments.answer(name, "3") == "11.0000"
    deployments.sagemaker.delete_model(ModelName=model)


def test_containers_in_direct_mode_answer_for_themselves(deployments: Deployments) -> None:
    image = deployments.aws.image
    containers = [
        {"Image": image, "ModelDataUrl": deployments.data(2), "ContainerHostname": "double"},
        {"Image": image, "ModelDataUrl": deployments.data(1, 5), "ContainerHostname": "plus-five"},
    ]
    model = f"{deployments.name}-direct"
    deployments.sagemaker.create_model(
        ModelName=model,
        ExecutionRoleArn=deployments.aws.role,
        Containers=containers,
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    name = deployments.endpoint(deployments.config(variant(model)))
    assert deployments.answer(name, "3", TargetContainerHostname="double") == "6.0000"
    assert deployments.answer(name, "3", TargetContainerHostname="plus-five") == "8.0000"
    assert refused(lambda: deployments.ask(name, TargetContainerHostname="x"))["Error"]["Code"] == "ValidationError"
    deployments.sagemaker.delete_model(ModelName=model)
