"""Vitals: what the answers look like, printed every few seconds as a line that CloudWatch Logs turns into metrics."""

from __future__ import annotations

import json
import threading
import time
from collections import deque

import numpy as np
import numpy.typing as npt

from windtunnel.core.vitals import ANSWER_SHIFT, ANSWERS, ENDPOINT, NAMESPACE, UNUSABLE_SHARE
from windtunnel.ml.artefact import Answers

LEAST_FOR_SHIFT = 30
"""Usable answers before their mean is compared: that of 30 strays by 0.2 standard deviations, that of one by a whole."""

MOST_WAITING = 4096
"""Batches kept to be counted together: 0.3 ms for all of them, 2 us for each one alone."""

LARGE_BATCH = 1024
"""Rows; a batch of so many is counted at once, so that what waits stays below 16 MB."""


class Vitals:
    """The answers of one server since its last line. Safe to use from several threads.

    Args:
        training: The model's answers to its training rows, and what is plausible.
        endpoint: Value of the metrics' dimension.
        version: Version of the model, for a reader of the log; no dimension.
    """

    def __init__(self, training: Answers, endpoint: str, version: str | None = None) -> None:
        self._training = training
        self._about = {ENDPOINT: endpoint} | ({"Version": version} if version else {})
        self._waiting: deque[npt.NDArray[np.float32]] = deque()
        self._lock = threading.Lock()
        self._answers = self._unusable = 0
        self._compared, self._sum = 0, 0.0

    def note(self, predictions: npt.NDArray[np.float32]) -> None:
        """Counts the answers `(rows,)` of one request, finite or not."""
        self._waiting.append(predictions)
        if len(self._waiting) >= MOST_WAITING or len(predictions) >= LARGE_BATCH:
            with self._lock:
                self._count()

    def line(self, timestamp_ms: int) -> str:
        """What was noted since the last line, in CloudWatch's embedded metric format; then counting begins anew.

        Without answers there are no shares, so that an alarm sees missing data and not a good figure. Answers too few
        for their mean to be compared wait for those of the next lines.
        """
        with self._lock:
            self._count()
            figures: dict[str, float] = {ANSWERS: self._answers}
            if self._answers:
                figures[UNUSABLE_SHARE] = self._unusable / self._answers
            # A model that answered all its training rows alike has no deviation to measure in.
            if self._compared >= LEAST_FOR_SHIFT and self._training.deviation:
                apart = abs(self._sum / self._compared - self._training.mean)
                figures[ANSWER_SHIFT] = apart / self._training.deviation
                self._compared, self._sum = 0, 0.0
            self._answers = self._unusable = 0
        units = {ANSWERS: "Count"}
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [[ENDPOINT]],
            "Metrics": [{"Name": name, "Unit": units.get(name, "None")} for name in figures],
        }
        metadata = {"Timestamp": timestamp_ms, "CloudWatchMetrics": [directive]}
        return json.dumps({"_aws": metadata, **self._about, **figures})

    def print_every(self, seconds: float) -> None:
        """Prints a line every so many seconds, from a thread that ends with the process."""
        threading.Thread(target=self._print, args=(seconds,), name="vitals", daemon=True).start()

    def _print(self, seconds: float) -> None:
        following = time.monotonic()
        while True:
            following += seconds
            time.sleep(max(0.0, following - time.monotonic()))
            # One write: the server's own words on the same stream must not break the line.
            print(self.line(int(time.time() * 1000)) + "\n", end="", flush=True)

    def _count(self) -> None:
        batches = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not batches:
            return
        answers = np.concatenate(batches).astype(np.float64)
        # NaN is in no range.
        usable = answers[(answers >= self._training.low) & (answers <= self._training.high)]
        self._answers += len(answers)
        self._unusable += len(answers) - len(usable)
        self._compared += len(usable)
        self._sum += float(usable.sum())
