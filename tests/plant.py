"""Artefacts of `flights` for tests that need versions which really serve. A program of the model image's environment.

python -m tests.plant <folder>

Trains on the package's own flights and plants known faults in copies: a worse model, an absurd one, a slow one. Writes
`<kind>/model.tar.gz`, `<kind>/holdout.parquet`, `kinds.json`, and `requests.parquet`: real flights of May with what each
kind says of them.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.helper as build
import pandas as pd

from windtunnel.core.spec import PackageCsv
from windtunnel.core.window import Window
from windtunnel.ml import artefact, baselines, rows, schema
from windtunnel.ml.container import Container
from windtunnel.ml.matrix import columns
from windtunnel.ml.metrics import quality
from windtunnel.ml.onnx_scorer import INPUT, OUTPUT, OnnxScorer
from windtunnel.ml.scorer import scorer_of
from windtunnel.ml.training import train
from windtunnel.models.flights.spec import SPEC

WINDOWS = {"good": Window.parse("2013-01", "2013-04"), "newer": Window.parse("2013-02", "2013-05")}
HOLDOUT = {"good": Window.month("2013-04"), "newer": Window.month("2013-05")}
REQUESTS = 2_000
SHIFT_MINUTES = 20.0
ABSURD_MINUTES = 10_000.0
"""Beyond what is plausible, and where float32 still has thousandths: the golden rows must hold."""
SLOW_SIZE = 1_400
"""Rows and columns of the matrices that a slow model multiplies: some 0.2 s on one core."""


def main(folder: Path) -> None:
    """Write everything."""
    published = _published(5)
    data = folder / "data"
    for month, frame in published.groupby("month"):
        path = data / f"scheduled_at_month=2013-{month:02d}" / "part.parquet"
        path.parent.mkdir(parents=True)
        frame.to_parquet(path, index=False)
    trained = {kind: _trained(folder / "jobs" / kind, data, window) for kind, window in WINDOWS.items()}
    made = {
        **trained,
        "shifted": _planted(trained["good"], lambda graph: _add(graph, SHIFT_MINUTES)),
        "implausible": _planted(trained["good"], lambda graph: _add(graph, ABSURD_MINUTES)),
        "slow": _planted(trained["good"], _slowed),
    }
    said = {}
    for kind, model in made.items():
        source = kind if kind in WINDOWS else "good"
        said[kind] = _write(folder / kind, model) | _judge(folder / kind, model, data, source)
    _requests(folder, made, published)
    (folder / "kinds.json").write_text(json.dumps(said, indent=1))


def _published(last_month: int) -> pd.DataFrame:
    assert isinstance(SPEC.source, PackageCsv)
    file = distribution(SPEC.source.distribution).locate_file(SPEC.source.member)
    text = pd.read_csv(str(file), dtype=str, na_values=["NA"], keep_default_na=False)
    months = [str(month) for month in range(1, last_month + 1)]
    typed = schema.typed(SPEC, text[text["month"].isin(months)], schema.Failed())
    return schema.derived(SPEC, typed, schema.Failed())


def _trained(base: Path, data: Path, window: Window) -> artefact.Artefact:
    container = Container.read({"SAGEMAKER_BASE_DIR": str(base)})
    container.channel("train").parent.mkdir(parents=True)
    container.channel("train").symlink_to(data)
    container.hyperparameters.parent.mkdir(parents=True)
    asked = {"model": SPEC.name, "window_start": str(window.start), "window_end": str(window.end), "max_iter": "60"}
    container.hyperparameters.write_text(json.dumps(asked))
    train(container)
    return artefact.read(container.model)


def _planted(source: artefact.Artefact, change: Callable[[onnx.GraphProto], None]) -> artefact.Artefact:
    """A copy with a changed graph, whole in itself: its golden rows carry its own answers."""
    model = onnx.load_from_string(source.model)
    for node in model.graph.node:
        for at, name in enumerate(node.output):
            if name == OUTPUT:
                node.output[at] = "honest"
    change(model.graph)
    changed = model.SerializeToString()
    golden = source.golden
    frame = rows.features(pd.DataFrame(list(golden.rows), columns=list(golden.columns)), SPEC)
    answers = OnnxScorer(changed, source.signature.features).score(columns(frame))
    return source.model_copy(
        update={
            "model": changed,
            "golden": golden.model_copy(update={"predictions": tuple(float(str(value)) for value in answers)}),
        }
    )


def _add(graph: onnx.GraphProto, minutes: float) -> None:
    graph.initializer.append(build.make_tensor("planted", onnx.TensorProto.FLOAT, [1], [minutes]))
    graph.node.append(build.make_node("Add", ["honest", "planted"], [OUTPUT]))


def _slowed(graph: onnx.GraphProto) -> None:
    """The same answers, after matrices were multiplied that depend on the input, so that nothing is computed ahead."""
    graph.initializer.extend(
        [
            build.make_tensor("tiny", onnx.TensorProto.FLOAT, [1], [1e-9]),
            build.make_tensor("zero", onnx.TensorProto.FLOAT, [1], [0.0]),
            build.make_tensor("square", onnx.TensorProto.INT64, [2], [SLOW_SIZE, SLOW_SIZE]),
        ]
    )
    graph.node.extend(
        [
            build.make_node("ReduceMean", [INPUT], ["mean"], keepdims=1),
            build.make_node("Mul", ["mean", "tiny"], ["small"]),
            build.make_node("Expand", ["small", "square"], ["matrix"]),
            build.make_node("MatMul", ["matrix", "matrix"], ["second"]),
            build.make_node("MatMul", ["second", "matrix"], ["third"]),
            build.make_node("ReduceMean", ["third"], ["heat"], keepdims=0),
            build.make_node("Mul", ["heat", "zero"], ["nothing"]),
            build.make_node("Add", ["honest", "nothing"], [OUTPUT]),
        ]
    )


def _write(folder: Path, model: artefact.Artefact) -> dict[str, object]:
    files = folder / "files"
    digest = artefact.write(files, model.model, model.signature, model.golden, model.form)
    with tarfile.open(folder / "model.tar.gz", "w:gz") as tar:
        for path in sorted(files.iterdir()):
            member = tarfile.TarInfo(path.name)
            member.size = path.stat().st_size
            tar.addfile(member, io.BytesIO(path.read_bytes()))
    return {"artefact_sha256": digest}


def _judge(folder: Path, model: artefact.Artefact, data: Path, source: str) -> dict[str, object]:
    """The holdout with the answers of the model and of the straight line, as an evaluation leaves it behind."""
    seen, unseen = (rows.read_window(data, SPEC, window) for window in (WINDOWS[source], HOLDOUT[source]))
    target = unseen[SPEC.target].to_numpy(dtype=np.float64)
    features = rows.features(unseen, SPEC)
    prediction = scorer_of(model).score(columns(features))
    line = baselines.linear(rows.features(seen, SPEC), seen[SPEC.target].to_numpy(dtype=np.float64), features, SPEC)
    naive = baselines.seasonal_naive(seen, unseen, SPEC)
    unseen.assign(prediction=prediction, linear_prediction=line, seasonal_naive_prediction=naive).to_parquet(
        folder / "holdout.parquet", index=False
    )
    errors: dict[str, npt.NDArray[Any]] = {"": prediction, "linear_": line, "seasonal_naive_": naive}
    metrics = {
        prefix + name: value
        for prefix, answers in errors.items()
        for name, value in quality(target, answers).model_dump(exclude={"rows"}).items()
    }
    return {
        "metrics": metrics,
        "train": WINDOWS[source].model_dump(mode="json"),
        "holdout": HOLDOUT[source].model_dump(mode="json"),
        "rows": [len(seen), len(unseen)],
    }


def _requests(folder: Path, made: dict[str, artefact.Artefact], published: pd.DataFrame) -> None:
    may = published[(published["month"] == 5) & (published[SPEC.eligible] == 1)]
    asked = may.sort_values([SPEC.event_time, SPEC.key]).head(REQUESTS).reset_index(drop=True)
    frame = rows.features(asked, SPEC)
    quick = {kind: scorer_of(model).score(columns(frame)) for kind, model in made.items() if kind != "slow"}
    said = {f"said_{kind}": answers for kind, answers in {**quick, "slow": quick["good"]}.items()}
    asked.assign(**said).to_parquet(folder / "requests.parquet", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
