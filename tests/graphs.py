"""Small models on a matrix, for tests that need one with a known fault."""

from __future__ import annotations

import json
from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper

from windtunnel.ml.onnx_scorer import INPUT, OUTPUT


def of_column(operation: str, features: Sequence[str], column: str, *, twice: bool = False) -> onnx.ModelProto:
    """A model that answers an ONNX operation on one column, or on the column and itself."""
    given = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, len(features)])
    output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, 1])
    at = helper.make_tensor("at", TensorProto.INT64, [1], [list(features).index(column)])
    nodes = [
        helper.make_node("Gather", [INPUT, at.name], ["column"], axis=1),
        helper.make_node(operation, ["column", "column"] if twice else ["column"], [OUTPUT]),
    ]
    graph = helper.make_graph(nodes, operation, [given], [output], [at])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    model.metadata_props.add(key=INPUT, value=json.dumps(list(features)))
    return model
