"""CloudWatch metrics of invocations, gathered per variant and sent together."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import batched

from localaws.wire import Document

NAMESPACE = "AWS/SageMaker"
# PutMetricData takes 150 values in a datum and 1,000 data in a call.
MOST_VALUES = 150
MOST_DATA = 200


@dataclass(frozen=True)
class Dimensions:
    """What a metric is about."""

    endpoint: str
    variant: str
    config: str

    def sets(self) -> list[list[Document]]:
        """As AWS publishes them: per variant; and per variant and configuration, to watch a new fleet by itself."""
        per_variant = [{"Name": "EndpointName", "Value": self.endpoint}, {"Name": "VariantName", "Value": self.variant}]
        return [per_variant, [*per_variant, {"Name": "EndpointConfigName", "Value": self.config}]]


@dataclass
class _Gathered:
    """The invocations of one variant since the last batch; times in microseconds, equal ones counted together."""

    statuses: Counter[int] = field(default_factory=Counter)
    model: Counter[int] = field(default_factory=Counter)
    overhead: Counter[int] = field(default_factory=Counter)


class Metrics:
    """What happened since the last batch. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gathered: dict[Dimensions, _Gathered] = {}

    def count(self, dimensions: Dimensions, status: int, model_seconds: float, overhead_seconds: float) -> None:
        """Notes one invocation.

        Args:
            dimensions: Endpoint, variant and configuration.
            status: HTTP status that the container answered; 0 when it did not answer.
            model_seconds: Time between the request to the container and its answer.
            overhead_seconds: The rest of the time we took.
        """
        with self._lock:
            gathered = self._gathered.setdefault(dimensions, _Gathered())
            gathered.statuses[status] += 1
            gathered.model[_microseconds(model_seconds)] += 1
            gathered.overhead[_microseconds(overhead_seconds)] += 1

    def batches(self, timestamp: float) -> Iterator[list[Document]]:
        """Everything since the last call, as MetricData of one PutMetricData each; what is given out is forgotten."""
        with self._lock:
            taken, self._gathered = self._gathered, {}
        data = [
            {"MetricName": name, "Dimensions": dimensions, "Timestamp": timestamp, "Unit": unit, **values}
            for about, gathered in taken.items()
            for name, unit, values in _data(gathered)
            for dimensions in about.sets()
        ]
        for batch in batched(data, MOST_DATA):
            yield list(batch)


def _microseconds(seconds: float) -> int:
    """To two digits: CloudWatch's own percentiles are no finer, and a thousand calls become some fifty values."""
    return int(float(f"{seconds * 1e6:.1e}"))


def _data(gathered: _Gathered) -> Iterator[tuple[str, str, Document]]:
    calls = gathered.statuses.total()
    yield "Invocations", "None", {"Values": [1.0], "Counts": [float(calls)]}
    # AWS sends a 1 for each error and a 0 for each other call, so that the average is the error rate.
    for name, least in (("Invocation4XXErrors", 400), ("Invocation5XXErrors", 500)):
        errors = sum(count for status, count in gathered.statuses.items() if least <= (status or 500) < least + 100)
        yield name, "None", {"Values": [0.0, 1.0], "Counts": [float(calls - errors), float(errors)]}
    for name, times in (("ModelLatency", gathered.model), ("OverheadLatency", gathered.overhead)):
        for part in batched(sorted(times.items()), MOST_VALUES):
            yield name, "Microseconds", {"Values": [float(v) for v, _ in part], "Counts": [float(n) for _, n in part]}
