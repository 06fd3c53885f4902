"""InvokeEndpointAsync: requests that wait in the store, are answered one after the other, and whose answers go to S3.

A request that was accepted is a document until it is answered, so a restart of this process does not lose it. It may
then be answered twice, into the same object. Four are answered at a time, whatever
MaxConcurrentInvocationsPerInstance says: a variant is one process here.
"""

from __future__ import annotations

import base64
import json
import logging
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from localaws.context import Context, Engine
from localaws.s3_objects import split
from localaws.services.runtime.invocation import (
    CUSTOM_ATTRIBUTES,
    INFERENCE_ID,
    Answered,
    Asked,
    Refused,
    invoke,
    traffic_of,
)
from localaws.wire import AwsError, Document, HttpRequest, NotSupported

log = logging.getLogger(__name__)
KIND = "async-invocation"
AT_A_TIME = 4
TTL_SECONDS = 21_600
TIMEOUT_SECONDS = 900
_PREFIX = "x-amzn-sagemaker-"


class Queue:
    """The threads that answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pool = ThreadPoolExecutor(AT_A_TIME, "async")

    def put(self, context: Context, name: str) -> None:
        """Has a stored request answered."""
        self._pool.submit(self._answer, context, name)

    def _answer(self, context: Context, name: str) -> None:
        waiting = context.get(KIND, name)
        if waiting is None or self._engine.closing.is_set():
            return
        try:
            _answer(context, waiting)
        except (ClientError, BotoCoreError, AwsError) as error:
            if self._engine.closing.is_set():
                return
            log.exception("The asynchronous invocation %s could not be concluded.", name)
            _notify(context, waiting, "Failed", {"failureReason": f"InternalServerError: {error}"})
        context.delete(KIND, name)


def accept(context: Context, endpoint: str, request: HttpRequest) -> Document:
    """Stores a request and has it answered.

    Returns:
        InferenceId, OutputLocation and, where the endpoint has a failure path, FailureLocation.

    Raises:
        Refused: the endpoint is absent or not asynchronous, or nothing to infer from is given.
    """
    config = traffic_of(context, endpoint).split.fleet.config.get("AsyncInferenceConfig")
    if config is None:
        raise Refused(f"Endpoint {endpoint} is not an asynchronous endpoint. Call InvokeEndpoint.")
    for header in ("s3outputpathextension", "filename"):
        if _PREFIX + header in request.headers:
            raise NotSupported(f"sagemaker:InvokeEndpointAsync with the header {_PREFIX}{header}")
    headers = {name.removeprefix(_PREFIX): value for name, value in request.headers.items() if name.startswith(_PREFIX)}
    if "inputlocation" not in headers and not request.body:
        raise Refused("InvokeEndpointAsync needs an InputLocation or a body.")
    name = str(uuid.uuid4())
    output = config["OutputConfig"]
    document: Document = {
        "Name": name,
        "EndpointName": endpoint,
        "InferenceId": headers.get("inference-id", name),
        "InputLocation": headers.get("inputlocation"),
        "Body": base64.b64encode(request.body).decode() if "inputlocation" not in headers else None,
        "ContentType": headers.get("content-type"),
        "Accept": headers.get("accept"),
        "CustomAttributes": headers.get("custom-attributes"),
        "OutputLocation": f"{output['S3OutputPath'].rstrip('/')}/{name}.out",
        "ReceivedTime": time.time(),
        "TtlSeconds": int(headers.get("requestttlseconds", TTL_SECONDS)),
        "TimeoutSeconds": int(headers.get("invocationtimeoutseconds", TIMEOUT_SECONDS)),
        "NotificationConfig": output.get("NotificationConfig", {}),
    }
    if path := output.get("S3FailurePath"):
        document["FailureLocation"] = f"{path.rstrip('/')}/{name}-error.out"
    context.create(KIND, name, document)
    context.engine.own(Queue).put(context, name)
    return document


def resume(engine: Engine) -> None:
    """After a restart: what was accepted and not answered is answered."""
    for region, name, _ in engine.store.everywhere(KIND):
        engine.own(Queue).put(engine.at(region), name)


def _answer(context: Context, waiting: Document) -> None:
    if time.time() - waiting["ReceivedTime"] > waiting["TtlSeconds"]:
        _fail(context, waiting, b"", "ClientError: The request expired in the queue before it was processed.")
        return
    try:
        body = _input(context, waiting)
    except ClientError as error:
        reason = f"ClientError: Failed to download input from {waiting['InputLocation']}: {error}"
        _fail(context, waiting, b"", reason)
        return
    given = {
        "content-type": waiting["ContentType"],
        "accept": waiting["Accept"],
        CUSTOM_ATTRIBUTES: waiting["CustomAttributes"],
        INFERENCE_ID: waiting["InferenceId"],
    }
    headers = {name: value for name, value in given.items() if value is not None}
    try:
        answered = invoke(context, Asked(waiting["EndpointName"], body, headers, seconds=waiting["TimeoutSeconds"]))
    except AwsError as error:
        if context.engine.closing.is_set():
            raise
        message = str(error.members.get("OriginalMessage", error.message))
        _fail(context, waiting, message.encode(), f"{error.code}: {error.message}")
        return
    _succeed(context, waiting, answered)


def _input(context: Context, waiting: Document) -> bytes:
    if waiting["InputLocation"] is None:
        return base64.b64decode(waiting["Body"])
    bucket, key = split(waiting["InputLocation"])
    body: bytes = context.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def _succeed(context: Context, waiting: Document, answered: Answered) -> None:
    bucket, key = split(waiting["OutputLocation"])
    content_type = answered.headers.get("content-type", "application/octet-stream")
    context.s3.put_object(Bucket=bucket, Key=key, Body=answered.body, ContentType=content_type)
    parameters = {"contentType": content_type, "outputLocation": waiting["OutputLocation"]}
    _notify(context, waiting, "Completed", {"responseParameters": parameters})


def _fail(context: Context, waiting: Document, body: bytes, reason: str) -> None:
    parameters: Document = {}
    if "FailureLocation" in waiting:
        bucket, key = split(waiting["FailureLocation"])
        context.s3.put_object(Bucket=bucket, Key=key, Body=body or reason.encode())
        parameters = {"responseParameters": {"failureLocation": waiting["FailureLocation"]}}
    _notify(context, waiting, "Failed", {"failureReason": reason, **parameters})


def _notify(context: Context, waiting: Document, status: str, members: Document) -> None:
    """AWS's message on the topic for the outcome, where one is configured."""
    topic = waiting["NotificationConfig"].get("SuccessTopic" if status == "Completed" else "ErrorTopic")
    if topic is None:
        return
    message = {
        "awsRegion": context.region,
        "eventTime": _iso(time.time()),
        "receivedTime": _iso(waiting["ReceivedTime"]),
        "invocationStatus": status,
        "requestParameters": {
            member: value
            for member, value in (
                ("contentType", waiting["ContentType"]),
                ("endpointName", waiting["EndpointName"]),
                ("inputLocation", waiting["InputLocation"]),
            )
            if value is not None
        },
        **members,
        "inferenceId": waiting["InferenceId"],
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    context.engine.client("sns", context.region).publish(TopicArn=topic, Message=json.dumps(message))


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
