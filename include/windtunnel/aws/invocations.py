"""What CloudWatch counted of the requests to one variant of an endpoint."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from windtunnel.aws.clients import client
from windtunnel.aws.endpoint import endpoint_name
from windtunnel.ml.shadow import Service

NAMESPACE = "AWS/SageMaker"
_DAY = 86_400
_STATISTICS = {
    "invocations": ("Invocations", "Sum"),
    "refused": ("Invocation4XXErrors", "Sum"),
    "failed": ("Invocation5XXErrors", "Sum"),
    "timed": ("ModelLatency", "SampleCount"),
    "p50": ("ModelLatency", "p50"),
    "p99": ("ModelLatency", "p99"),
}


def service(model: str, variant: str, since: datetime, until: datetime) -> Service:
    """The requests to a variant of the live endpoint, their errors and their latency.

    CloudWatch begins and ends a span at the full minute. A percentile of a span that it cuts in two, as a day does, is
    the mean of its parts, weighted by their requests.

    Args:
        model: Name of the model.
        variant: `champion` or `shadow`.
        since: First moment, with its zone.
        until: Last moment, with its zone.
    """
    minutes = max(1, math.ceil((until - since).total_seconds() / 60))
    found = client("cloudwatch").get_metric_data(
        MetricDataQueries=[
            _query(name, model, variant, metric, statistic, min(60 * minutes, _DAY))
            for name, (metric, statistic) in _STATISTICS.items()
        ],
        StartTime=since,
        EndTime=until,
    )
    values = {
        each["Id"]: dict(zip(each["Timestamps"], each["Values"], strict=True)) for each in found["MetricDataResults"]
    }
    return Service(
        invocations=round(sum(values["invocations"].values())),
        refused=round(sum(values["refused"].values())),
        failed=round(sum(values["failed"].values())),
        p50_ms=_milliseconds(values["p50"], values["timed"]),
        p99_ms=_milliseconds(values["p99"], values["timed"]),
    )


def _query(name: str, model: str, variant: str, metric: str, statistic: str, seconds: int) -> Any:
    dimensions = [{"Name": "EndpointName", "Value": endpoint_name(model)}, {"Name": "VariantName", "Value": variant}]
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": dimensions},
            "Period": seconds,
            "Stat": statistic,
        },
    }


def _milliseconds(microseconds: dict[datetime, float], counts: dict[datetime, float]) -> float | None:
    requests = sum(counts[at] for at in microseconds)
    return sum(value * counts[at] for at, value in microseconds.items()) / requests / 1000 if requests else None
