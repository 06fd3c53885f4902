"""CloudWatch alarms, evaluated by the clock over the metric they name.

ministack evaluates an alarm when any metric arrives, over all metrics of that name whatever their dimensions, all
periods together, and knows neither M of N nor missing data: an error of one endpoint would turn back the deployment of
another, and silence would ring nothing. Its evaluation is replaced by this one, which runs every second over all
alarms. AWS looks every ten seconds where the period is shorter than a minute, else every minute; a test cannot wait.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from localaws.alarm_actions import Actions
from localaws.datapoints import COMPARISONS, FURTHER_BACK, Point, State, periods, verdict

log = logging.getLogger(__name__)
EVERY_SECONDS = 1.0
HOUR, DAY = 3_600, 86_400
UNTOUCHED = "Unchecked: Initial alarm creation"
_WORDS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
Alarm = dict[str, Any]


class Alarms:
    """All metric alarms of the process. Lives on ministack's event loop, where its state may be touched.

    Args:
        changed: Called when an alarm has changed its state, so that it is written to disk.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        from ministack.services import cloudwatch

        self._cloudwatch = cloudwatch
        self._changed = changed
        self._ours: dict[str, tuple[str, str, int]] = {}
        # A new alarm begins in INSUFFICIENT_DATA and waits for its first evaluation like every other.
        cloudwatch._evaluate_alarm = _later
        cloudwatch._put_metric_alarm = self._checked(cloudwatch._put_metric_alarm)
        Actions()

    async def watch(self) -> None:
        """Evaluates all alarms every second."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                self.evaluate(time.time())
            except Exception:
                log.exception("The alarms could not be evaluated.")

    def evaluate(self, now: float) -> None:
        """Evaluates the alarms of all accounts and regions."""
        from ministack.core.responses import set_request_account_id, set_request_region

        for (account, region, _), alarm in list(self._cloudwatch._alarms._data.items()):
            set_request_account_id(account)
            set_request_region(region)
            if (
                alarm.get("MetricName")
                and alarm.get("ComparisonOperator") in COMPARISONS
                and not self._held(alarm, now)
            ):
                self._evaluate(alarm, now)

    def _checked(self, put: Callable[..., Any]) -> Callable[..., Any]:
        """PutMetricAlarm, with the limits that ministack does not know."""

        def checked(params: Any, decoded: Any, is_cbor: bool, is_json: bool = False) -> Any:
            asked = decoded or {name: self._cloudwatch._p(params, name) for name in ("Period", "EvaluationPeriods")}
            if said := refusal(int(asked.get("Period") or 60), int(asked.get("EvaluationPeriods") or 1)):
                return self._cloudwatch._error("ValidationError", said, 400, use_json=is_json, use_cbor=is_cbor)
            return put(params, decoded, is_cbor, is_json)

        return checked

    def _held(self, alarm: Alarm, now: float) -> bool:
        """Whether SetAlarmState has set the state, and AWS would not have looked again since."""
        state = _state(alarm)
        if state[1] == UNTOUCHED or self._ours.get(alarm["AlarmArn"]) == state:
            return False
        return now < state[2] + (10 if alarm["Period"] < 60 else 60)

    def _evaluate(self, alarm: Alarm, now: float) -> None:
        evaluated, seconds = alarm["EvaluationPeriods"], alarm["Period"]
        to_alarm = alarm.get("DatapointsToAlarm") or evaluated
        values = [
            self._value(alarm, found) for found in periods(self._points(alarm), now, seconds, evaluated + FURTHER_BACK)
        ]
        breaches = [None if value is None else self._breaches(alarm, value) for value in values]
        new = verdict(breaches, evaluated, to_alarm, alarm.get("TreatMissingData") or "missing")
        if new is not None and new != alarm["StateValue"]:
            self._transit(alarm, new, values, now)

    def _points(self, alarm: Alarm) -> Sequence[Point]:
        dimensions = self._cloudwatch._dims_key(self._cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
        points = self._cloudwatch._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions)) or []
        unit = alarm.get("Unit")
        return [point for point in points if point["Unit"] == unit] if unit else points

    def _value(self, alarm: Alarm, points: list[Point]) -> float | None:
        """The alarm's statistic of a period; None without data, or where the points allow no percentile."""
        stats = self._cloudwatch._calc_stats(points)
        if not stats:
            return None
        value: float | None = self._cloudwatch._stat_value(stats, _statistic(alarm), points)
        return value

    def _breaches(self, alarm: Alarm, value: float) -> bool:
        return COMPARISONS[alarm["ComparisonOperator"]](value, alarm["Threshold"])

    def _transit(self, alarm: Alarm, new: State, values: Sequence[float | None], now: float) -> None:
        old, reason = alarm["StateValue"], _reason(alarm, values)
        alarm.update(
            StateValue=new,
            StateReason=reason,
            StateReasonData=_reason_data(alarm, values),
            StateUpdatedTimestamp=int(now),
        )
        self._ours[alarm["AlarmArn"]] = _state(alarm)
        self._cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
        self._cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
        self._cloudwatch._evaluate_parent_alarms(alarm)
        self._changed()


def refusal(seconds: int, evaluated: int) -> str | None:
    """Why CloudWatch takes no alarm over so many periods of so many seconds; None where it does."""
    if seconds not in (10, 20, 30) and seconds % 60:
        return f"Period must be 10, 20, 30 or a multiple of 60, but is {seconds}"
    most, spoken = (DAY, "a day") if seconds < HOUR else (7 * DAY, "7 days")
    if seconds * evaluated > most:
        return f"Metrics cannot be checked across more than {spoken} (EvaluationPeriods * Period must be <= {most})"
    return None


def _later(_: Alarm) -> None:
    """In the place of ministack's evaluation when a metric arrives or an alarm is put: the clock's turn will come."""


def _state(alarm: Alarm) -> tuple[str, str, int]:
    return alarm["StateValue"], alarm["StateReason"], alarm["StateUpdatedTimestamp"]


def _statistic(alarm: Alarm) -> str:
    # ministack fills in a Statistic even where only an ExtendedStatistic was given.
    return str(alarm.get("ExtendedStatistic") or alarm["Statistic"])


def _reason(alarm: Alarm, values: Sequence[float | None]) -> str:
    """Why the state changed, in about AWS's words."""
    evaluated = alarm["EvaluationPeriods"]
    real = [value for value in values if value is not None][:evaluated]
    treated = alarm.get("TreatMissingData") or "missing"
    comparison = f"{_WORDS[alarm['ComparisonOperator']]} the threshold ({alarm['Threshold']:g})"
    lacking = evaluated - len(real)
    silence = f"{lacking} missing of the last {evaluated} datapoints, treated as [{treated}]"
    if not real:
        return f"No datapoints were received for {len(values)} periods of {alarm['Period']} s: {silence}."
    breaching = sum(COMPARISONS[alarm["ComparisonOperator"]](value, alarm["Threshold"]) for value in real)
    shown = ", ".join(f"{value:g}" for value in real)
    said = f"Threshold Crossed: {breaching} of the last {len(real)} datapoints [{shown}] were {comparison}"
    return f"{said}; {silence}." if lacking else f"{said}."


def _reason_data(alarm: Alarm, values: Sequence[float | None]) -> str:
    data = {
        "version": "1.0",
        "statistic": _statistic(alarm),
        "period": alarm["Period"],
        "threshold": alarm["Threshold"],
        "recentDatapoints": [value for value in reversed(values) if value is not None],
    }
    return json.dumps(data)
