"""A fitted estimator as an ONNX model: a matrix in, one column `prediction` out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType

from windtunnel.core.spec import Task
from windtunnel.ml.artefact import Feature
from windtunnel.ml.graph import take_matrix
from windtunnel.ml.offset import OffsetRegressor
from windtunnel.ml.onnx_scorer import INPUT, OUTPUT

# The newest both skl2onnx 1.20 and its tree converter write.
OPSETS = {"": 21, "ai.onnx.ml": 3}


def to_onnx(
    estimator: Any, name: str, features: tuple[Feature, ...], task: Task = "regression"
) -> tuple[bytes, tuple[Feature, ...]]:
    """Convert an estimator that was fitted on a frame of these features; equal estimators give equal bytes.

    Args:
        estimator: Of scikit-learn, or a regressor inside an `OffsetRegressor`.
        name: The graph's name; skl2onnx would invent a random one.
        features: In the order of the matrix; those of strings with their categories.
        task: What the estimator is for; `ml/estimator.py` has what it answers.

    Returns:
        The model, and the features with the codes that it takes for texts.
    """
    offset = estimator.offset if isinstance(estimator, OffsetRegressor) else None
    inputs = [
        (feature.name, (StringTensorType if feature.kind == "string" else FloatTensorType)([None, 1]))
        for feature in features
    ]
    fitted = estimator.regressor_ if offset is not None else estimator
    # Without `zipmap` probabilities are an array, not a dictionary per row.
    options = {id(fitted): {"zipmap": False}} if task == "classification" else None
    model = convert_sklearn(fitted, name, inputs, target_opset=OPSETS, options=options)
    _name_output(model.graph, offset, task)
    coded = take_matrix(model, features)
    return _finished(model), coded


def on_matrix(model: onnx.ModelProto, name: str, columns: Sequence[str]) -> bytes:
    """An exporter's model, which takes the matrix already, as bytes that its module alone decides.

    Args:
        model: One input `(rows, columns)` and one output `(rows, 1)` of float32.
        name: The graph's name.
        columns: Of the matrix.
    """
    # Exporters note where the code stood on the machine that ran it.
    model.doc_string = model.graph.doc_string = ""
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for each in (
        *model.graph.node,
        *model.graph.input,
        *model.graph.output,
        *model.graph.initializer,
        *model.functions,
    ):
        del each.metadata_props[:]
        each.doc_string = ""
    model.graph.name = name
    model.metadata_props.add(key=INPUT, value=json.dumps(list(columns)))
    return _finished(model)


def _finished(model: onnx.ModelProto) -> bytes:
    # skl2onnx writes them in the order of a set, which the seed of Python's hashes decides.
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _name_output(graph: onnx.GraphProto, offset: str | None, task: Task) -> None:
    """One output, whatever a converter gives: an answer; a label and probabilities; a label and scores."""
    answer = graph.output[0 if task == "regression" else 1].name
    if task == "classification":
        graph.initializer.append(helper.make_tensor("one", TensorProto.INT64, [1], [1]))
        graph.node.append(helper.make_node("Gather", [answer, "one"], [OUTPUT], name="answer", axis=1))
    elif task == "anomaly":
        graph.node.append(helper.make_node("Neg", [answer], [OUTPUT], name="answer"))
    elif offset is None:
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
