"""Clients that ask the live endpoint at a steady rate, whatever comes back, and keep every answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests import flown
from windtunnel.aws import endpoint

ROWS = 200


class Answer(NamedTuple):
    """What became of one request, with the moments on the monotonic clock between which it was under way."""

    row: int
    sent: float
    received: float
    value: float | None
    error: str


@dataclass
class Traffic:
    """An open loop: the next request goes out on time, whether or not the ones before have come back."""

    answers: list[Answer] = field(default_factory=list)
    served: list[tuple[float, frozenset[str]]] = field(default_factory=list)
    "From a moment on, the kinds that may answer."

    def allow(self, *kinds: str) -> None:
        """From now on only these kinds may answer."""
        self.served.append((time.monotonic(), frozenset(kinds)))

    def wrong(self) -> list[Answer]:
        """The answers that are errors, or that no version gives which was in service while they were under way."""
        offline = {kind: flown.answers(kind, ROWS) for kind in {kind for _, kinds in self.served for kind in kinds}}  # type: ignore[arg-type]
        return [
            answer
            for answer in self.answers
            if answer.value is None
            or not any(abs(answer.value - offline[kind][answer.row]) < 1e-3 for kind in self._allowed(answer))
        ]

    def by(self, kind: flown.Kind) -> int:
        """How many answers only this kind gives, of all that were asked for."""
        others = {other for _, kinds in self.served for other in kinds} - {kind}
        return sum(
            answer.value is not None
            and abs(answer.value - flown.answers(kind, ROWS)[answer.row]) < 1e-3
            and all(abs(answer.value - flown.answers(other, ROWS)[answer.row]) > 1e-2 for other in others)  # type: ignore[arg-type]
            for answer in self.answers
        )

    def _allowed(self, answer: Answer) -> frozenset[str]:
        before = [kinds for at, kinds in self.served if at <= answer.sent][-1:]
        during = [kinds for at, kinds in self.served if answer.sent < at <= answer.received]
        return frozenset().union(*before, *during)


@contextmanager
def steady(per_second: float) -> Iterator[Traffic]:
    """Traffic on the live endpoint of `flights` until the block ends; all replies are waited for."""
    runtime = boto3.client(
        "sagemaker-runtime", config=Config(retries={"total_max_attempts": 1}, max_pool_connections=64, read_timeout=30)
    )
    bodies = [json.dumps({"instances": [row]}).encode() for row in flown.rows(ROWS)]
    traffic, stop = Traffic(), threading.Event()

    def ask(number: int) -> None:
        row, sent, value, error = number % ROWS, time.monotonic(), None, ""
        try:
            reply = runtime.invoke_endpoint(
                EndpointName=endpoint.endpoint_name("flights"),
                ContentType="application/json",
                InferenceId=f"asked-{number}",
                Body=bodies[row],
            )
            (value,) = json.loads(reply["Body"].read())["predictions"]
        except (ClientError, BotoCoreError) as raised:
            error = str(raised)
        traffic.answers.append(Answer(row, sent, time.monotonic(), value, error))

    def loop(pool: ThreadPoolExecutor, asked: list[Future[None]]) -> None:
        began = time.monotonic()
        while not stop.wait(max(0.0, began + len(asked) / per_second - time.monotonic())):
            asked.append(pool.submit(ask, len(asked)))

    asked: list[Future[Any]] = []
    with ThreadPoolExecutor(48) as pool:
        pacer = threading.Thread(target=loop, args=(pool, asked))
        pacer.start()
        try:
            yield traffic
        finally:
            stop.set()
            pacer.join()
    for reply in asked:
        reply.result()
    assert len(traffic.answers) == len(asked), "every request has its reply"
