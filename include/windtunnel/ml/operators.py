"""Operators: what a model's graph calls for, read from its bytes without the package onnx, which a server does not carry."""

from __future__ import annotations

from collections.abc import Iterator

from windtunnel.core.errors import ArtefactInvalid, quoted

DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
WITH_GRAPHS = frozenset({"If", "Loop", "Scan", "SequenceMap"})
"""Operators with a graph of their own: a loop whose condition stays true never ends, and nothing stops it from outside."""

# Numbers of the fields in onnx.proto.
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE = 1
_NODE_OPERATOR, _NODE_DOMAIN = 4, 7
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


def check(model: bytes) -> None:
    """Refuse a model that could run for ever, or that calls for what is no part of ONNX.

    Args:
        model: Its bytes.

    Raises:
        ArtefactInvalid: It is no ONNX model, has functions, or operators with graphs of their own or of other domains.
    """
    found: set[tuple[str, str]] = set()
    for number, content in _fields(memoryview(model)):
        if number == _MODEL_FUNCTIONS:
            raise ArtefactInvalid("`model.onnx` has functions; allowed are the operators of ONNX alone. Train again.")
        if number == _MODEL_GRAPH:
            found |= {_called(node) for field, node in _fields(content) if field == _GRAPH_NODE}
    if refused := {f"{domain}.{name}" for domain, name in found if domain not in DOMAINS or name in WITH_GRAPHS}:
        raise ArtefactInvalid(
            f"`model.onnx` calls for {quoted(name.lstrip('.') for name in refused)}; allowed are the operators of ONNX "
            f"but {quoted(WITH_GRAPHS)}. Train a model that can be written without them."
        )


def _called(node: memoryview) -> tuple[str, str]:
    """Domain and name of a node's operator."""
    texts = {_NODE_DOMAIN: "", _NODE_OPERATOR: ""}
    for number, content in _fields(node):
        if number in texts:
            texts[number] = ascii(bytes(content[:80]).decode("utf-8", "replace"))[1:-1]
    return texts[_NODE_DOMAIN], texts[_NODE_OPERATOR]


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of each field of a protobuf message; numbers have no content here."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        size, wire = 0, key & 7
        if wire == _VARINT:
            _, at = _varint(message, at)
        elif wire == _LENGTH:
            size, at = _varint(message, at)
        elif wire == _EIGHT_BYTES:
            at += 8
        elif wire == _FOUR_BYTES:
            at += 4
        else:
            raise _damaged()
        if at + size > len(message):
            raise _damaged()
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at + shift // 7 >= len(message):
            break
        byte = message[at + shift // 7]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at + shift // 7 + 1
    raise _damaged()


def _damaged() -> ArtefactInvalid:
    return ArtefactInvalid("`model.onnx` is no ONNX model, or is cut short. Fetch the artefact again, or train again.")
