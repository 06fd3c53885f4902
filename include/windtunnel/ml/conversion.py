"""A fitted scikit-learn estimator as an ONNX model: one input per feature, strings as codes, one output `prediction`."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType

from windtunnel.ml import codes
from windtunnel.ml.artefact import Feature
from windtunnel.ml.offset import OffsetRegressor
from windtunnel.ml.scorer import OUTPUT

# The newest both skl2onnx 1.20 and its tree converter write.
OPSETS = {"": 21, "ai.onnx.ml": 3}


def to_onnx(estimator: Any, name: str, features: tuple[Feature, ...]) -> bytes:
    """Convert an estimator that was fitted on a frame of these features; equal estimators give equal bytes.

    Args:
        estimator: A scikit-learn regressor or pipeline, or one inside an `OffsetRegressor`.
        name: The graph's name; skl2onnx would invent a random one.
        features: Inputs in order; numbers are float32, strings int64 codes of their categories.
    """
    offset = estimator.offset if isinstance(estimator, OffsetRegressor) else None
    inputs = [
        (feature.name, (StringTensorType if feature.kind == "string" else FloatTensorType)([None, 1]))
        for feature in features
    ]
    fitted = estimator.regressor_ if offset is not None else estimator
    model = convert_sklearn(fitted, name, inputs, target_opset=OPSETS)
    _name_output(model.graph, offset)
    codes.written(model, {feature.name: feature.categories or () for feature in features if feature.kind == "string"})
    # skl2onnx writes them in the order of a set, which the seed of Python's hashes decides.
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _name_output(graph: onnx.GraphProto, offset: str | None) -> None:
    answer = graph.output[0].name
    if offset is None:
        graph.node.append(helper.make_node("Identity", [answer], [OUTPUT], name="answer"))
    else:
        zero = helper.make_tensor("no_offset", TensorProto.FLOAT, [1], [0.0])
        graph.initializer.append(zero)
        graph.node.extend(
            [
                helper.make_node("IsNaN", [offset], ["offset_missing"], name="offset_missing"),
                helper.make_node("Where", ["offset_missing", zero.name, offset], ["offset_known"], name="offset_known"),
                helper.make_node("Add", [answer, "offset_known"], [OUTPUT], name="answer"),
            ]
        )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, 1]))
