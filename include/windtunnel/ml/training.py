"""Training: rows of a window and hyper-parameters in, an artefact out. The program `train` of the model image."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict

from windtunnel.core.catalog import model_estimator, model_spec
from windtunnel.core.contracts import Quality
from windtunnel.core.errors import DataRejected, HyperparameterInvalid, quoted
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.ml import artefact, estimator, rows, trusted
from windtunnel.ml.artefact import Answers, Feature, Golden, Signature
from windtunnel.ml.container import Container
from windtunnel.ml.hyperparameters import resolve
from windtunnel.ml.metrics import metric_lines, quality
from windtunnel.ml.served import Served, serve

ESTIMATOR = "estimator.skops"
SUMMARY = "training.json"
REQUIRED = ("model", "window_start", "window_end")
"""Hyper-parameters that say what to train on; the others are the estimator's own."""

_LIBRARIES = ("numpy", "onnx", "onnxruntime", "scikit-learn", "skl2onnx", "skops")
_MORE = ("torch",)
"""An optional extra, named where a training has loaded it."""


class Training(BaseModel):
    """What was trained, on what, and how well it fits its own rows. Written to `training.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    window: Window
    hyperparameters: dict[str, int | float]
    quality: Quality
    unit: str
    artefact_sha256: str
    estimator_sha256: str
    "Digest of `estimator.skops`, which was trained together with the artefact."
    seconds: float


def train(container: Container) -> Training:
    """Train on the channel `train` as the job's hyper-parameters say; write the artefact and the fitted estimator.

    Raises:
        HyperparameterInvalid: One is missing, unknown or out of its range.
        UnknownModel: There is no model of that name.
        WindowInvalid: Not a window, or one without a labelled row.
        DataRejected: The files lack a column, a number is too large for the model, or a class has no row.
        ArtefactInvalid: What was trained cannot be served, or holds a type that is not trusted.
    """
    started = time.monotonic()
    given = _given(container.hyperparameters)
    spec = model_spec(given["model"])
    window = Window.parse(given["window_start"], given["window_end"])
    module = model_estimator(spec.name)
    own = {name: text for name, text in given.items() if name not in REQUIRED}
    chosen = resolve(module.HYPERPARAMETERS, own)
    print(f"train `{spec.name}` on `{window}` with {chosen}", flush=True)

    table = rows.read_window(container.channel("train"), spec, window)
    frame, target = rows.features(table, spec), table[spec.target].to_numpy(dtype=np.float64)
    fitted = estimator.fit(module.build(chosen), frame, target, spec.task)

    made = serve(fitted, spec, tuple(_feature(spec, frame, name) for name in spec.features), frame)
    if made.why_slow:
        print(
            f"`{spec.name}` is served by scikit-learn from `{artefact.MODELS[made.form]}`: {made.why_slow}", flush=True
        )
    golden = _golden(spec, table, made.answers)
    digest = artefact.write(container.model, made.model, _signature(spec, made), golden, made.form)

    container.output.mkdir(parents=True, exist_ok=True)
    dumped = trusted.dump(fitted)
    (container.output / ESTIMATOR).write_bytes(dumped)
    training = Training(
        model=spec.name,
        window=window,
        hyperparameters=chosen,
        quality=quality(target, made.answers),
        unit=spec.unit,
        artefact_sha256=digest,
        estimator_sha256=hashlib.sha256(dumped).hexdigest(),
        seconds=round(time.monotonic() - started, 3),
    )
    (container.output / SUMMARY).write_text(training.model_dump_json(indent=1), encoding="utf-8")
    figures = training.quality.model_dump(exclude_none=True)
    print(metric_lines({f"train:{name}": value for name, value in figures.items()}))
    print(f"trained `{spec.name}` on {len(table):,} rows; artefact `{digest}`", flush=True)
    return training


def _given(path: Path) -> dict[str, str]:
    try:
        given = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise HyperparameterInvalid(
            f"The hyper-parameters in `{path}` cannot be read: {error}. SageMaker writes them as one JSON object."
        ) from error
    if missing := set(REQUIRED) - set(given):
        raise HyperparameterInvalid(
            f"Hyper-parameter {quoted(missing)} is missing; given are {quoted(given)}. "
            f"A training needs {quoted(REQUIRED)}."
        )
    return {name: str(value) for name, value in given.items()}


def _signature(spec: ModelSpec, made: Served) -> Signature:
    low, high = spec.serving.plausible
    libraries = (*_LIBRARIES, *(name for name in _MORE if name in sys.modules))
    return Signature(
        model=spec.name,
        features=made.features,
        task=spec.task,
        target=spec.target,
        unit=spec.unit,
        answers=Answers(
            mean=float(made.answers.mean(dtype=np.float64)),
            deviation=float(made.answers.std(dtype=np.float64)),
            low=low,
            high=high,
        ),
        libraries={name: version(name) for name in libraries},
    )


def _feature(spec: ModelSpec, frame: pd.DataFrame, name: str) -> Feature:
    column = spec.column(name)
    if column.kind == "timestamp":
        raise DataRejected(f"The feature `{name}` is a timestamp. Derive a number from it in `spec.py`.")
    seen = tuple(sorted(value for value in frame[name].unique() if value)) if column.kind == "string" else None
    return Feature(name=name, kind=column.kind, nullable=column.nullable, categories=seen)


def _golden(spec: ModelSpec, table: pd.DataFrame, prediction: npt.NDArray[np.float32]) -> Golden:
    """Rows spread evenly over the window, with their predictions in float32's shortest digits."""
    count = min(spec.serving.golden_rows, len(table))
    chosen = np.linspace(0, len(table) - 1, count).astype(int)
    return Golden(
        columns=spec.features,
        rows=tuple(tuple(_plain(value) for value in row) for row in table.loc[chosen, list(spec.features)].to_numpy()),
        predictions=tuple(float(str(value)) for value in prediction[chosen]),
        tolerance=spec.evaluation.onnx_tolerance,
    )


def _plain(value: Any) -> int | float | str | None:
    if pd.isna(value):
        return None
    plain: int | float | str = value.item() if isinstance(value, np.generic) else value
    return plain
