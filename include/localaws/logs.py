"""What programs print, sent to CloudWatch Logs in batches."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

log = logging.getLogger(__name__)
EVERY_SECONDS = 0.5
# PutLogEvents takes 10,000 events and 1 MiB at a time, 26 bytes of it per event; a line longer than this is cut.
MOST_EVENTS = 2_000
MOST_CHARACTERS = 8_000
MOST_BATCH = 200_000


class LogStream:
    """One log stream; lines are kept until the next batch."""

    def __init__(self, client: Any, group: str, stream: str) -> None:
        self._client = client
        self._group = group
        self._stream = stream
        self._lines: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        for create, names in (
            (client.create_log_group, {"logGroupName": group}),
            (client.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
        ):
            try:
                create(**names)
            except client.exceptions.ResourceAlreadyExistsException:
                continue

    def write(self, line: str) -> None:
        """Keeps one line for the next batch; CloudWatch has no empty events, so an empty line becomes a blank."""
        with self._lock:
            self._lines.append({"timestamp": int(time.time() * 1000), "message": line[:MOST_CHARACTERS] or " "})

    def flush(self) -> None:
        """Sends what is kept. A batch that cannot be sent is reported and dropped: a job does not fail for its log."""
        with self._sending:
            while batch := self._batch():
                try:
                    self._client.put_log_events(logGroupName=self._group, logStreamName=self._stream, logEvents=batch)
                except (ClientError, BotoCoreError) as error:
                    log.warning("%d lines of %s %s were not logged: %s", len(batch), self._group, self._stream, error)

    def _batch(self) -> list[dict[str, Any]]:
        with self._lock:
            size = taken = 0
            while taken < min(len(self._lines), MOST_EVENTS) and size < MOST_BATCH:
                size += len(self._lines[taken]["message"])
                taken += 1
            batch, self._lines = self._lines[:taken], self._lines[taken:]
            return batch


class Shipper:
    """Flushes all open streams every half second, in one thread."""

    def __init__(self) -> None:
        self._streams: set[LogStream] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        threading.Thread(target=self._run, name="log-shipper", daemon=True).start()

    def open(self, client: Any, group: str, stream: str) -> LogStream:
        """Makes the group and the stream if they are absent, and starts shipping."""
        opened = LogStream(client, group, stream)
        with self._lock:
            self._streams.add(opened)
        return opened

    def close(self, stream: LogStream) -> None:
        """Sends what is left of a stream and forgets it."""
        with self._lock:
            self._streams.discard(stream)
        stream.flush()

    def stop(self) -> None:
        """Ends the thread."""
        self._closing.set()

    def _run(self) -> None:
        while not self._closing.wait(EVERY_SECONDS):
            with self._lock:
                streams = list(self._streams)
            for stream in streams:
                stream.flush()
