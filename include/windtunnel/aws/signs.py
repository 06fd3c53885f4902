"""Where a model's signs of life stand in CloudWatch: which metric of which namespace under which dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from windtunnel.aws.endpoint import VARIANT, endpoint_name
from windtunnel.core import vitals

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import DimensionTypeDef

SAGEMAKER = "AWS/SageMaker"


class Sign(NamedTuple):
    """One metric."""

    namespace: str
    metric: str
    dimensions: dict[str, str]

    def named(self) -> list[DimensionTypeDef]:
        """Its dimensions, as CloudWatch's operations take them."""
        return [{"Name": name, "Value": value} for name, value in self.dimensions.items()]

    def watched(self) -> dict[str, Any]:
        """As PutMetricAlarm names it."""
        return {"Namespace": self.namespace, "MetricName": self.metric, "Dimensions": self.named()}

    def drawn(self, **how: Any) -> list[Any]:
        """As a line of a dashboard's graph; `how` are its options, such as `stat` and `label`."""
        named = [word for dimension in self.dimensions.items() for word in dimension]
        return [self.namespace, self.metric, *named, how]


def served(model: str, metric: str, **more: str) -> Sign:
    """What SageMaker counts for the live endpoint, such as `Invocations`; `more` are further dimensions."""
    return Sign(SAGEMAKER, metric, {"EndpointName": endpoint_name(model), "VariantName": VARIANT, **more})


def printed(model: str, metric: str) -> Sign:
    """What the model servers of the live endpoint print: the first group of `core/vitals.py`."""
    return Sign(vitals.NAMESPACE, metric, {vitals.ENDPOINT: endpoint_name(model)})


def measured(model: str, metric: str) -> Sign:
    """What `monitor` writes: the second group of `core/vitals.py`."""
    return Sign(vitals.NAMESPACE, metric, {vitals.MODEL: model})
