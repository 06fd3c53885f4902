"""CloudWatch alarms that watch the metric they name.

ministack evaluates an alarm over all metrics of its name, whatever their dimensions: an error of one endpoint would
turn back the deployment of another. Its evaluation is replaced by one over the very metric. As in ministack an alarm is
evaluated when metrics arrive, over all its periods together, and keeps its state where no point lies in them.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from typing import Any

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def narrow() -> None:
    """Replaces ministack's evaluation; called once, when ministack is mounted."""
    from ministack.services import cloudwatch

    def evaluate(alarm: dict[str, Any]) -> None:
        dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
        points = cloudwatch._metrics.get((alarm.get("Namespace"), alarm.get("MetricName"), dimensions)) or []
        since = time.time() - alarm["Period"] * alarm["EvaluationPeriods"]
        recent = [point for point in points if point["Timestamp"] >= since]
        compare = COMPARISONS.get(alarm.get("ComparisonOperator") or "")
        if not recent or compare is None:
            return
        statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
        value = cloudwatch._stat_value(cloudwatch._calc_stats(recent), statistic, recent)
        if value is None:
            return
        old, new = alarm["StateValue"], "ALARM" if compare(value, alarm["Threshold"]) else "OK"
        if old == new:
            return
        reason = f"Threshold Crossed: {statistic} {value} {alarm['ComparisonOperator']} {alarm['Threshold']}"
        alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
        cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
        cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
        cloudwatch._evaluate_parent_alarms(alarm)

    cloudwatch._evaluate_alarm = evaluate
