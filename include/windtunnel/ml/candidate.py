"""A candidate: what one training made, the artefact and the estimator it was made of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError

from windtunnel.core.errors import ArtefactInvalid
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.ml import artefact, trusted
from windtunnel.ml.archive import MEGABYTE, unpack
from windtunnel.ml.artefact import Artefact
from windtunnel.ml.training import ESTIMATOR, SUMMARY, Training

ESTIMATOR_SIZES = {ESTIMATOR: 4096 * MEGABYTE, SUMMARY: MEGABYTE}


@dataclass(frozen=True)
class Candidate:
    """What a training made: the artefact that would be served and the estimator it was made of."""

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
        artefact.extract(model / "model.tar.gz", folder)
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
    return Candidate(made, trusted.load(dumped, ESTIMATOR))
