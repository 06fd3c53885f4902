"""One request to an endpoint: which variant answers, what AWS makes of the answer, what is written of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import urllib3

from localaws.context import Context, Engine
from localaws.services.endpoints import runner
from localaws.services.endpoints.fleet import Fleet, Variant
from localaws.services.endpoints.traffic import Traffic
from localaws.services.models.server import ANSWER_SECONDS, ServerAway
from localaws.services.runtime import capture
from localaws.services.runtime.metrics import Dimensions
from localaws.services.runtime.recorder import Recorder, recorder
from localaws.wire import AwsError

log = logging.getLogger(__name__)
INFERENCE_ID = "x-amzn-sagemaker-inference-id"
CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
MOST_MESSAGE = 2048
# Copies for shadows that wait beyond this number are dropped: a slow shadow must not fill the memory.
MOST_COPIES = 1000
NO_ANSWER = 0


class Refused(AwsError):
    """The runtime's own ValidationError; the control plane spells it ValidationException."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationError", message)


@dataclass(frozen=True)
class Asked:
    """What an endpoint is asked.

    Attributes:
        endpoint: Name of the endpoint.
        body: Body of the request.
        headers: Headers by lower-case name.
        variant: TargetVariant, or None for the weights to decide.
        host: TargetContainerHostname, or None.
        seconds: How long the container may take.
    """

    endpoint: str
    body: bytes
    headers: Mapping[str, str]
    variant: str | None = None
    host: str | None = None
    seconds: float = ANSWER_SECONDS


@dataclass(frozen=True)
class Answered:
    """What a variant answered, whatever the status."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    variant: str


class Mirror:
    """Sends copies of requests to shadow variants, apart from the request itself."""

    def __init__(self, engine: Engine) -> None:
        self._recorder = recorder(engine)
        self._pool = ThreadPoolExecutor(8, "shadow")
        self._room = threading.BoundedSemaphore(MOST_COPIES)

    def copy(self, context: Context, fleet: Fleet, shadow: Variant, asked: Asked) -> None:
        """Queues a copy; what the shadow answers is captured and counted under its own name, and goes nowhere else."""
        if not self._room.acquire(blocking=False):
            log.warning("The shadow %s of %s is too slow: a copy was dropped.", shadow.name, asked.endpoint)
            return
        self._pool.submit(self._send, context, fleet, shadow, asked)

    def _send(self, context: Context, fleet: Fleet, shadow: Variant, asked: Asked) -> None:
        try:
            _ask(context, self._recorder, fleet, shadow, asked)
        except (ServerAway, LookupError) as error:
            log.info("The shadow %s of %s got no copy: %s", shadow.name, asked.endpoint, error)
        finally:
            self._room.release()


def traffic_of(context: Context, endpoint: str) -> Traffic:
    """The traffic of an endpoint that serves.

    Raises:
        Refused: there is none of that name, or it does not serve yet or any more.
    """
    traffic = runner.of(context.engine).traffic(context.region, endpoint)
    if traffic is None:
        raise Refused(f"Endpoint {endpoint} of account {context.engine.account} not found.")
    return traffic


def invoke(context: Context, asked: Asked) -> Answered:
    """Asks one variant, and mirrors the request to the shadows.

    Returns:
        The variant's answer, of status below 300.

    Raises:
        Refused: no such endpoint, variant or container.
        AwsError: `ModelError`, with the container's status and message; or `ServiceUnavailable`.
    """
    # A fleet may end between the choice and the request; the next choice meets its successor.
    for attempt in (1, 2):
        fleet = traffic_of(context, asked.endpoint).split.chosen()
        variant = _variant(fleet, asked)
        try:
            answered = _ask(context, recorder(context.engine), fleet, variant, asked)
        except ServerAway:
            if attempt == 2:
                break
            continue
        finally:
            for shadow in fleet.mirrored():
                context.engine.own(Mirror).copy(context, fleet, shadow, asked)
        if answered.status >= 300 or answered.status == NO_ANSWER:
            raise _model_error(context, asked, variant, answered)
        return answered
    raise AwsError("ServiceUnavailable", f"The endpoint {asked.endpoint} has no container that answers.", 503)


def _variant(fleet: Fleet, asked: Asked) -> Variant:
    if asked.variant is None:
        return fleet.chosen()
    variant = fleet.named(asked.variant)
    if variant is None:
        raise Refused(f"Variant {asked.variant} of endpoint {asked.endpoint} not found.")
    return variant


def _ask(context: Context, record: Recorder, fleet: Fleet, variant: Variant, asked: Asked) -> Answered:
    began = time.perf_counter()
    at = datetime.now(UTC)
    try:
        reply = variant.answer(asked.body, asked.headers, host=asked.host, seconds=asked.seconds)
        answered = Answered(reply.status, reply.data, reply.headers, variant.name)
    except LookupError:
        raise Refused(f"Container {asked.host} of endpoint {asked.endpoint} not found.") from None
    except ServerAway:
        raise
    except urllib3.exceptions.HTTPError as error:
        answered = Answered(NO_ANSWER, _no_answer(error, asked), {}, variant.name)
    model_seconds = time.perf_counter() - began
    if 200 <= answered.status < 300 and (settings := record.captures(fleet)) is not None:
        exchange = capture.Exchange(
            at=at,
            request=asked.body,
            request_type=asked.headers.get("content-type"),
            answer=answered.body,
            answer_type=answered.headers.get("content-type"),
            inference_id=asked.headers.get(INFERENCE_ID),
            custom_attributes=asked.headers.get(CUSTOM_ATTRIBUTES),
        )
        record.keep(context.region, asked.endpoint, variant.name, settings, exchange)
    about = Dimensions(asked.endpoint, variant.name, fleet.config["EndpointConfigName"])
    record.count(context.region, about, answered.status, model_seconds, time.perf_counter() - began - model_seconds)
    return answered


def _no_answer(error: urllib3.exceptions.HTTPError, asked: Asked) -> bytes:
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return (
            f"Your invocation timed out while waiting for a response from container primary after {asked.seconds:g} s. "
            f"Review the latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
        ).encode()
    return f"The container closed the connection without an answer: {type(error).__name__}.".encode()


def _model_error(context: Context, asked: Asked, variant: Variant, answered: Answered) -> AwsError:
    text = answered.body[:MOST_MESSAGE].decode("utf-8", "replace")
    side = "client" if 400 <= answered.status < 500 else "server"
    region, account = context.region, context.engine.account
    group = f"/aws/sagemaker/Endpoints/{asked.endpoint}"
    host = "primary" if len(variant.servers) == 1 else "model"
    return AwsError(
        "ModelError",
        f'Received {side} error ({answered.status}) from {host} with message "{text}". See '
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group={group} "
        f"in account {account} for more information.",
        424,
        members={
            "OriginalStatusCode": answered.status,
            "OriginalMessage": text,
            "LogStreamArn": f"arn:aws:logs:{region}:{account}:log-group:{group}",
        },
    )
