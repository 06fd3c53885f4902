"""Evaluation: a candidate and its baselines on rows it has not seen. The program `evaluate` of the model image."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
import skops.io
from pydantic import BaseModel, ConfigDict, ValidationError
from skops.io.exceptions import UntrustedTypesFoundException

from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Quality
from windtunnel.core.errors import ArtefactInvalid, ModelRejected, SettingInvalid, WindowInvalid
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.ml import artefact, baselines, rows
from windtunnel.ml.archive import MEGABYTE, unpack
from windtunnel.ml.artefact import Artefact
from windtunnel.ml.container import Container
from windtunnel.ml.metrics import by_group, quality
from windtunnel.ml.scorer import Scorer
from windtunnel.ml.training import ESTIMATOR, SUMMARY, Training, columns

REPORT = "evaluation.json"
HOLDOUT = "holdout.parquet"

TRUSTED = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor", "windtunnel.ml.offset.OffsetRegressor")
"""What a fitted estimator may hold beside the types skops trusts by itself. Loading one runs code of these only."""

ESTIMATOR_SIZES = {ESTIMATOR: 4096 * MEGABYTE, SUMMARY: MEGABYTE}


class Rows(BaseModel):
    """The rows of a window."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: Window
    rows: int


class Parity(BaseModel):
    """How far the served ONNX model is from the trained scikit-learn one, over the whole holdout."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    largest_difference: float
    tolerance: float


class EvaluationReport(BaseModel):
    """What an evaluation found. Written to `evaluation.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    artefact_sha256: str
    unit: str
    "Of `rmse` and `mae`; `mse` is in its square, `r2` has none."
    train: Rows
    holdout: Rows
    metrics: dict[str, float]
    "mse, rmse, mae, r2 of the model; the same with the prefixes `seasonal_naive_` and `linear_`."
    slices: dict[str, dict[str, Quality]]
    "Column -> value -> errors, largest slice first."
    parity: Parity
    faults: list[str]
    "Why the candidate is rejected; empty when it is not."


@dataclass(frozen=True)
class Candidate:
    """What a training made: the artefact that would be served and the estimator it was converted from."""

    artefact: Artefact
    estimator: Any


def evaluate(container: Container, arguments: Sequence[str]) -> EvaluationReport:
    """Judge a candidate as a processing job's arguments say; write `evaluation.json` and `holdout.parquet`.

    Raises:
        SettingInvalid: An argument is missing or unknown.
        ArtefactInvalid: The archives are not what one training wrote.
        UnknownModel: There is no model of that name.
        WindowInvalid: Not a window, one without a labelled row, or a holdout that training has seen.
        ModelRejected: ONNX and scikit-learn differ, or the predictions are no numbers or all the same. The report is
            written all the same.
    """
    asked = _asked(arguments)
    spec = model_spec(asked.model)
    train = Window.parse(asked.train_start, asked.train_end)
    holdout = Window.parse(asked.holdout_start, asked.holdout_end)
    if holdout.start < train.end and train.start < holdout.end:
        raise WindowInvalid(
            f"The holdout `{holdout}` overlaps the training window `{train}`: a model is judged on days it has not "
            "seen. Start the holdout where the training ends."
        )
    print(f"evaluate `{spec.name}`, trained on `{train}`, on `{holdout}`", flush=True)

    candidate = read_candidate(container.processing("model"), container.processing("estimator"), spec, train)
    seen = rows.read_window(container.processing("train"), spec, train)
    unseen = rows.read_window(container.processing("holdout"), spec, holdout)
    found, prediction = judge(candidate, spec, (train, seen), (holdout, unseen))

    folder = container.processing("evaluation")
    folder.mkdir(parents=True, exist_ok=True)
    unseen.assign(prediction=prediction).to_parquet(folder / HOLDOUT, index=False)
    (folder / REPORT).write_text(found.model_dump_json(indent=1), encoding="utf-8")
    for name, value in found.metrics.items():
        print(f"holdout:{name}={value:.6g};")
    print(f"evaluated `{spec.name}` on {len(unseen):,} rows, parity {found.parity.largest_difference:.3g}", flush=True)
    if found.faults:
        raise ModelRejected(f"`{spec.name}` is rejected: {' '.join(found.faults)}", report=str(folder / REPORT))
    return found


def read_candidate(model: Path, estimator: Path, spec: ModelSpec, train: Window) -> Candidate:
    """The candidate of two archives, every digest checked before anything is parsed.

    Args:
        model: Folder with model.tar.gz.
        estimator: Folder with output.tar.gz of the same training.
        spec: The model it should be of.
        train: The window it should be trained on.

    Raises:
        ArtefactInvalid: They are not what one training of this model on this window wrote.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        unpack(model / "model.tar.gz", folder, artefact.SIZES)
        unpack(estimator / "output.tar.gz", folder, ESTIMATOR_SIZES)
        made = artefact.read(folder)
        try:
            training = Training.model_validate_json((folder / SUMMARY).read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            raise ArtefactInvalid(f"`{SUMMARY}` of the training: `{first['loc']}` {first['msg']}.") from error
        dumped = (folder / ESTIMATOR).read_bytes()
    trained = (training.model, training.window, training.artefact_sha256, training.estimator_sha256)
    given = (spec.name, train, made.sha256, hashlib.sha256(dumped).hexdigest())
    for what, says, is_given in zip(
        ("model", "training window", "artefact's digest", "estimator's digest"), trained, given, strict=True
    ):
        if says != is_given:
            raise ArtefactInvalid(
                f"The {what} is `{is_given}`; the training that wrote the estimator says `{says}`. "
                "Give model.tar.gz and output.tar.gz of one training job, and its window."
            )
    try:
        return Candidate(made, skops.io.loads(dumped, trusted=list(TRUSTED)))
    except UntrustedTypesFoundException as error:
        raise ArtefactInvalid(
            f"`{ESTIMATOR}` holds types that are not trusted: {error}. "
            "Build the estimator of scikit-learn's own, or add the type to `TRUSTED` after reading its code."
        ) from error


def judge(
    candidate: Candidate,
    spec: ModelSpec,
    train: tuple[Window, pd.DataFrame],
    holdout: tuple[Window, pd.DataFrame],
) -> tuple[EvaluationReport, npt.NDArray[np.float32]]:
    """Errors, slices, baselines and parity on a holdout.

    Returns:
        What was found, and the ONNX model's predictions `(rows,)` of the holdout.
    """
    (seen_window, seen), (unseen_window, unseen) = train, holdout
    known, asked = rows.features(seen, spec), rows.features(unseen, spec)
    target = unseen[spec.target].to_numpy(dtype=np.float64)
    prediction = Scorer(candidate.artefact.onnx).score(columns(asked))
    line = baselines.linear(known, seen[spec.target].to_numpy(dtype=np.float64), asked, spec)
    said = prediction.astype(np.float64)
    compared: dict[str, npt.NDArray[np.float64]] = {
        "": said,
        "seasonal_naive_": baselines.seasonal_naive(seen, unseen, spec),
        "linear_": line,
    }
    difference = float(np.abs(candidate.estimator.predict(asked) - said).max())
    parity = Parity(largest_difference=difference, tolerance=spec.evaluation.onnx_tolerance)
    found = EvaluationReport(
        model=spec.name,
        artefact_sha256=candidate.artefact.sha256,
        unit=spec.unit,
        train=Rows(window=seen_window, rows=len(seen)),
        holdout=Rows(window=unseen_window, rows=len(unseen)),
        metrics={
            f"{prefix}{name}": value
            for prefix, answers in compared.items()
            for name, value in quality(target, answers).model_dump(exclude={"rows"}, exclude_none=True).items()
        },
        slices={name: by_group(unseen[name].to_numpy(dtype=object), target, said) for name in spec.evaluation.slices},
        parity=parity,
        faults=_faults(parity, prediction),
    )
    return found, prediction


def _faults(parity: Parity, prediction: npt.NDArray[np.float32]) -> list[str]:
    faults = []
    if not np.isfinite(prediction).all():
        faults.append(f"{np.count_nonzero(~np.isfinite(prediction)):,} predictions are not finite numbers.")
    elif len(prediction) > 1 and np.ptp(prediction) == 0:
        faults.append(f"All {len(prediction):,} predictions are {prediction[0]}.")
    if not parity.largest_difference <= parity.tolerance:
        faults.append(
            f"ONNX and scikit-learn differ by up to {parity.largest_difference:.6g}; {parity.tolerance:.6g} is "
            "allowed. Look for a step that computes in float64, such as a scaler."
        )
    return faults


class _Arguments(argparse.ArgumentParser):
    """Fails by an error that reaches the job's ExitMessage, not by leaving the process."""

    def error(self, message: str) -> NoReturn:
        raise SettingInvalid(f"The job's ContainerArguments are wrong: {message}. {self.format_usage().strip()}")


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Arguments(prog="evaluate", allow_abbrev=False)
    for name in ("--model", "--train-start", "--train-end", "--holdout-start", "--holdout-end"):
        parser.add_argument(name, required=True)
    return parser.parse_args(arguments)
