"""Codes: the string inputs of an ONNX model as integers.

ONNX Runtime copies and hashes every string of a request. An integer it only looks up, and a server knows it from its own
parse.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

CATEGORIES = "categories"
"""Entry of a model's metadata: JSON of input -> its categories, in the order of their codes."""


class Codes(dict[str, int]):
    """Code of each category; `missing` for an empty text, and `unknown` for any other.

    Args:
        categories: Texts that are not empty, in the order of their codes.
    """

    def __init__(self, categories: Sequence[str]) -> None:
        super().__init__({text: code for code, text in enumerate(categories)})
        self.missing, self.unknown = len(categories), len(categories) + 1
        self[""] = self.missing

    def __missing__(self, _: str) -> int:
        """The code of what is not there; it is not kept."""
        return self.unknown


def written(model: Any, categories: Mapping[str, Sequence[str]]) -> None:
    """Give a model (an `onnx.ModelProto`) int64 codes instead of its string inputs, in place.

    A LabelEncoder of an input becomes a table of its answers for each code; any other node gets the text back first.

    Args:
        model: Its answers stay what they were.
        categories: Of each string input, in the order of their codes.
    """
    from onnx import TensorProto

    graph = model.graph
    inputs = [one for one in graph.input if one.type.tensor_type.elem_type == TensorProto.STRING]
    known = {one.name: [*categories[one.name], "", _unknown(categories[one.name])] for one in inputs}
    for one in inputs:
        one.type.tensor_type.elem_type = TensorProto.INT64
    nodes: list[Any] = []
    for node in graph.node:
        of_texts = [at for at, name in enumerate(node.input) if name in known]
        if of_texts and node.op_type == "LabelEncoder":
            nodes.append(_looked_up(graph, node, known[node.input[0]]))
            continue
        for at in of_texts:
            name = node.input[at]
            node.input[at] = f"{name}_text"
            if not any(node.input[at] in each.output for each in nodes):
                nodes.append(_texts(graph, name, known[name]))
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    said = json.dumps({name: texts[:-2] for name, texts in sorted(known.items())}, ensure_ascii=False)
    model.metadata_props.add(key=CATEGORIES, value=said)


def _looked_up(graph: Any, encoder: Any, known: Sequence[str]) -> Any:
    """A node that answers to codes what a LabelEncoder does to their texts."""
    from onnx import helper

    table = helper.make_tensor(f"{encoder.output[0]}_of_codes", *_answers(encoder, known))
    graph.initializer.append(table)
    return helper.make_node("Gather", [table.name, encoder.input[0]], list(encoder.output), name=encoder.name, axis=0)


def _texts(graph: Any, name: str, known: Sequence[str]) -> Any:
    """A node that makes texts of codes."""
    from onnx import TensorProto, helper

    table = helper.make_tensor(f"{name}_texts", TensorProto.STRING, [len(known)], [text.encode() for text in known])
    graph.initializer.append(table)
    return helper.make_node("Gather", [table.name, name], [f"{name}_text"], name=f"{name}_text", axis=0)


def _unknown(categories: Sequence[str]) -> str:
    """A text that is none of the categories, to stand for all that training has not seen."""
    text = "unknown"
    while text in categories:
        text += "?"
    return text


def _answers(node: Any, known: Sequence[str]) -> tuple[int, list[int], list[Any]]:
    """Type, shape and values of what a LabelEncoder answers to texts."""
    from onnx import TensorProto, helper

    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    keys = [key.decode() for key in given["keys_strings"]]
    for values, default, kind in (
        ("values_int64s", "default_int64", TensorProto.INT64),
        ("values_floats", "default_float", TensorProto.FLOAT),
    ):
        if values in given:
            answers = dict(zip(keys, given[values], strict=True))
            return kind, [len(known)], [answers.get(text, given[default]) for text in known]
    raise ValueError(f"A LabelEncoder with {sorted(given)} is not known here. Add how its answers are read.")
