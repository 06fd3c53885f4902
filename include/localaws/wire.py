"""AWS's JSON protocol: requests checked and answers shaped by botocore's own service model."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape

Document = dict[str, Any]
JSON = "application/x-amz-json-1.1"
SAGEMAKER = "sagemaker"


class AwsError(Exception):
    """An error as AWS sends it.

    Args:
        code: AWS's error code, such as `ValidationException`.
        message: What the caller reads.
        status: HTTP status.
        headers: Further headers of the answer.
        members: Further members of the error's JSON, such as `OriginalStatusCode` of a ModelError.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        *,
        headers: dict[str, str] | None = None,
        members: Document | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers or {}
        self.members = members or {}

    def body(self) -> Document:
        """The JSON of the answer; clients of AWS read `message` or `Message`, so it carries both."""
        return {"__type": self.code, "message": self.message, "Message": self.message, **self.members}


class Invalid(AwsError):
    """The request cannot be served as it stands."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class NotSupported(AwsError):
    """AWS would do it, the embedded AWS does not. Never answered with a pretended success."""

    def __init__(self, what: str) -> None:
        super().__init__("NotImplemented", f"{what} is not supported by the embedded AWS.", 501)


@dataclass(frozen=True)
class HttpRequest:
    """One HTTP request, body read whole; header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class HttpReply:
    """One HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@functools.cache
def service_model(api: str = SAGEMAKER) -> Any:
    """Botocore's description of an API; of SageMaker's control plane where none is named."""
    return botocore.session.get_session().get_service_model(api)


@functools.cache
def operation_model(operation: str, api: str = SAGEMAKER) -> OperationModel:
    """One operation of an API.

    Raises:
        AwsError: `UnknownOperationException`, no such operation exists in AWS either.
    """
    if operation not in service_model(api).operation_names:
        raise AwsError("UnknownOperationException", f"{api} has no operation {operation}.")
    model: OperationModel = service_model(api).operation_model(operation)
    return model


def check(operation: str, request: Any, api: str = SAGEMAKER) -> None:
    """Checks a request against the operation's input shape: required, type, enum, pattern, length, range.

    Raises:
        Invalid: with AWS's sentence, one clause for each fault.
    """
    shape = operation_model(operation, api).input_shape
    faults = list(_faults(shape, request, "")) if shape is not None else []
    if faults:
        errors = "error" if len(faults) == 1 else "errors"
        raise Invalid(f"{len(faults)} validation {errors} detected: " + "; ".join(faults))


def shaped(operation: str, answer: Document | None, api: str = SAGEMAKER) -> Document:
    """Only the members that the operation's output shape has, without nulls.

    Times stay seconds since 1970, the form they have on the wire.
    """
    shape = operation_model(operation, api).output_shape
    pruned: Document = prune(shape, answer or {}) if shape is not None else {}
    return pruned


def prune(shape: Shape, value: Any) -> Any:
    """A value cut down to what the shape has."""
    if isinstance(shape, StructureShape):
        members = shape.members
        return {
            name: prune(members[name], part) for name, part in value.items() if name in members and part is not None
        }
    if isinstance(shape, ListShape):
        return [prune(shape.member, part) for part in value]
    if isinstance(shape, MapShape):
        return {name: prune(shape.value, part) for name, part in value.items()}
    return value


def _faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Every fault of a value, depth first, in AWS's words."""
    match shape:
        case StructureShape():
            yield from _structure_faults(shape, value, path)
        case ListShape():
            if not isinstance(value, list):
                yield _fault(value, path, "Member must be a list")
                return
            yield from _bounds(shape, len(value), value, path, "length")
            for index, part in enumerate(value, start=1):
                yield from _faults(shape.member, part, f"{path}.{index}.member")
        case MapShape():
            if not isinstance(value, dict):
                yield _fault(value, path, "Member must be a map")
                return
            yield from _bounds(shape, len(value), value, path, "length")
            for name, part in value.items():
                yield from _faults(shape.key, name, f"{path}.{name}.key")
                yield from _faults(shape.value, part, f"{path}.{name}.member")
        case StringShape():
            yield from _string_faults(shape, value, path)
        case _:
            yield from _scalar_faults(shape, value, path)


def _structure_faults(shape: StructureShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield _fault(value, path, "Member must be a structure")
        return
    for name in shape.required_members:
        if value.get(name) is None:
            yield _fault(None, _below(path, name), "Member must not be null")
    for name, part in value.items():
        if name in shape.members and part is not None:
            yield from _faults(shape.members[name], part, _below(path, name))


def _string_faults(shape: StringShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield _fault(value, path, "Member must be a string")
        return
    if shape.enum and value not in shape.enum:
        yield _fault(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    yield from _bounds(shape, len(value), value, path, "length")
    pattern = shape.metadata.get("pattern")
    if pattern and not _pattern(pattern).fullmatch(value):
        yield _fault(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _scalar_faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if shape.type_name in ("integer", "long", "float", "double"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield _fault(value, path, "Member must be a number")
            return
        yield from _bounds(shape, value, value, path, "value")
    elif shape.type_name == "boolean" and not isinstance(value, bool):
        yield _fault(value, path, "Member must be a boolean")


def _bounds(shape: Shape, size: float, value: Any, path: str, measure: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield _fault(value, path, f"Member must have {measure} greater than or equal to {least}")
    if most is not None and size > most:
        yield _fault(value, path, f"Member must have {measure} less than or equal to {most}")


def _fault(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _below(path: str, member: str) -> str:
    name = member[:1].lower() + member[1:]
    return f"{path}.{name}" if path else name


# Punctuation and symbols have no class of their own in `re`: anything but a space is let through. The last two are one
# range of surrogate pairs, and a slip of AWS's own in the patterns of customer metadata.
_JAVA = (
    (r"\p{L}", r"\w"),
    (r"\p{M}", r"\w"),
    (r"\p{N}", r"\d"),
    (r"\p{Z}", r"\s"),
    (r"\p{S}", r"\S"),
    (r"\p{P}", r"\S"),
    (r"\p{Alnum}", "A-Za-z0-9"),
    (r"\p{Print}", r"[\x20-\x7E]"),
    (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"),
    ("*)${", "){"),
)


@functools.cache
def _pattern(pattern: str) -> re.Pattern[str]:
    """AWS's patterns are Java's; what Python's `re` spells otherwise, or not at all, is put in its words."""
    for java, python in _JAVA:
        pattern = pattern.replace(java, python)
    return re.compile(pattern)
