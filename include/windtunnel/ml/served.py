"""Served: the form in which a trained estimator goes into service, and the estimator that stays with what cannot be converted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from windtunnel.core.errors import ArtefactInvalid
from windtunnel.core.spec import ModelSpec
from windtunnel.ml import trusted
from windtunnel.ml.array_scorer import ArrayScorer
from windtunnel.ml.artefact import Feature, Form
from windtunnel.ml.conversion import to_onnx
from windtunnel.ml.estimator import said
from windtunnel.ml.matrix import columns
from windtunnel.ml.matrix_estimator import MatrixEstimator
from windtunnel.ml.onnx_scorer import OnnxScorer


@dataclass(frozen=True)
class Served:
    """What a training hands over."""

    form: Form
    model: bytes
    features: tuple[Feature, ...]
    "Those of texts with their codes, where the form takes a matrix."
    answers: npt.NDArray[np.float32]
    "To the training rows `(rows,)`."
    why_slow: str | None = None
    "Why it could not be converted."


def serve(estimator: Any, spec: ModelSpec, features: tuple[Feature, ...], frame: pd.DataFrame) -> Served:
    """The fastest form that answers the training rows as the estimator does, within the spec's tolerance.

    Args:
        estimator: Fitted on `frame`.
        spec: The model.
        features: Of its signature, without codes.
        frame: The training rows `(rows, features)`.

    Raises:
        ArtefactInvalid: A model on a matrix, which has no other form, is served otherwise than it was trained.
    """
    wanted = said(estimator, frame, spec.task)
    if isinstance(estimator, MatrixEstimator):
        made = _on_matrix(estimator, spec, features, frame)
        if why_not := _differs(made.answers, wanted, spec):
            raise ArtefactInvalid(f"The served model {why_not}. Correct `estimator.py`, or widen `onnx_tolerance`.")
        return made
    try:
        model, coded = to_onnx(estimator, spec.name, features, spec.task)
        answers = OnnxScorer(model, coded).score(columns(frame))
        why_not = _differs(answers, wanted, spec)
    except Exception as error:  # noqa: BLE001 - skl2onnx's errors share no base; the reason is told and kept
        why_not = f"is not to be had: {(str(error).strip() or repr(error)).splitlines()[0]}"
    if why_not is None:
        return Served("onnx", model, coded, answers)
    return Served(
        "skops", trusted.dump(estimator), features, wanted.astype(np.float32), f"The ONNX model {why_not[:500]}"
    )


def _on_matrix(
    estimator: MatrixEstimator, spec: ModelSpec, features: tuple[Feature, ...], frame: pd.DataFrame
) -> Served:
    coded = estimator.coded(features)
    form, model = estimator.model.served(spec.name, spec.features)
    scorer = ArrayScorer(model, spec.name, coded) if form == "npz" else OnnxScorer(model, coded)
    return Served(form, model, coded, scorer.score(columns(frame)))


def _differs(answers: npt.NDArray[np.float32], wanted: npt.NDArray[np.float64], spec: ModelSpec) -> str | None:
    with np.errstate(invalid="ignore"):
        apart = np.abs(answers - wanted)
    if (apart <= spec.evaluation.onnx_tolerance).all():
        return None
    count = np.count_nonzero(~(apart <= spec.evaluation.onnx_tolerance))
    return (
        f"answers {count:,} of {len(wanted):,} training rows otherwise than the estimator, by up to "
        f"{np.nanmax(apart):.3g}; {spec.evaluation.onnx_tolerance:g} is allowed"
    )
