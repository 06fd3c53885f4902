"""Load: an artefact -> a model that has proved itself on its golden rows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import orjson

from windtunnel.core.errors import ArtefactInvalid
from windtunnel.ml import artefact
from windtunnel.ml.artefact import Artefact
from windtunnel.ml.proof import prove
from windtunnel.ml.scorer import Scorer, scorer_of
from windtunnel.serving.parse import JSON, parse
from windtunnel.serving.predict import predict
from windtunnel.serving.quick import Quick
from windtunnel.serving.refusal import Refusal

MOST_SECONDS = 2
"""Golden rows are asked one by one for so long: at 0.2 s each, all of a slow model's would keep a start waiting."""


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
            ArtefactInvalid: Its model cannot be loaded.
        """
        scorer, signature = scorer_of(artefact), artefact.signature
        matrix = scorer.matrix
        return cls(artefact, scorer, Quick(signature, matrix) if matrix and Quick.suits(signature) else None)

    @cached_property
    def background(self) -> Any:
        """The golden rows as `inputs`: spread evenly over the training window, they stand for all."""
        return self.inputs(orjson.dumps(self.artefact.golden.request()), JSON)

    def inputs(self, body: bytes, content_type: str) -> Any:
        """What the model takes of a request's body, parsed with care: a matrix `(rows, features)`, or a frame.

        Raises:
            Refusal: It is not what the signature asks for.
        """
        matrix = self.scorer.matrix
        columns = parse(body, content_type, self.artefact.signature, matrix.codes if matrix else None)
        return self.scorer.inputs_of(columns)


def load(folder: Path, expected: str | None = None) -> Model:
    """The model of a folder, after it scored its golden rows as requests and gave the recorded predictions.

    They are asked all at once, read with care, and one by one, read as small requests are.

    Args:
        folder: Holds the artefact's files.
        expected: The digest the artefact must have.

    Raises:
        ArtefactInvalid: It is incomplete, altered, another than expected, or answers otherwise than it did when made.
    """
    model = Model.of(artefact.read(folder, expected))
    golden = model.artefact.golden
    try:
        prove(predict(model.scorer, model.background), golden)
        until = time.monotonic() + MOST_SECONDS
        for row, values in enumerate(golden.rows):
            prove(predict(model.scorer, _one(model, values)), golden, row)
            if time.monotonic() > until:
                break
    except Refusal as refusal:
        raise ArtefactInvalid(
            f"`golden.json` holds a row that the model refuses: {refusal.message} Train again."
        ) from refusal
    except ArtefactInvalid:
        raise
    except Exception as error:  # onnxruntime's errors share no base but this
        raise ArtefactInvalid(f"The model fails on its golden rows: {str(error)[:500]}. Train again.") from error
    return model


def _one(model: Model, values: tuple[Any, ...]) -> Any:
    body = orjson.dumps({"columns": model.artefact.golden.columns, "rows": [values]})
    inputs = model.quick.read(body) if model.quick is not None else None
    return model.inputs(body, JSON) if inputs is None else inputs
