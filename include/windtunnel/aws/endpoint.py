"""The endpoints of a model: their names, what they say of themselves, changing them, and asking them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from windtunnel.aws.clients import client
from windtunnel.core.errors import LeaseHeld, ServiceUnavailable
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings
from windtunnel.ml.rehearsal import Question, Reply

log = logging.getLogger(__name__)

VARIANT = "champion"
SHADOW = "shadow"
SETTLE_SECONDS = 3_600
UNDER_WAY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
"""States that SageMaker leaves by itself."""


def endpoint_name(model: str) -> str:
    """Name of the live endpoint of a model."""
    return f"windtunnel-{model}"


def staging_name(model: str) -> str:
    """Name of the endpoint on which versions rehearse."""
    return f"windtunnel-{model}-staging"


def capture_prefix(model: str) -> str:
    """Address under which SageMaker writes what the endpoint was asked and answered."""
    return settings().uri("capture", model)


def describe(model: str, *, name: str | None = None) -> dict[str, Any] | None:
    """SageMaker's description of a model's live endpoint, or of the endpoint `name`; None if there is none."""
    return _described(name or endpoint_name(model))


def describe_config(name: str) -> dict[str, Any] | None:
    """SageMaker's description of an endpoint config, or None if there is none."""
    return _found(lambda: client("sagemaker").describe_endpoint_config(EndpointConfigName=name))


def heading_for(described: dict[str, Any]) -> str:
    """The config that an endpoint has or, while a deployment is under way, the one that it is to get."""
    pending = described.get("PendingDeploymentSummary") or described
    return str(pending["EndpointConfigName"])


def captured_percent(described: dict[str, Any]) -> int:
    """Share of its requests that an endpoint captures now."""
    capture = described.get("DataCaptureConfig") or {}
    return int(capture["CurrentSamplingPercentage"]) if capture.get("CaptureStatus") == "Started" else 0


def prepare(bodies: dict[str, Any]) -> None:
    """Make the model and the endpoint config of a deployment; those that are there under their names are the same.

    Args:
        bodies: `Model` and `EndpointConfig`, as `aws.deployment` gives them.
    """
    with shared_write("model.create"):
        _once(lambda: client("sagemaker").create_model(**bodies["Model"]))
    with shared_write("endpoint-config.create"):
        _once(lambda: client("sagemaker").create_endpoint_config(**bodies["EndpointConfig"]))


def turn(body: dict[str, Any], fence: Callable[[], None]) -> bool:
    """Create an endpoint, or update it, unless it has the body's config or is on its way to it.

    An endpoint that failed serves nobody and cannot be updated: it is made anew.

    Args:
        body: Of CreateEndpoint; its DeploymentConfig says how traffic moves if there is some to move.
        fence: Raises if this task may not write any more; called right before each write.

    Returns:
        Whether this call began a change.

    Raises:
        LeaseHeld: The endpoint is on its way to another config.
    """
    name, wanted = body["EndpointName"], body["EndpointConfigName"]
    found = _described(name)
    if found and found["EndpointStatus"] == "Failed":
        log.warning("`%s` failed (%s): made anew", name, found.get("FailureReason", "no reason given"))
        fence()
        remove(name)
        found = None
    if found is None:
        fence()
        with shared_write("endpoint.create"):
            created = _once(lambda: client("sagemaker").create_endpoint(**body))
        return created or _adopted(name, wanted)
    if found["EndpointStatus"] in UNDER_WAY or found["EndpointConfigName"] == wanted:
        return _adopted(name, wanted)
    fence()
    with shared_write("endpoint.update"):
        updated = _update(body)
    return updated or _adopted(name, wanted)


def remove(name: str) -> None:
    """Delete an endpoint and wait until it is gone; one that is gone already is fine."""
    found = _described(name)
    if found and found["EndpointStatus"] != "Deleting":  # by the copy of this task that was killed
        with shared_write("endpoint.delete"):
            try:
                client("sagemaker").delete_endpoint(EndpointName=name)
            except ClientError as error:
                if "Could not find" not in error.response["Error"]["Message"]:
                    raise
    client("sagemaker").get_waiter("endpoint_deleted").wait(
        EndpointName=name, WaiterConfig={"Delay": settings().poll_seconds}
    )


def settled(name: str) -> dict[str, Any]:
    """Wait until an endpoint is not changing any more; what it serves then is for the caller to look at.

    In a DAG the triggerer waits before a stage asks, so that no worker is held here.

    Raises:
        ServiceUnavailable: There is no such endpoint, or it is still changing after an hour.
    """
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        found = _described(name)
        if found and found["EndpointStatus"] not in UNDER_WAY:
            return found
        if found is None or time.monotonic() > until:
            raise ServiceUnavailable(
                f"`{name}` is `{found and found['EndpointStatus']}`, not in service. Look at it in SageMaker, then "
                "clear this run."
            )
        time.sleep(settings().poll_seconds)


def predict(
    model: str, rows: Sequence[dict[str, Any]], *, inference_id: str | None = None, name: str | None = None
) -> list[float]:
    """Ask the live endpoint of a model, or the endpoint `name`.

    Args:
        model: Name of the model.
        rows: One dict of features per row.
        inference_id: Names the request, so that its label can be joined later.
        name: Another endpoint of the model, such as its staging endpoint.

    Returns:
        One prediction per row, in the unit of the model.
    """
    named = {"InferenceId": inference_id} if inference_id else {}
    answer = client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name or endpoint_name(model),
        ContentType="application/json",
        Accept="application/json",
        Body=json.dumps({"instances": list(rows)}),
        **named,
    )
    return [float(value) for value in json.loads(answer["Body"].read())["predictions"]]


def ask(name: str, question: Question) -> Reply:
    """Put a question to an endpoint; a refusal is a reply too."""
    try:
        answer = client("sagemaker-runtime").invoke_endpoint(
            EndpointName=name, ContentType=question.content_type, Body=question.body
        )
    except ClientError as error:
        said: dict[str, Any] = dict(error.response)
        # The container's own answer where it gave one, else SageMaker's.
        status = said.get("OriginalStatusCode") or said["ResponseMetadata"]["HTTPStatusCode"]
        return Reply(int(status), str(said.get("OriginalMessage") or said["Error"].get("Message", "")).encode())
    return Reply(200, answer["Body"].read())


def _update(body: dict[str, Any]) -> bool:
    """Whether the update began now; False: another one is under way."""
    # What autoscaling has made of the number of instances stays; all else is the config's.
    taken_over: dict[str, Any] = (
        {}
        if settings().endpoint_instance_count
        else {
            "RetainAllVariantProperties": True,
            "ExcludeRetainedVariantProperties": [
                {"VariantPropertyType": "DesiredWeight"},
                {"VariantPropertyType": "DataCaptureConfig"},
            ],
        }
    )
    try:
        client("sagemaker").update_endpoint(**body, **taken_over)
    except ClientError as error:
        if "in-progress" not in error.response["Error"]["Message"]:
            raise
        return False
    return True


def _adopted(name: str, wanted: str) -> bool:
    """False: someone did this work already, another copy of the task or this one before it lost the reply."""
    found = _described(name)
    if found is None or heading_for(found) != wanted:
        raise LeaseHeld(
            f"`{name}` is `{found and found['EndpointStatus']}` with `{found and heading_for(found)}`, not `{wanted}`. "
            "SageMaker changes one thing at a time: this is tried again."
        )
    log.info("adopted: `%s` has `%s` or is getting it", name, wanted)
    return False


def _described(name: str) -> dict[str, Any] | None:
    return _found(lambda: client("sagemaker").describe_endpoint(EndpointName=name))


def _once(create: Callable[[], Any]) -> bool:
    """Whether it was created now; False: it is there."""
    try:
        create()
    except ClientError as error:
        if "already exist" not in error.response["Error"]["Message"]:
            raise
        log.info("adopted: %s", error.response["Error"]["Message"])
        return False
    return True


def _found(describe: Callable[[], Any]) -> dict[str, Any] | None:
    try:
        return dict(describe())
    except ClientError as error:
        if "Could not find" in error.response["Error"]["Message"]:
            return None
        raise
