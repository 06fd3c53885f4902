"""What a model may call for, read from its bytes: the same that the package onnx reads there."""

from __future__ import annotations

import onnx
import onnx.helper as build
import pytest
from onnx import TensorProto

from windtunnel.core.errors import ArtefactInvalid
from windtunnel.ml import operators


def model(*nodes: onnx.NodeProto, **given: object) -> bytes:
    """A model of one input `x` and one output `y`."""
    graph = build.make_graph(
        list(nodes),
        "graph",
        [build.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [build.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [build.make_tensor("one", TensorProto.FLOAT, [300], [1.0] * 300)],
    )
    return bytes(build.make_model(graph, **given).SerializeToString())


GOOD = model(
    build.make_node("Add", ["x", "one"], ["z"], name="Loop", doc_string="If"),
    build.make_node("Scaler", ["z"], ["y"], domain="ai.onnx.ml", offset=[1.0] * 300),
)
INNER = build.make_graph([], "Loop", [], [])


def test_operators_of_onnx_may_be_called_whatever_their_nodes_are_named() -> None:
    operators.check(GOOD)


@pytest.mark.parametrize(
    ("node", "name"),
    [
        (build.make_node("Loop", ["", ""], ["y"], body=INNER), "Loop"),
        (build.make_node("If", ["x"], ["y"], then_branch=INNER, else_branch=INNER), "If"),
        (build.make_node("Scan", ["x"], ["y"], body=INNER, num_scan_inputs=1), "Scan"),
        (build.make_node("SequenceMap", ["x"], ["y"], body=INNER), "SequenceMap"),
        (build.make_node("Loop", ["", ""], ["y"], domain="ai.onnx", body=INNER), "ai.onnx.Loop"),
        (build.make_node("Add", ["x", "x"], ["y"], domain="com.evil"), "com.evil.Add"),
        (build.make_node("FusedGemm", ["x", "x"], ["y"], domain="com.microsoft"), "com.microsoft.FusedGemm"),
        (build.make_node("Add\u202e`", ["x", "x"], ["y"], domain="\n"), r"\\n.Add\\u202e`"),
    ],
)
def test_others_may_not_and_are_named(node: onnx.NodeProto, name: str) -> None:
    good = build.make_node("Identity", ["x"], ["z"])
    with pytest.raises(ArtefactInvalid, match=rf"calls for `{name}`; allowed are the operators of ONNX but `If`"):
        operators.check(model(good, node))


def test_a_second_graph_that_is_merged_into_the_first_is_read_too() -> None:
    with pytest.raises(ArtefactInvalid, match="calls for `Loop`"):
        operators.check(GOOD + model(build.make_node("Loop", ["", ""], ["y"], body=INNER)))


def test_functions_may_not() -> None:
    inner = build.make_node("Identity", ["x"], ["y"])
    function = build.make_function("com.evil", "Run", ["x"], ["y"], [inner], [build.make_opsetid("", 21)])
    with pytest.raises(ArtefactInvalid, match="has functions"):
        operators.check(model(inner, functions=[function]))


def test_a_model_cut_anywhere_is_told_from_a_whole_one_or_calls_for_less() -> None:
    told = 0
    for at in range(len(GOOD)):
        try:
            operators.check(GOOD[:at])
        except ArtefactInvalid as error:
            told += "cut short" in str(error)
    assert told > len(GOOD) * 0.9


@pytest.mark.parametrize(
    "content", [b"\x80", b"\xff" * 20, b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x3b", b"PK\x03\x04"]
)
def test_what_is_no_protobuf_is_told(content: bytes) -> None:
    with pytest.raises(ArtefactInvalid, match="is no ONNX model"):
        operators.check(content)
