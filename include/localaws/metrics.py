"""Metrics of a job, read from what it prints by the regular expressions of its MetricDefinitions."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

from localaws.wire import Document

# PutMetricData takes 1,000 values at a time.
_BATCH = 1_000


class Metrics:
    """Collects values line by line."""

    def __init__(self, definitions: Sequence[Document]) -> None:
        self._patterns = [(each["Name"], re.compile(each["Regex"])) for each in definitions]
        self._points: list[Document] = []

    def read(self, line: str) -> None:
        """Takes in one line; text that is no number gives no value."""
        for name, pattern in self._patterns:
            for found in pattern.finditer(line):
                try:
                    value = float(found.group(1))
                except (TypeError, ValueError):
                    continue
                self._points.append({"MetricName": name, "Value": value, "Timestamp": time.time()})

    def points(self) -> list[Document]:
        """All values so far, in the order in which they were printed."""
        return list(self._points)

    def final(self) -> list[Document]:
        """FinalMetricDataList: the last value of each metric."""
        return list({point["MetricName"]: point for point in self._points}.values())

    def publish(self, cloudwatch: Any, namespace: str, dimension: str, name: str) -> None:
        """Puts all values into CloudWatch.

        Args:
            cloudwatch: CloudWatch's client.
            namespace: Such as `/aws/sagemaker/TrainingJobs`.
            dimension: Name of the dimension, such as `TrainingJobName`.
            name: Its value.
        """
        data = [{**point, "Dimensions": [{"Name": dimension, "Value": name}]} for point in self._points]
        for start in range(0, len(data), _BATCH):
            cloudwatch.put_metric_data(Namespace=namespace, MetricData=data[start : start + _BATCH])
