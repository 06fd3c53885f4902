"""Explain: one row -> its prediction and what each feature adds to it. Thousands of questions to the model: never in a hurry."""

from __future__ import annotations

import numpy as np
import orjson

from windtunnel.ml.contributions import contributions
from windtunnel.serving.answer import Answer
from windtunnel.serving.format import negotiate
from windtunnel.serving.load import Model
from windtunnel.serving.parse import JSON
from windtunnel.serving.predict import Note, predict
from windtunnel.serving.refusal import Refusal


def explain(model: Model, body: bytes, content_type: str, accept: str | None, note: Note | None = None) -> Answer:
    """The answer to a request for one prediction and its contributions, against the golden rows as background.

    Args:
        model: Answers it.
        body: One row, in any form that a prediction is asked for in.
        content_type: Its Content-Type.
        accept: Its Accept, None where it has none.
        note: Called with the prediction `(1,)` before it is refused.

    Raises:
        Refusal: The request cannot be answered.
    """
    if negotiate(accept, JSON) != JSON:
        raise Refusal(406, f"Accept `{accept}` is not written here. Allowed: `{JSON}`.", found=accept, allowed=JSON)
    if model.scorer.matrix is None:
        raise Refusal(
            400, "This model takes no matrix, and is not explained. Ask /invocations for the prediction alone."
        )
    matrix = model.inputs(body, content_type)
    if len(matrix) != 1:
        allowed = "one row; ask for each by itself"
        raise Refusal(400, f"The body has {len(matrix)} rows; allowed is {allowed}.", allowed=allowed)
    predictions = predict(model.scorer, matrix, note)
    with np.errstate(invalid="ignore"):
        found = contributions(model.scorer.run, matrix[0], model.background)
    if not np.isfinite(found.values).all():
        allowed = "rows that stay within float32 when parts of others are put in their place"
        raise Refusal(
            400, f"The row has an answer and no finite contributions; allowed are {allowed}.", allowed=allowed
        )
    signature = model.artefact.signature
    explanation = {
        "unit": signature.unit,
        "base": found.base,
        "contributions": dict(
            zip((feature.name for feature in signature.features), found.values.tolist(), strict=True)
        ),
        "background_rows": len(model.background),
    }
    said = {"predictions": predictions, "explanation": explanation}
    return Answer(orjson.dumps(said, option=orjson.OPT_SERIALIZE_NUMPY), JSON, 1)
