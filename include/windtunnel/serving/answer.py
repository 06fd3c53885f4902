"""Answer: a request's bytes -> the answer's bytes. What the server, its start-up and its latency measurement all run."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from windtunnel.serving.format import format, negotiate  # noqa: A004 - one of a server's four words
from windtunnel.serving.load import Model
from windtunnel.serving.parse import JSON, JSON_LINES, media_type
from windtunnel.serving.predict import Note, predict
from windtunnel.serving.refusal import Refusal

LONGEST_HEADER = 256
"""Characters; what a longer header asks for is not kept."""


class Plan(NamedTuple):
    """What two headers ask for."""

    quick: bool
    "The body may be read by `Quick`."
    writes: str
    "Media type of the answer."


class Answer(NamedTuple):
    """An answer and what it holds."""

    body: bytes
    kind: str
    rows: int


def answer(model: Model, body: bytes, content_type: str, accept: str | None, note: Note | None = None) -> Answer:
    """The answer to one request for predictions.

    Args:
        model: Answers it.
        body: The request's.
        content_type: Its Content-Type.
        accept: Its Accept, None where it has none.
        note: Called with the predictions `(rows,)` before any of them is refused.

    Raises:
        Refusal: The request cannot be answered.
    """
    plan = (_plan if len(content_type) + len(accept or "") <= LONGEST_HEADER else _plan.__wrapped__)(
        content_type, accept
    )
    inputs = model.quick.read(body) if plan.quick and model.quick is not None else None
    if inputs is None:
        inputs = model.inputs(body, content_type)
    predictions = predict(model.scorer, inputs, note)
    return Answer(format(predictions, plan.writes), plan.writes, len(predictions))


def answer_one(model: Model, body: bytes, content_type: str, accept: str | None, note: Note | None = None) -> Answer:
    """The answer to a request that is one row itself: a JSON object in, `{"prediction": ...}` out.

    Raises:
        Refusal: The request cannot be answered.
    """
    kind = media_type(content_type)[0]
    if kind != JSON:
        raise Refusal(
            415,
            f"Content-Type `{content_type}` is not read here. Allowed: `{JSON}`; /invocations reads more.",
            found=content_type,
            allowed=JSON,
        )
    if negotiate(accept, JSON) != JSON:
        raise Refusal(406, f"Accept `{accept}` is not written here. Allowed: `{JSON}`.", found=accept, allowed=JSON)
    inputs = model.quick.read_one(body) if model.quick is not None else None
    if inputs is None:
        inputs = model.inputs(b'{"instances":[' + body + b"]}", JSON)
    predictions = predict(model.scorer, inputs, note)
    if len(predictions) != 1:
        allowed = "one row; /batch takes many"
        raise Refusal(400, f"The body has {len(predictions)} rows; allowed is {allowed}.", allowed=allowed)
    return Answer(format(predictions, JSON_LINES).rstrip(), JSON, 1)


@lru_cache(256)
def _plan(content_type: str, accept: str | None) -> Plan:
    kind, parameters = media_type(content_type)
    return Plan(kind == JSON and not parameters, negotiate(accept, content_type))
