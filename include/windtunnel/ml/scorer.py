"""Scorer: what runs an artefact. What serving and evaluation both use, so both give the same numbers."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from windtunnel.ml.artefact import Artefact
from windtunnel.ml.matrix import Columns, Matrix
from windtunnel.ml.proof import as_columns, prove


class Scorer(Protocol):
    """Runs a model of any form: one number per row, what it means is the signature's `task`."""

    @property
    def matrix(self) -> Matrix | None:
        """Makes what it takes of columns; None where that is not a matrix."""
        ...

    def score(self, columns: Columns) -> npt.NDArray[np.float32]:
        """Answers `(rows,)` to one array `(rows,)` per feature."""
        ...

    def inputs_of(self, columns: Columns) -> Any:
        """What `run` takes."""
        ...

    def run(self, inputs: Any) -> npt.NDArray[np.float32]:
        """Answers `(rows,)`."""
        ...


def scorer_of(artefact: Artefact) -> Scorer:
    """The scorer of an artefact. Each form imports what it needs, and nothing of the others.

    Raises:
        ArtefactInvalid: Its model is not one of its signature, or needs code that this image has no more.
    """
    features = artefact.signature.features
    if artefact.form == "onnx":
        from windtunnel.ml.onnx_scorer import OnnxScorer

        return OnnxScorer(artefact.model, features)
    scorer: Scorer
    if artefact.form == "npz":
        from windtunnel.ml.array_scorer import ArrayScorer

        scorer = ArrayScorer(artefact.model, artefact.signature.model, features)
    else:
        from windtunnel.ml.skops_scorer import SkopsScorer

        scorer = SkopsScorer(artefact.model, artefact.signature)
    # The code is the image's and may have changed since; ONNX brings its own.
    prove(scorer.score(as_columns(artefact)), artefact.golden)
    return scorer
