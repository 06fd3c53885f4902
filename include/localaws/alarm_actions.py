"""What an alarm does when it changes its state: it tells its SNS topics, in CloudWatch's form, and its history says so.

ministack's own message lacks what a reader of a real one relies on (the alarm's address, when it is missing data that
rang, the dimensions in SNS's spelling), and a topic that is gone is passed over in silence.
"""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.loaders

log = logging.getLogger(__name__)
MOST_SUBJECT = 100
LISTS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
Alarm = dict[str, Any]


class Actions:
    """In the place of ministack's dispatch. Lives on ministack's event loop, where its state may be touched."""

    def __init__(self) -> None:
        from ministack.services import cloudwatch, sns

        self._cloudwatch = cloudwatch
        self._sns = sns
        cloudwatch._dispatch_alarm_actions = self.act

    def act(self, alarm: Alarm, old: str, new: str, reason: str) -> None:
        """Does what the alarm declares for its new state; a change back and forth is told both times."""
        if not alarm.get("ActionsEnabled", True):
            return
        for action in alarm.get(LISTS[new]) or []:
            # Others (scaling, Lambda, Systems Manager) are kept with the alarm and not acted out.
            if action.split(":")[2:3] == ["sns"]:
                self._tell(action, alarm, old, new, reason)

    def _tell(self, topic: str, alarm: Alarm, old: str, new: str, reason: str) -> None:
        from ministack.core.responses import get_account_id, get_region, new_uuid

        region = get_region()
        error = None
        if topic.split(":")[3] != region:
            error = f"Invalid region {topic.split(':')[3]} specified. Only {region} is supported."
        elif self._sns._topic_by_arn_any_scope(topic) is None:
            error = "Resource not found"
        else:
            message = json.dumps(_message(alarm, old, new, reason, get_account_id(), region))
            subject = f'{new}: "{alarm["AlarmName"]}" in {_spoken(region)}'
            self._sns._fanout(topic, new_uuid(), message, subject[:MOST_SUBJECT])
        if error:
            log.warning("The alarm %s could not tell %s: %s", alarm["AlarmName"], topic, error)
        self._remember(alarm, topic, error)

    def _remember(self, alarm: Alarm, topic: str, error: str | None) -> None:
        did = "Successfully executed action" if error is None else "Failed to execute action"
        data = {
            "actionState": "Failed" if error else "Succeeded",
            "stateUpdateTimestamp": int(time.time() * 1000),
            "notificationResource": topic,
            "error": error,
        }
        self._cloudwatch._history_entries().append(
            {
                "AlarmName": alarm["AlarmName"],
                "AlarmType": "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm",
                "Timestamp": self._cloudwatch._ts_iso(time.time()),
                "HistoryItemType": "Action",
                "HistorySummary": f"{did} {topic}" + (f". Received error: {error}" if error else ""),
                "HistoryData": json.dumps(data),
            }
        )


def _message(alarm: Alarm, old: str, new: str, reason: str, account: str, region: str) -> dict[str, Any]:
    """What AWS sends for a change of state, member by member as it documents and shows it."""
    said = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription") or None,
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": _moment(alarm.get("AlarmConfigurationUpdatedTimestamp", time.time())),
        "NewStateValue": new,
        "NewStateReason": reason,
        "StateChangeTime": _moment(time.time()),
        "Region": _spoken(region),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": old,
        "OKActions": alarm.get("OKActions") or [],
        "AlarmActions": alarm.get("AlarmActions") or [],
        "InsufficientDataActions": alarm.get("InsufficientDataActions") or [],
    }
    if "AlarmRule" in alarm:
        return said | {"AlarmRule": alarm["AlarmRule"]}
    return said | {"Trigger": _trigger(alarm)}


def _trigger(alarm: Alarm) -> dict[str, Any]:
    percentile = alarm.get("ExtendedStatistic")
    statistic = (
        {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": percentile}
        if percentile
        else {"StatisticType": "Statistic", "Statistic": str(alarm["Statistic"]).upper()}
    )
    return {
        "MetricName": alarm["MetricName"],
        "Namespace": alarm["Namespace"],
        **statistic,
        "Unit": alarm.get("Unit"),
        "Dimensions": [{"value": each["Value"], "name": each["Name"]} for each in alarm.get("Dimensions") or []],
        "Period": alarm["Period"],
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"],
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": alarm["Threshold"],
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile") or "",
    }


def _moment(seconds: float) -> str:
    """`2026-11-21T10:00:00.000+0000`, as the message spells times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _spoken(region: str) -> str:
    """`EU (Ireland)`: CloudWatch calls a region by its name."""
    return _names().get(region, region).replace("Europe (", "EU (")


@cache
def _names() -> dict[str, str]:
    partitions = botocore.loaders.create_loader().load_data("endpoints")["partitions"]
    return {code: region["description"] for each in partitions for code, region in each["regions"].items()}
