"""Load: an artefact -> a model that has proved itself on its golden rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import orjson

from windtunnel.core.errors import ArtefactInvalid
from windtunnel.ml import artefact
from windtunnel.ml.artefact import Artefact
from windtunnel.ml.scorer import Scorer
from windtunnel.serving.parse import JSON, parse
from windtunnel.serving.predict import predict
from windtunnel.serving.quick import Quick
from windtunnel.serving.refusal import Refusal


@dataclass(frozen=True)
class Model:
    """An artefact and what runs it."""

    artefact: Artefact
    scorer: Scorer
    quick: Quick | None
    "Reads small JSON requests; None where this model's cannot be read so."

    @classmethod
    def of(cls, artefact: Artefact) -> Self:
        """What runs an artefact.

        Raises:
            ArtefactInvalid: ONNX Runtime cannot load it.
        """
        scorer, signature = Scorer.of(artefact), artefact.signature
        return cls(artefact, scorer, Quick(signature, scorer.matrix) if Quick.suits(signature) else None)

    @cached_property
    def background(self) -> npt.NDArray[np.float32]:
        """The golden rows `(rows, features)`: spread evenly over the training window, they stand for all."""
        return self.matrix(orjson.dumps(self.artefact.golden.request()), JSON)

    def matrix(self, body: bytes, content_type: str) -> npt.NDArray[np.float32]:
        """What the model takes `(rows, features)` of a request's body, parsed with care.

        Raises:
            Refusal: It is not what the signature asks for.
        """
        matrix = self.scorer.matrix
        return matrix.of(parse(body, content_type, self.artefact.signature, matrix.codes))


def load(folder: Path, expected: str | None = None) -> Model:
    """The model of a folder, after it scored its golden rows as a request and gave the recorded predictions.

    Args:
        folder: Holds the artefact's files.
        expected: The digest the artefact must have.

    Raises:
        ArtefactInvalid: It is incomplete, altered, another than expected, or answers otherwise than it did when made.
    """
    read = artefact.read(folder, expected)
    model = Model.of(read)
    golden = read.golden
    try:
        scored = predict(model.scorer, model.background)
    except Refusal as refusal:
        raise ArtefactInvalid(
            f"`golden.json` holds a row that the model refuses: {refusal.message} Train again."
        ) from refusal
    # As float32, like the answers: the recorded digits name one, and are not its value where it has no thousandths.
    difference = np.abs(scored - np.asarray(golden.predictions, dtype=np.float32))
    if difference.max() > golden.tolerance:
        row = int(difference.argmax())
        raise ArtefactInvalid(
            f"Golden row {row} scores {scored[row]} here and scored {golden.predictions[row]} when the model was made; "
            f"{golden.tolerance} is allowed. Serve it with the image it was made with."
        )
    return model
