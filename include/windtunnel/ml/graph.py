"""Graph: an ONNX model with an input per feature, as converters write it, made into one that takes a matrix.

ONNX Runtime spends more on each input and each small node than on the trees of one row. So encoders and joins are
followed instead of run: where all that a model does to a text is to look up a number, that number is the text's code in
the matrix, and the trees read the matrix itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from onnx import NodeProto, TensorProto, helper, numpy_helper

from windtunnel.ml.artefact import Feature
from windtunnel.ml.onnx_scorer import INPUT

_TREES = ("TreeEnsembleRegressor", "TreeEnsembleClassifier")
_VALUES = (
    ("values_int64s", "default_int64", TensorProto.INT64),
    ("values_floats", "default_float", TensorProto.FLOAT),
)


@dataclass(frozen=True)
class _Column:
    """A feature, or what a table answers to its texts."""

    feature: int
    kind: int
    "Its element type in the graph."
    table: tuple[float, ...] | None = None
    "By category, then for a missing and for an unknown text."


def take_matrix(model: Any, features: Sequence[Feature]) -> tuple[Feature, ...]:
    """Give a model (an `onnx.ModelProto`) the one input `features`, `(rows, features)` of float32, in place.

    Args:
        model: It has an input `(rows, 1)` per feature, by name: float32, or strings. Its answers stay what they were.
        features: In the order of the matrix; those of strings with their categories.

    Returns:
        The features, those of strings with the codes that the matrix holds.
    """
    flow = _Flow(model.graph, features)
    flow.follow()
    flow.write()
    model.metadata_props.add(key=INPUT, value=json.dumps([feature.name for feature in features]))
    return tuple(
        feature.model_copy(update={"codes": tuple(map(float, flow.codes[at]))}) if at in flow.codes else feature
        for at, feature in enumerate(features)
    )


@dataclass
class _Flow:
    """Where the features go in a graph, until something other than an encoder or a join takes them."""

    graph: Any
    features: Sequence[Feature]
    codes: dict[int, tuple[float, ...]] = field(default_factory=dict)
    _values: dict[str, tuple[_Column, ...]] = field(default_factory=dict)
    _uses: list[tuple[NodeProto, int]] = field(default_factory=list)
    _kept: list[NodeProto] = field(default_factory=list)
    _made: dict[tuple[_Column, ...], str] = field(default_factory=dict)
    _first: list[NodeProto] = field(default_factory=list)

    def follow(self) -> None:
        """Note who takes which columns, and choose the codes."""
        for at, feature in enumerate(self.features):
            kind = TensorProto.STRING if feature.kind == "string" else TensorProto.FLOAT
            self._values[feature.name] = (_Column(at, kind),)
        for node in self.graph.node:
            followed = self._followed(node)
            if followed is not None:
                self._values[node.output[0]] = followed
                continue
            self._kept.append(node)
            self._uses += [(node, at) for at, name in enumerate(node.input) if name in self._values]
        taken = [column for node, at in self._uses for column in self._values[node.input[at]]]
        for at, feature in enumerate(self.features):
            if feature.kind == "string":
                tables = {column.table for column in taken if column.feature == at}
                table = tables.pop() if len(tables) == 1 else None
                self.codes[at] = table or tuple(range(len(feature.categories or ()) + 2))

    def write(self) -> None:
        """Lead the matrix to whoever takes columns, and drop what was only followed."""
        for node, at in self._uses:
            columns = self._values[node.input[at]]
            if node.op_type in _TREES and all(self._direct(column) for column in columns):
                for attribute in node.attribute:
                    if attribute.name == "nodes_featureids":
                        attribute.ints[:] = [columns[number].feature for number in attribute.ints]
                node.input[at] = INPUT
            elif node.op_type == "OneHotEncoder" and self._by_codes(node, columns[0]):
                node.input[at] = self._given((replace(columns[0], kind=TensorProto.INT64),))
            else:
                node.input[at] = self._given(columns)
        del self.graph.node[:]
        self.graph.node.extend([*self._first, *self._kept])
        del self.graph.input[:]
        self.graph.input.append(helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, len(self.features)]))
        named = {name for node in self.graph.node for name in node.input}
        used = [tensor for tensor in self.graph.initializer if tensor.name in named]
        del self.graph.initializer[:]
        self.graph.initializer.extend(used)

    def _followed(self, node: NodeProto) -> tuple[_Column, ...] | None:
        """The columns a node answers, where it only encodes or joins columns."""
        given = [self._values.get(name) for name in node.input]
        columns = given[0] if given else None
        if columns is None:
            return None
        if node.op_type == "LabelEncoder" and columns[0].kind == TensorProto.STRING and len(columns) == 1:
            return self._looked_up(node, columns[0])
        if node.op_type == "Reshape" and len(columns) == 1 and self._constant(node.input[1]) == [-1, 1]:
            return columns
        if node.op_type == "Cast" and all(column.kind in (TensorProto.FLOAT, TensorProto.INT64) for column in columns):
            if _attributes(node)["to"] == TensorProto.FLOAT:
                return tuple(replace(column, kind=TensorProto.FLOAT) for column in columns)
            return None
        if node.op_type == "Concat" and _attributes(node)["axis"] in (1, -1):
            joined = [column for each in given for column in each or ()]
            if all(given) and len({column.kind for column in joined}) == 1:
                return tuple(joined)
        return None

    def _looked_up(self, node: NodeProto, column: _Column) -> tuple[_Column] | None:
        """What a LabelEncoder answers to the texts of a feature, where it answers with numbers."""
        attributes = _attributes(node)
        for values, default, kind in _VALUES:
            if values in attributes:
                answers = dict(
                    zip((key.decode() for key in attributes["keys_strings"]), attributes[values], strict=True)
                )
                other = attributes[default]
                table = tuple(float(answers.get(text, other)) for text in self._texts(column))
                return (_Column(column.feature, kind, table),)
        return None

    def _texts(self, column: _Column) -> list[str]:
        """The categories of a feature, a missing text, and one that stands for all others."""
        known, other = list(self.features[column.feature].categories or ()), "unknown"
        while other in known:
            other += "?"
        return [*known, "", other]

    def _direct(self, column: _Column) -> bool:
        """Whether the matrix holds a column as it is."""
        return self.features[column.feature].kind != "string" or column.table == self.codes[column.feature]

    def _by_codes(self, node: NodeProto, column: _Column) -> bool:
        """Let a OneHotEncoder compare codes instead of texts; False where it knows a text that has none."""
        texts = self._texts(column)[:-1]
        for attribute in node.attribute:
            if attribute.name == "cats_strings" and column.kind == TensorProto.STRING:
                known = [text.decode() for text in attribute.strings]
                if set(known) <= set(texts):
                    node.attribute.remove(attribute)
                    of = dict(zip(texts, self.codes[column.feature], strict=False))
                    node.attribute.append(helper.make_attribute("cats_int64s", [int(of[text]) for text in known]))
                    return True
                return False
        return False

    def _given(self, columns: tuple[_Column, ...]) -> str:
        """The name of an array `(rows, columns)` that holds them."""
        if columns not in self._made:
            self._made[columns] = self._array(columns)
        return self._made[columns]

    def _array(self, columns: tuple[_Column, ...]) -> str:
        kinds = {column.kind for column in columns}
        if kinds == {TensorProto.FLOAT} and all(self._direct(column) for column in columns):
            return self._node("Gather", [INPUT, self._constants([column.feature for column in columns])], axis=1)
        parts = [self._part(column) for column in columns]
        return parts[0] if len(parts) == 1 else self._node("Concat", parts, axis=1)

    def _part(self, column: _Column) -> str:
        """One column that is not as the matrix has it: of integers, or a table's answers."""
        found = self._node("Gather", [INPUT, self._constants([column.feature])], axis=1)
        if self._direct(column) and column.kind == TensorProto.FLOAT:
            return found
        found = self._node("Cast", [found], to=TensorProto.INT64)
        if self._direct(column) or (column.table is None and column.kind == TensorProto.INT64):
            return found
        answers: Sequence[Any] = column.table or [text.encode() for text in self._texts(column)]
        if column.kind == TensorProto.INT64:
            answers = [int(answer) for answer in answers]
        return self._node("Gather", [self._tensor(column.kind, answers), found], axis=0)

    def _node(self, operation: str, inputs: list[str], **attributes: Any) -> str:
        name = f"matrix_{len(self._first)}"
        self._first.append(helper.make_node(operation, inputs, [name], name=name, **attributes))
        return name

    def _constants(self, numbers: list[int]) -> str:
        return self._tensor(TensorProto.INT64, numbers)

    def _tensor(self, kind: int, values: Sequence[Any]) -> str:
        name = f"constant_{len(self.graph.initializer)}_of_matrix"
        self.graph.initializer.append(helper.make_tensor(name, kind, [len(values)], values))
        return name

    def _constant(self, name: str) -> list[int] | None:
        found = [tensor for tensor in self.graph.initializer if tensor.name == name]
        return numpy_helper.to_array(found[0]).tolist() if found else None


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
