"""Which operation a request is: `s3:PutObject`, `glue:UpdateTable`, read from the request alone."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import botocore.session
from botocore.model import OperationModel

# The credential scope of a SigV4 signature.
SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
# The runtime signs as `sagemaker` too.
_MODELS = {
    "dynamodb": ("dynamodb",),
    "glue": ("glue",),
    "s3": ("s3",),
    "sagemaker": ("sagemaker", "sagemaker-runtime"),
}


@functools.cache
def _operations(service: str) -> tuple[OperationModel, ...]:
    session = botocore.session.get_session()
    models = [session.get_service_model(name) for name in _MODELS[service]]
    return tuple(model.operation_model(name) for model in models for name in model.operation_names)


@functools.cache
def known_operations() -> frozenset[str]:
    """All operations that can be told apart, as `<service>:<Operation>`."""
    return frozenset(f"{service}:{operation.name}" for service in _MODELS for operation in _operations(service))


def operation_of(method: str, path: str, query: str, headers: Mapping[str, str]) -> str | None:
    """The operation of a signed request, or None when its service is not one of those told apart.

    Args:
        method: HTTP method.
        path: Path of the address, still percent-encoded or not.
        query: Query string without the question mark.
        headers: Header values by lower-case name.
    """
    scope = SCOPE.search(headers.get("authorization", ""))
    if scope is None or scope["service"] not in _MODELS:
        return None
    service = scope["service"]
    if target := headers.get("x-amz-target"):
        return f"{service}:{target.rpartition('.')[2]}"
    present = {*(name for name, _ in parse_qsl(query, keep_blank_values=True)), *headers}
    candidates = [
        (len(wanted), not operation.deprecated, operation.name)
        for operation in _operations(service)
        if operation.http["method"] == method
        and _template(operation.http["requestUri"]).fullmatch(path)
        and (wanted := _wanted(operation)) <= present
    ]
    return f"{service}:{max(candidates)[2]}" if candidates else None


@functools.cache
def _template(uri: str) -> re.Pattern[str]:
    """`/{Bucket}/{Key+}?tagging` as a pattern of paths."""
    path = uri.partition("?")[0]
    return re.compile(re.sub(r"\\\{\w+(\\\+)?\\\}", lambda hit: ".+" if hit[1] else "[^/]+", re.escape(path)) + "/?")


def _wanted(operation: OperationModel) -> set[str]:
    """The query and header names without which a request is some other operation."""
    wanted = {name for name, _ in parse_qsl(operation.http["requestUri"].partition("?")[2], keep_blank_values=True)}
    shape: Any = operation.input_shape
    for member in shape.required_members if shape else ():
        place = shape.members[member].serialization
        if place.get("location") in ("querystring", "header"):
            wanted.add(place["name"].lower() if place["location"] == "header" else place["name"])
    return wanted
