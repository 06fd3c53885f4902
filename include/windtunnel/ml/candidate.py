"""A candidate: what one training made, the artefact and the estimator it was converted from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import skops.io
from pydantic import ValidationError
from skops.io.exceptions import UntrustedTypesFoundException

from windtunnel.core.errors import ArtefactInvalid
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.ml import artefact
from windtunnel.ml.archive import MEGABYTE, unpack
from windtunnel.ml.artefact import Artefact
from windtunnel.ml.training import ESTIMATOR, SUMMARY, Training

TRUSTED = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor", "windtunnel.ml.offset.OffsetRegressor")
"""What a fitted estimator may hold beside the types skops trusts by itself. Loading one runs code of these only."""

ESTIMATOR_SIZES = {ESTIMATOR: 4096 * MEGABYTE, SUMMARY: MEGABYTE}


@dataclass(frozen=True)
class Candidate:
    """What a training made: the artefact that would be served and the estimator it was converted from."""

    artefact: Artefact
    estimator: Any


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
