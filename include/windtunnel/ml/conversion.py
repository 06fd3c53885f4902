"""A fitted scikit-learn estimator as an ONNX model: a matrix in, one column `prediction` out."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType

from windtunnel.ml.artefact import Feature
from windtunnel.ml.graph import take_matrix
from windtunnel.ml.offset import OffsetRegressor
from windtunnel.ml.scorer import OUTPUT

# The newest both skl2onnx 1.20 and its tree converter write.
OPSETS = {"": 21, "ai.onnx.ml": 3}


def to_onnx(estimator: Any, name: str, features: tuple[Feature, ...]) -> tuple[bytes, tuple[Feature, ...]]:
    """Convert an estimator that was fitted on a frame of these features; equal estimators give equal bytes.

    Args:
        estimator: A scikit-learn regressor or pipeline, or one inside an `OffsetRegressor`.
        name: The graph's name; skl2onnx would invent a random one.
        features: In the order of the matrix; those of strings with their categories.

    Returns:
        The model, and the features with the codes that it takes for texts.
    """
    offset = estimator.offset if isinstance(estimator, OffsetRegressor) else None
    inputs = [
        (feature.name, (StringTensorType if feature.kind == "string" else FloatTensorType)([None, 1]))
        for feature in features
    ]
    fitted = estimator.regressor_ if offset is not None else estimator
    model = convert_sklearn(fitted, name, inputs, target_opset=OPSETS)
    _name_output(model.graph, offset)
    coded = take_matrix(model, features)
    # skl2onnx writes them in the order of a set, which the seed of Python's hashes decides.
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True)), coded


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
