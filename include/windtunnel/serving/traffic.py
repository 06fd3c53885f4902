"""Traffic: what a server has answered since it started, counted in plain integers and told as Prometheus metrics."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper ends of the buckets of latency."""


class Traffic:
    """Counts of one process. A prometheus_client collector that costs a request 1 us: it labels when it is asked.

    Attributes:
        leaving: The server is to end: /ping says so.
        draining: It lets nobody in any more, and asks whoever has a connection to close it.
    """

    def __init__(self) -> None:
        self.leaving = self.draining = False
        self._started = time.time()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._rows: Counter[str] = Counter()
        self._buckets = [0] * (len(SECONDS) + 1)
        self._seconds = 0.0

    def note(self, path: str, status: int, rows: int, seconds: float) -> None:
        """One request for predictions was answered; called by the event loop alone."""
        self._requests[path, status] += 1
        self._rows[path] += rows
        self._buckets[bisect_left(SECONDS, seconds)] += 1
        self._seconds += seconds

    def collect(self) -> Iterator[Any]:
        """The metrics, as prometheus_client asks a collector for them."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily(
            "windtunnel_requests", "Requests for predictions.", labels=["path", "status"], created=self._started
        )
        for (path, status), count in sorted(self._requests.items()):
            requests.add_metric([path, str(status)], count)
        rows = CounterMetricFamily("windtunnel_predictions", "Rows answered.", labels=["path"])
        for path, count in sorted(self._rows.items()):
            rows.add_metric([path], count)
        bounds = [*map(str, SECONDS), "+Inf"]
        latency = HistogramMetricFamily("windtunnel_request_seconds", "From the request to its answer.")
        latency.add_metric([], list(zip(bounds, accumulate(self._buckets), strict=True)), self._seconds)
        started = GaugeMetricFamily("process_start_time_seconds", "When the process started.", value=self._started)
        yield from (requests, rows, latency, started)
