"""Model folders made to do harm. Each maker spoils a copy of a good folder; what it does not ask of the graph holds for any.

All but the makers that lie about digests write digests that hold: whoever sends a model writes them too.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import onnx.helper as build
from onnx import TensorProto

from windtunnel.ml import artefact
from windtunnel.ml.onnx_scorer import OUTPUT

Spoil = Callable[[Path], None]
BAIT = "bait.bin"
"""A file beside the folder, which a model may try to read; it holds what would make that model a good one."""
ONNX = artefact.MODELS["onnx"]
SIGNATURE, GOLDEN = artefact.FILES


def relist(folder: Path) -> None:
    """Make the listing hold again."""
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (ONNX, *artefact.FILES)}
    (folder / artefact.LISTING).write_text(json.dumps(digests))


def bytes_of(name: str, content: bytes) -> Spoil:
    """Another content of a file."""

    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(content)
        if name != artefact.LISTING:
            relist(folder)

    return spoil


def listed(change: Callable[[dict[str, Any]], Any]) -> Spoil:
    """Another listing."""

    def spoil(folder: Path) -> None:
        path = folder / artefact.LISTING
        path.write_text(json.dumps(change(json.loads(path.read_text()))))

    return spoil


def told(name: str, **changes: Callable[[Any], Any]) -> Spoil:
    """Other values of a JSON file; NaN and infinity are written as Python writes them."""

    def spoil(folder: Path) -> None:
        document = json.loads((folder / name).read_text())
        for key, change in changes.items():
            document[key] = change(document[key])
        (folder / name).write_text(json.dumps(document))
        relist(folder)

    return spoil


def graph(change: Callable[[onnx.ModelProto], None]) -> Spoil:
    """Another graph."""

    def spoil(folder: Path) -> None:
        model = onnx.load_from_string((folder / ONNX).read_bytes())
        change(model)
        (folder / ONNX).write_bytes(model.SerializeToString())
        relist(folder)

    return spoil


Value = tuple[int, list[int], list[Any]]
"""Type, shape and content of a constant."""


def answering(*nodes: onnx.NodeProto, **values: Value) -> Spoil:
    """The good graph, then nodes that make `prediction` of its answer, `honest`."""

    def change(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            node.output[:] = ["honest" if name == OUTPUT else name for name in node.output]
        model.graph.initializer.extend(build.make_tensor(name, *value) for name, value in values.items())
        model.graph.node.extend(nodes)

    return graph(change)


def taking(*nodes: onnx.NodeProto, **values: Value) -> Spoil:
    """The same, where the nodes make a number `waste`, of which nothing is added to the answer."""
    zero = build.make_node("Mul", ["waste", "zero"], ["nothing"])
    given: dict[str, Value] = {**values, "zero": (TensorProto.FLOAT, [1], [0.0])}
    return answering(*nodes, zero, build.make_node("Add", ["honest", "nothing"], [OUTPUT]), **given)


def external(location: str) -> Spoil:
    """A table that lies in another file, looked up by each answer; the bait holds what leaves the answers as they are."""
    content = struct.pack("<f", -1e30) * 1000  # ONNX Runtime fails on small ones by chance

    def change(model: onnx.ModelProto) -> None:
        table = TensorProto(name="table", data_type=TensorProto.FLOAT, dims=[1000], data_location=TensorProto.EXTERNAL)
        for key, value in (("location", location), ("offset", "0"), ("length", str(len(content)))):
            table.external_data.add(key=key, value=value)
        model.graph.initializer.append(table)

    def spoil(folder: Path) -> None:
        for place in (folder.parent, folder):
            (place / BAIT).write_bytes(content)
        answering(
            build.make_node("Mul", ["honest", "zero"], ["nothing"]),
            build.make_node("Cast", ["nothing"], ["first"], to=TensorProto.INT64),
            build.make_node("Gather", ["table", "first"], ["least"]),
            build.make_node("Max", ["honest", "least"], [OUTPUT]),
            zero=(TensorProto.FLOAT, [1], [0.0]),
        )(folder)
        graph(change)(folder)

    return spoil


def absolute(folder: Path) -> None:
    """An initializer in a file with an absolute name."""
    external(str(folder.parent / BAIT))(folder)


def endless() -> onnx.NodeProto:
    """A loop whose condition stays true."""
    body = build.make_graph(
        [build.make_node("Identity", ["go"], ["on"]), build.make_node("Identity", ["carried"], ["carries"])],
        "body",
        [
            build.make_tensor_value_info("round", TensorProto.INT64, []),
            build.make_tensor_value_info("go", TensorProto.BOOL, []),
            build.make_tensor_value_info("carried", TensorProto.FLOAT, [None, 1]),
        ],
        [
            build.make_tensor_value_info("on", TensorProto.BOOL, []),
            build.make_tensor_value_info("carries", TensorProto.FLOAT, [None, 1]),
        ],
    )
    return build.make_node("Loop", ["", "yes", "honest"], [OUTPUT], body=body)


def scanning() -> onnx.NodeProto:
    """A scan that keeps every round, over more rows than fit."""
    body = build.make_graph(
        [build.make_node("Identity", ["row"], ["kept"])],
        "body",
        [build.make_tensor_value_info("row", TensorProto.FLOAT, [1])],
        [build.make_tensor_value_info("kept", TensorProto.FLOAT, [1])],
    )
    return build.make_node("Scan", ["many"], ["rows"], num_scan_inputs=1, body=body)


def nested(depth: int) -> Spoil:
    """A graph in a graph in a graph; written by hand, since libraries refuse to."""

    def field(number: int, content: bytes) -> bytes:
        size, length = len(content), b""
        while size > 127:
            length += bytes([size & 127 | 128])
            size >>= 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + content

    inner = b""
    for _ in range(depth):
        branch = field(1, b"then_branch") + field(6, inner) + b"\xa0\x01\x05"
        inner = field(1, field(4, b"If") + field(5, branch))

    def spoil(folder: Path) -> None:
        (folder / ONNX).write_bytes((folder / ONNX).read_bytes() + field(7, inner))
        relist(folder)

    return spoil


def trees(**changes: Callable[[list[int]], list[int]]) -> Spoil:
    """Trees with other nodes."""

    def change(model: onnx.ModelProto) -> None:
        (ensemble,) = (node for node in model.graph.node if node.op_type.startswith("TreeEnsemble"))
        for attribute in ensemble.attribute:
            if attribute.name in changes:
                attribute.ints[:] = changes[attribute.name](list(attribute.ints))

    return graph(change)


def claimed(model: onnx.ModelProto) -> None:
    """A tensor that is said to be larger than its bytes."""
    model.graph.initializer.add(name="claim", data_type=TensorProto.FLOAT, dims=[1 << 40], raw_data=b"0000")
    for node in model.graph.node:
        node.output[:] = ["honest" if name == OUTPUT else name for name in node.output]
    model.graph.node.append(build.make_node("Add", ["honest", "claim"], [OUTPUT]))


def texts(folder: Path) -> None:
    """A model whose answers are texts of numbers."""

    def change(model: onnx.ModelProto) -> None:
        model.graph.output[0].type.tensor_type.elem_type = TensorProto.STRING

    answering(build.make_node("Cast", ["honest"], [OUTPUT], to=TensorProto.STRING))(folder)
    graph(change)(folder)


def input_added(model: onnx.ModelProto) -> None:
    """One input more."""
    model.graph.input.append(build.make_tensor_value_info("more", TensorProto.FLOAT, [None, 1]))


def output_added(model: onnx.ModelProto) -> None:
    """One output more."""
    model.graph.output.append(build.make_tensor_value_info(model.graph.node[0].output[0], TensorProto.FLOAT, None))


def metadata(model: onnx.ModelProto) -> None:
    """Metadata that a parser of JSON drowns in."""
    for name in {"features", "categories", *(entry.key for entry in model.metadata_props)}:
        kept = [entry for entry in model.metadata_props if entry.key != name]
        del model.metadata_props[:]
        model.metadata_props.extend(kept)
        model.metadata_props.add(key=name, value="[" * 1_000_000)


def replaced(name: str, make: Callable[[Path], None]) -> Spoil:
    """Something else in the place of a file."""

    def spoil(folder: Path) -> None:
        (folder / name).rename(folder.parent / BAIT)
        make(folder / name)

    return spoil


def packed(folder: Path) -> None:
    """A zip with a program."""
    with zipfile.ZipFile(folder / ONNX, "w") as archive:
        archive.writestr("__main__.py", f"import os; os.mkdir({str(folder.parent / 'ran')!r})")
    relist(folder)


def pickled(folder: Path) -> None:
    """A pickle that makes a folder when it is loaded."""
    (folder / ONNX).write_bytes(f"cos\nmkdir\n(V{folder.parent / 'ran'}\ntR.".encode())
    relist(folder)


def sized(name: str, size: int) -> Spoil:
    """A file of zeros that takes no place on the disk."""

    def spoil(folder: Path) -> None:
        with (folder / name).open("wb") as file:
            file.truncate(size)

    return spoil


def misspelt(folder: Path) -> None:
    """A model whose answer has a name that is no UTF-8."""
    (folder / ONNX).write_bytes((folder / ONNX).read_bytes().replace(OUTPUT.encode(), b"predict\xff\xfen"))
    relist(folder)


def cut(folder: Path) -> None:
    """A model cut in the middle."""
    content = (folder / ONNX).read_bytes()
    (folder / ONNX).write_bytes(content[: len(content) // 2])
    relist(folder)


FEATURE = {"name": "a", "kind": "float64", "nullable": True, "categories": None}
YES: dict[str, Value] = {"yes": (TensorProto.BOOL, [], [True])}
ROWS: dict[str, Value] = {"shape": (TensorProto.INT64, [2], [1 << 33, 1])}

HOSTILE: dict[str, Spoil] = {
    "listing with another digest": listed(lambda digests: digests | {ONNX: "0" * 64}),
    "listing with numbers": listed(lambda digests: dict.fromkeys(digests, 1)),
    "listing with lists": listed(lambda digests: {name: [digest] for name, digest in digests.items()}),
    "listing with a path out": listed(lambda digests: digests | {"../bait.bin": "0" * 64}),
    "listing with one file less": listed(lambda digests: {ONNX: digests[ONNX]}),
    "listing that is a list": listed(list),
    "listing that is no JSON": bytes_of(artefact.LISTING, b"{'model.onnx': ''}"),
    "listing that is no UTF-8": bytes_of(artefact.LISTING, b'{"\xff": ""}'),
    "listing nested": bytes_of(artefact.LISTING, b"[" * 200_000),
    "listing of 4 GB": sized(artefact.LISTING, 4 << 30),
    "listing missing": lambda folder: (folder / artefact.LISTING).unlink(),
    "model missing": lambda folder: (folder / ONNX).unlink(),
    "model of 100 GB": sized(ONNX, 100 << 30),
    "model that is a folder": replaced(ONNX, Path.mkdir),
    "model that is a pipe": replaced(ONNX, os.mkfifo),
    "model that is a link to zeros without end": replaced(ONNX, lambda path: path.symlink_to("/dev/zero")),
    "model that is a link out": replaced(ONNX, lambda path: path.symlink_to(path.parents[1] / BAIT)),
    "signature of 100,000 features": told(
        SIGNATURE, features=lambda _: [FEATURE | {"name": f"f{n}"} for n in range(10**5)]
    ),
    "signature with one feature twice": told(SIGNATURE, features=lambda features: [*features, features[0]]),
    "signature without features": told(SIGNATURE, features=lambda _: []),
    "signature of wrong types": told(SIGNATURE, features=lambda _: {"a": 1}, target=lambda _: 7),
    "signature with bounds that are no number": told(
        SIGNATURE, answers=lambda answers: answers | {"low": math.nan, "high": math.inf}
    ),
    "signature nested": bytes_of(SIGNATURE, b'{"features":' + b"[" * 200_000),
    "signature that is no UTF-8": bytes_of(SIGNATURE, b'{"model": "\xff\xfe"}'),
    "golden rows: none": told(GOLDEN, rows=lambda _: [], predictions=lambda _: []),
    "golden rows: one prediction for all": told(GOLDEN, predictions=lambda found: found[:1]),
    "golden rows: one prediction less": told(GOLDEN, predictions=lambda found: found[:-1]),
    "golden rows: of other lengths": told(GOLDEN, rows=lambda rows: [row[:-1] for row in rows]),
    "golden rows: of other columns": told(GOLDEN, columns=lambda names: [f"{name}_" for name in names]),
    "golden rows: of texts": told(GOLDEN, rows=lambda rows: [["text"] * len(row) for row in rows]),
    "golden rows: predictions that are no number": told(GOLDEN, predictions=lambda found: [math.nan] * len(found)),
    "golden rows: any answer is right": told(
        GOLDEN, tolerance=lambda _: math.inf, predictions=lambda found: [0.0] * len(found)
    ),
    "golden rows: nothing is compared": told(
        GOLDEN, tolerance=lambda _: math.nan, predictions=lambda found: [0.0] * len(found)
    ),
    "golden rows: right within a million": told(
        GOLDEN, tolerance=lambda _: 1e6, predictions=lambda found: [0.0] * len(found)
    ),
    "golden rows: wrong below nothing": told(GOLDEN, tolerance=lambda _: -1.0),
    "model that is empty": bytes_of(ONNX, b""),
    "model that is text": bytes_of(ONNX, b"import os; os.mkdir('ran')"),
    "model that is zeros": bytes_of(ONNX, bytes(100_000)),
    "model that is a zip": packed,
    "model that is a pickle": pickled,
    "model cut": cut,
    "model with a name that is no UTF-8": misspelt,
    "model nested": nested(5_000),
    "model with an operator of another domain": answering(
        build.make_node("Run", ["honest"], [OUTPUT], domain="com.evil")
    ),
    "model with an operator of Python": answering(
        build.make_node("PyOp", ["honest"], [OUTPUT], domain="com.microsoft", module="os", compute="system")
    ),
    "model with weights in /etc/passwd": external("/etc/passwd"),
    "model with weights in an absolute file": absolute,
    "model with weights above": external(f"../{BAIT}"),
    "model with weights beside it": external(BAIT),
    "model with weights through itself": external(f"./x/../../{BAIT}"),
    "model with a loop without end": answering(endless(), **YES),
    "model with a loop of 2^62 rounds": answering(
        build.make_node("Loop", ["rounds", "yes", "honest"], [OUTPUT], body=endless().attribute[0].g),
        rounds=(TensorProto.INT64, [], [1 << 62]),
        **YES,
    ),
    "model with a scan": taking(
        build.make_node("ReduceMean", ["honest"], ["mean"], keepdims=1),
        build.make_node("Expand", ["mean", "shape"], ["many"]),
        scanning(),
        build.make_node("ReduceMean", ["rows"], ["waste"], keepdims=0),
        **ROWS,
    ),
    "model with a constant of a terabyte": taking(
        build.make_node("ConstantOfShape", ["shape"], ["many"]),
        build.make_node("ReduceMean", ["many"], ["waste"], keepdims=0),
        shape=(TensorProto.INT64, [1], [1 << 38]),
    ),
    "model with a constant of 32 GB": taking(
        build.make_node("ConstantOfShape", ["shape"], ["many"]),
        build.make_node("ReduceMean", ["many"], ["waste"], keepdims=0),
        **ROWS,
    ),
    "model that grows when it is run": taking(
        build.make_node("ReduceMean", ["honest"], ["mean"], keepdims=1),
        build.make_node("Expand", ["mean", "shape"], ["many"]),
        build.make_node("ReduceMean", ["many"], ["waste"], keepdims=0),
        **ROWS,
    ),
    "model that fails when it is run": answering(
        build.make_node("Reshape", ["honest", "shape"], [OUTPUT]), shape=(TensorProto.INT64, [2], [7, 13])
    ),
    "model that answers twice": answering(build.make_node("Concat", ["honest", "honest"], [OUTPUT], axis=1)),
    "model that answers once for all": answering(build.make_node("ReduceMean", ["honest"], [OUTPUT], keepdims=1)),
    "model that answers in texts": texts,
    "model with a tensor larger than its bytes": graph(claimed),
    "model with one input more": graph(input_added),
    "model with one output more": graph(output_added),
    "model with metadata nested": graph(metadata),
    "trees that end nowhere": trees(nodes_truenodeids=lambda nodes: [1 << 40] * len(nodes)),
    "trees below nothing": trees(nodes_truenodeids=lambda nodes: [-5] * len(nodes)),
    "trees that go round": trees(nodes_truenodeids=lambda nodes: [0] * len(nodes)),
    "trees of other lengths": trees(nodes_truenodeids=lambda nodes: nodes[:-3]),
    "trees of inputs that are not there": trees(nodes_featureids=lambda nodes: [1 << 30] * len(nodes)),
    "trees of inputs before the first": trees(nodes_featureids=lambda nodes: [-(1 << 20)] * len(nodes)),
    "trees with answers that are not there": trees(target_ids=lambda nodes: [1 << 20] * len(nodes)),
}
"""Name -> what it does to a good folder; a loader refuses each."""


def beside(folder: Path) -> None:
    """Programs that other servers run when they lie in a model's folder."""
    for name in ("inference.py", "sitecustomize.py", "onnx.py", "numpy.py", "code/inference.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"import os\nos.mkdir({str(folder.parent / 'ran')!r})\n")


HARMLESS: dict[str, Spoil] = {"as it was made": lambda _: None, "programs beside it": beside}
"""Loaded, and nothing else happens."""
