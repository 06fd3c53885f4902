"""The runtime's routes: InvokeEndpoint and InvokeEndpointAsync as they stand on the wire."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import unquote

from localaws.context import Context
from localaws.service import Route
from localaws.services.runtime import asynchronous
from localaws.services.runtime.invocation import (
    CUSTOM_ATTRIBUTES,
    INFERENCE_ID,
    Asked,
    Refused,
    invoke,
    traffic_of,
)
from localaws.wire import JSON, AwsError, HttpReply, HttpRequest, NotSupported

MOST_BODY_BYTES = 6_291_456
_LONGEST = {INFERENCE_ID: 64, CUSTOM_ATTRIBUTES: 1024}
_UNSUPPORTED = (
    "x-amzn-sagemaker-target-model",
    "x-amzn-sagemaker-enable-explanations",
    "x-amzn-sagemaker-inference-component",
    "x-amzn-sagemaker-session-id",
)


def invoke_endpoint(context: Context, found: re.Match[str], request: HttpRequest) -> HttpReply:
    """InvokeEndpoint."""
    name = unquote(found[1])
    _check(request)
    if "AsyncInferenceConfig" in traffic_of(context, name).split.fleet.config:
        raise Refused(f"Endpoint {name} is an asynchronous endpoint. Call InvokeEndpointAsync.")
    answered = invoke(
        context,
        Asked(
            name,
            request.body,
            request.headers,
            variant=request.headers.get("x-amzn-sagemaker-target-variant"),
            host=request.headers.get("x-amzn-sagemaker-target-container-hostname"),
        ),
    )
    headers = {
        "content-type": answered.headers.get("content-type", "application/octet-stream"),
        "x-amzn-invoked-production-variant": answered.variant,
    }
    if CUSTOM_ATTRIBUTES in answered.headers:
        headers[CUSTOM_ATTRIBUTES] = answered.headers[CUSTOM_ATTRIBUTES]
    return HttpReply(200, answered.body, headers)


def invoke_endpoint_async(context: Context, found: re.Match[str], request: HttpRequest) -> HttpReply:
    """InvokeEndpointAsync: accepted, and answered in S3."""
    _check(request)
    accepted = asynchronous.accept(context, unquote(found[1]), request)
    headers = {"content-type": JSON, "x-amzn-sagemaker-outputlocation": accepted["OutputLocation"]}
    if "FailureLocation" in accepted:
        headers["x-amzn-sagemaker-failurelocation"] = accepted["FailureLocation"]
    return HttpReply(202, json.dumps({"InferenceId": accepted["InferenceId"]}).encode(), headers)


def _check(request: HttpRequest) -> None:
    if len(request.body) > MOST_BODY_BYTES:
        # AWS refuses it before SageMaker sees it: the error has no code but the status.
        raise AwsError("413", f"HTTP content length exceeded {MOST_BODY_BYTES} bytes.", 413)
    for header, most in _LONGEST.items():
        if len(request.headers.get(header, "")) > most:
            raise Refused(f"The header {header} is longer than {most} characters.")
    for header in _UNSUPPORTED:
        if header in request.headers:
            raise NotSupported(f"sagemaker:InvokeEndpoint with the header {header}")


ROUTES: Mapping[str, Route] = {
    r"/endpoints/([^/]+)/invocations": invoke_endpoint,
    r"/endpoints/([^/]+)/async-invocations": invoke_endpoint_async,
}
