"""Latency: what one request costs inside the server, measured where it will serve."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import cycle, islice

import numpy as np
import orjson

from windtunnel.ml.artefact import Artefact
from windtunnel.ml.evaluation_report import Serving
from windtunnel.serving.answer import answer
from windtunnel.serving.load import Model
from windtunnel.serving.parse import JSON
from windtunnel.serving.refusal import Refusal

WARM_UP, LEAST_REQUESTS, MOST_REQUESTS, MOST_SECONDS = 20, 30, 2_000, 10
"""2,000 requests leave 20 above the 99th percentile. A model too slow for them in 10 s has shown that it is slow."""


def measure(artefact: Artefact) -> Serving:
    """Time requests of one row from bytes to bytes, as the server answers them; the golden rows ask in turn.

    The network and the HTTP server around them are the same for every model and are not in it.
    """
    model, golden = Model.of(artefact), artefact.golden
    bodies = [orjson.dumps({"columns": golden.columns, "rows": [row]}) for row in golden.rows]
    took: list[float] = []
    until = time.perf_counter() + MOST_SECONDS
    for body in islice(cycle(bodies), WARM_UP + MOST_REQUESTS):
        if len(took) >= WARM_UP + LEAST_REQUESTS and time.perf_counter() > until:
            break
        took.append(_seconds(model, body))
    milliseconds = np.asarray(took[WARM_UP:]) * 1_000
    p50, p99 = np.percentile(milliseconds, (50, 99))
    return Serving(size_bytes=len(artefact.model), requests=len(milliseconds), p50_ms=float(p50), p99_ms=float(p99))


def _seconds(model: Model, body: bytes) -> float:
    started = time.perf_counter()
    with suppress(Refusal):  # an answer that is not finite is refused, which takes its time too; `Answers` counts it
        answer(model, body, JSON, None)
    return time.perf_counter() - started
