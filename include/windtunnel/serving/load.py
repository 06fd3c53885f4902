"""Load: an artefact -> a model that has proved itself on its golden rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import orjson

from windtunnel.core.errors import ArtefactInvalid
from windtunnel.ml import artefact
from windtunnel.ml.artefact import Artefact
from windtunnel.ml.scorer import Scorer
from windtunnel.serving.parse import JSON, parse
from windtunnel.serving.predict import predict
from windtunnel.serving.quick import Quick


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
        scorer = Scorer(artefact.onnx)
        suits = Quick.suits(artefact.signature, scorer.codes)
        return cls(artefact, scorer, Quick(artefact.signature, scorer.codes) if suits else None)


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
    scorer = model.scorer
    wanted = {feature.name: _TYPES[feature.kind] for feature in read.signature.features}
    found = scorer.inputs
    if found.keys() != wanted.keys() or any(found[name] not in allowed for name, allowed in wanted.items()):
        raise ArtefactInvalid(f"`model.onnx` takes `{found}`, `signature.json` says `{wanted}`. Train again.")
    golden = read.golden
    scored = predict(scorer, scorer.inputs_of(parse(orjson.dumps(golden.request()), JSON, read.signature)))
    # As float32, like the answers: the recorded digits name one, and are not its value where it has no thousandths.
    difference = np.abs(scored - np.asarray(golden.predictions, dtype=np.float32))
    if difference.max() > golden.tolerance:
        row = int(difference.argmax())
        raise ArtefactInvalid(
            f"Golden row {row} scores {scored[row]} here and scored {golden.predictions[row]} when the model was made; "
            f"{golden.tolerance} is allowed. Serve it with the image it was made with."
        )
    return model


_TYPES = {
    "int64": ("tensor(float)",),
    "float64": ("tensor(float)",),
    "string": ("tensor(int64)", "tensor(string)"),  # codes; or texts, in models made before there were codes
}
