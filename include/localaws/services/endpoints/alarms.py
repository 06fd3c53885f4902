"""The CloudWatch alarms that turn a deployment back."""

from __future__ import annotations

import time

from localaws.context import Context
from localaws.wire import Document

POLL_SECONDS = 1.0


class Alarms:
    """The alarms of one deployment, asked at most once a second."""

    def __init__(self, context: Context, deployment: Document | None) -> None:
        declared = (deployment or {}).get("AutoRollbackConfiguration", {}).get("Alarms", [])
        self._names = [alarm["AlarmName"] for alarm in declared if "AlarmName" in alarm]
        self._cloudwatch = context.cloudwatch
        self._asked_at = float("-inf")
        self._answer: str | None = None

    def fault(self) -> str | None:
        """Why the deployment must be rolled back, or None.

        An alarm that does not exist protects nothing, so it counts as a fault too.
        """
        if self._names and time.monotonic() - self._asked_at >= POLL_SECONDS:
            self._answer = self._ask()
            self._asked_at = time.monotonic()
        return self._answer

    def _ask(self) -> str | None:
        answer = self._cloudwatch.describe_alarms(
            AlarmNames=self._names, AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100
        )
        states = {
            alarm["AlarmName"]: alarm["StateValue"]
            for member in ("MetricAlarms", "CompositeAlarms")
            for alarm in answer.get(member, [])
        }
        if missing := [name for name in self._names if name not in states]:
            return f"One or more auto-rollback alarms do not exist: [{', '.join(missing)}]."
        if ringing := [name for name in self._names if states[name] == "ALARM"]:
            return f"One or more auto-rollback alarms are in ALARM state: [{', '.join(ringing)}]."
        return None
