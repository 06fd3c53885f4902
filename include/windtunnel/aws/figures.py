"""What monitoring measures as metrics of CloudWatch: the second group of `core/vitals.py`, under the model's name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from windtunnel.aws import signs
from windtunnel.aws.clients import client
from windtunnel.core import vitals

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

_AT_ONCE = 1_000
"""Metrics of one PutMetricData."""


def put(model: str, figures: Mapping[str, float]) -> None:
    """Write values of this moment. Written twice they say the same: nothing adds them up.

    Args:
        model: Name of the model.
        figures: Metric of `core/vitals.py` -> value; what is not finite has no place in CloudWatch and is left out.
    """
    data: list[MetricDatumTypeDef] = [
        {"MetricName": name, "Dimensions": signs.measured(model, name).named(), "Value": value}
        for name, value in figures.items()
        if math.isfinite(value)
    ]
    for start in range(0, len(data), _AT_ONCE):
        client("cloudwatch").put_metric_data(Namespace=vitals.NAMESPACE, MetricData=data[start : start + _AT_ONCE])
