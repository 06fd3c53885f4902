"""What is written of invocations beside their answers, once a second: captures to S3, metrics to CloudWatch."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from botocore.exceptions import BotoCoreError, ClientError

from localaws.context import Engine
from localaws.services.endpoints import runner
from localaws.services.endpoints.fleet import Fleet
from localaws.services.runtime import capture
from localaws.services.runtime.metrics import NAMESPACE, Dimensions, Metrics
from localaws.wire import Document

log = logging.getLogger(__name__)
EVERY_SECONDS = 1.0
MOST_FILE_BYTES = 8 << 20
# A destination that cannot be written keeps its records for so many tries, then they are dropped with a word in the log.
MOST_TRIES = 60


@dataclass(frozen=True)
class _Place:
    region: str
    endpoint: str
    variant: str
    settings: capture.Settings


@dataclass
class _File:
    """A capture file that waits to be written; its key never changes, so that writing it twice is writing it once."""

    place: _Place
    key: str
    body: bytes
    records: int
    tries: int = 0


class Recorder:
    """The buffers of the process and the thread that empties them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._exchanges: dict[_Place, list[capture.Exchange]] = {}
        self._unwritten: deque[_File] = deque()
        self._metrics: dict[str, Metrics] = {}
        self._settings: WeakKeyDictionary[Fleet, capture.Settings | None] = WeakKeyDictionary()
        threading.Thread(target=self._run, name="recorder", daemon=True).start()

    def count(self, region: str, about: Dimensions, status: int, model_seconds: float, overhead_seconds: float) -> None:
        """Notes one invocation for the metrics."""
        metrics = self._metrics.get(region)
        if metrics is None:
            with self._lock:
                metrics = self._metrics.setdefault(region, Metrics())
        metrics.count(about, status, model_seconds, overhead_seconds)

    def captures(self, fleet: Fleet) -> capture.Settings | None:
        """The capture settings if the next exchange of a fleet is one of those captured, else None."""
        if fleet not in self._settings:
            with self._lock:
                self._settings[fleet] = capture.Settings.of(fleet.config)
        settings = self._settings[fleet]
        return settings if settings is not None and settings.sampled() else None

    def keep(
        self, region: str, endpoint: str, variant: str, settings: capture.Settings, exchange: capture.Exchange
    ) -> None:
        """Keeps one exchange for the next capture file of its variant."""
        place = _Place(region, endpoint, variant, settings)
        with self._lock:
            self._exchanges.setdefault(place, []).append(exchange)

    def flush(self) -> None:
        """Writes everything kept so far; when it returns, the captures of all earlier answers are in S3."""
        with self._flushing:
            with self._lock:
                exchanges, self._exchanges = self._exchanges, {}
            for place, kept in exchanges.items():
                self._unwritten.extend(_files(place, kept))
            for _ in range(len(self._unwritten)):
                self._write(self._unwritten.popleft())
            now = time.time()
            for region, metrics in list(self._metrics.items()):
                for batch in metrics.batches(now):
                    self._send(region, batch)

    def _run(self) -> None:
        while not self._engine.closing.wait(EVERY_SECONDS):
            self.flush()

    def _write(self, file: _File) -> None:
        client = self._engine.client("s3", file.place.region)
        try:
            client.put_object(
                Bucket=file.place.settings.bucket, Key=file.key, Body=file.body, ContentType="application/jsonlines"
            )
        except (ClientError, BotoCoreError) as error:
            file.tries += 1
            if file.tries < MOST_TRIES:
                self._unwritten.append(file)
            log.warning(
                "%d captured records of %s/%s could not be written to s3://%s/%s (try %d of %d): %s",
                file.records, file.place.endpoint, file.place.variant, file.place.settings.bucket, file.key,
                file.tries, MOST_TRIES, error,
            )  # fmt: skip

    def _send(self, region: str, batch: list[Document]) -> None:
        try:
            self._engine.client("cloudwatch", region).put_metric_data(Namespace=NAMESPACE, MetricData=batch)
        except (ClientError, BotoCoreError) as error:
            log.warning("%d metrics of endpoints were not sent: %s", len(batch), error)


def recorder(engine: Engine) -> Recorder:
    """The recorder of a process."""
    return engine.own(Recorder)


def recover(engine: Engine) -> None:
    """Before the first request: from now on no endpoint goes before its captures are written."""
    runner.of(engine).last_words.append(lambda *_: recorder(engine).flush())


def close(engine: Engine) -> None:
    """At an orderly stop: everything kept is written."""
    recorder(engine).flush()


def _files(place: _Place, exchanges: list[capture.Exchange]) -> list[_File]:
    """The exchanges as files: one an hour, since the hour is in the key, and none much larger than the limit."""
    files: list[_File] = []
    lines: list[bytes] = []
    size = 0
    for index, exchange in enumerate(exchanges):
        lines.append(capture.record(place.settings, exchange).encode() + b"\n")
        size += len(lines[-1])
        following = exchanges[index + 1] if index + 1 < len(exchanges) else None
        if following is None or size >= MOST_FILE_BYTES or _hour(following) != _hour(exchange):
            first = exchanges[index + 1 - len(lines)]
            key = capture.key(place.settings, place.endpoint, place.variant, first.at)
            files.append(_File(place, key, b"".join(lines), len(lines)))
            lines, size = [], 0
    return files


def _hour(exchange: capture.Exchange) -> tuple[int, ...]:
    return exchange.at.timetuple()[:4]
