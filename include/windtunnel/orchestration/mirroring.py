"""Waiting for endpoints in the triggerer: until SageMaker has done what it does, and until a shadow has seen enough."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from windtunnel.core.contracts import Mirrored
from windtunnel.core.settings import settings
from windtunnel.orchestration.following import UNDER_WAY

SETTLE = timedelta(hours=1)
"""SageMaker gives a container up to an hour to answer its first ping."""


class Settled(BaseOperator):
    """Waits until an endpoint is not changing any more. What it serves then is for the next stage to look at."""

    template_fields: Sequence[str] = ("endpoint",)

    def __init__(self, *, endpoint: Any, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.endpoint = endpoint

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Hand the waiting to the triggerer."""
        trigger = Settling(self.endpoint, settings().poll_seconds)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=SETTLE)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:  # noqa: ARG002 - Airflow's signature
        """Say how it ended."""
        self.log.info("%s", event["said"])


class Mirroring(BaseOperator):
    """Waits until a shadow has seen as many requests as its model asks for, or its time is over.

    Its result is the `contracts.Mirrored` with the time from when the shadow stood until it had seen enough.
    """

    template_fields: Sequence[str] = ("mirrored",)

    def __init__(self, *, mirrored: Any, requests: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.mirrored = mirrored
        self.requests = requests

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Hand the waiting to the triggerer."""
        mirrored = Mirrored.from_json(self.mirrored)
        trigger = Counting(self.mirrored, self.requests, settings().poll_seconds)
        timeout = SETTLE + (mirrored.until - mirrored.since) + timedelta(minutes=10)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The shadow's time.

        Raises:
            AirflowFailException: The shadow does not stand.
        """
        self.log.info("%s", event["said"])
        if not event["stood"]:
            raise AirflowFailException(
                f"{event['said']} The champion answers all requests. Mend the cause and clear this run from `mirror`."
            )
        mirrored = Mirrored.from_json(self.mirrored)
        since, until = (datetime.fromisoformat(event[name]) for name in ("since", "until"))
        return mirrored.model_copy(update={"since": since, "until": until}).to_json()


class Settling(BaseTrigger):
    """Looks at an endpoint until SageMaker has ended what it does to it.

    Args:
        endpoint: Its name.
        every_seconds: Between looks.
    """

    def __init__(self, endpoint: str, every_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.endpoint = endpoint
        self.every_seconds = every_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Path and arguments, so that another triggerer can take over."""
        arguments = {"endpoint": self.endpoint, "every_seconds": self.every_seconds}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait."""
        while True:
            found = await asyncio.to_thread(_describe, self.endpoint)
            if found["EndpointStatus"] not in UNDER_WAY:
                yield TriggerEvent({"said": _sentence(found)})  # type: ignore[no-untyped-call]
                return
            await asyncio.sleep(self.every_seconds)


class Counting(BaseTrigger):
    """Counts the requests that a shadow got, from the moment it stands.

    Its event has `stood`, whether the shadow was there to the end; `since` and `until`, its time; `requests`; `said`.

    Args:
        mirrored: A `contracts.Mirrored`.
        requests: Enough of them.
        every_seconds: Between looks.
    """

    def __init__(self, mirrored: dict[str, Any], requests: int, every_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.mirrored = Mirrored.from_json(mirrored)
        self.requests = requests
        self.every_seconds = every_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Path and arguments, so that another triggerer can take over."""
        given = {"requests": self.requests, "every_seconds": self.every_seconds}
        return f"{type(self).__module__}.{type(self).__qualname__}", {"mirrored": self.mirrored.to_json(), **given}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Count. When another triggerer takes over, it begins at the same moment: SageMaker keeps it."""
        endpoint = f"windtunnel-{self.mirrored.champion.model}"
        stands, told = self.mirrored.until - self.mirrored.since, -1
        while True:
            found = await asyncio.to_thread(_describe, endpoint)
            if found["EndpointStatus"] not in UNDER_WAY:
                since, now = found["LastModifiedTime"], datetime.now(UTC)
                stood = found["EndpointConfigName"] == self.mirrored.shadow_config
                requests = await asyncio.to_thread(_requests, endpoint, since, now) if stood else 0
                enough = requests >= self.requests or now >= since + stands
                said = f"{requests} of {self.requests} requests mirrored; until {since + stands:%H:%M:%S} at most."
                if requests != told:
                    self.log.info("%s", said)
                    told = requests
                if enough or not stood:
                    said = said if stood else _sentence(found)
                    moments = {"since": since.isoformat(), "until": now.isoformat()}
                    yield TriggerEvent({"stood": stood, "requests": requests, "said": said, **moments})  # type: ignore[no-untyped-call]
                    return
            await asyncio.sleep(self.every_seconds)


def _describe(endpoint: str) -> dict[str, Any]:
    found: dict[str, Any] = _client("sagemaker").describe_endpoint(EndpointName=endpoint)
    return found


def _requests(endpoint: str, since: datetime, until: datetime) -> int:
    """How many requests the shadow answered, in one way or another."""
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": "shadow"}]
    counted = _client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="Invocations",
        Dimensions=dimensions,
        StartTime=since,
        EndTime=until,
        Period=86_400,
        Statistics=["Sum"],
    )
    return int(sum(point["Sum"] for point in counted["Datapoints"]))


def _sentence(found: dict[str, Any]) -> str:
    reason = found.get("FailureReason")
    said = f"`{found['EndpointName']}` is {found['EndpointStatus']} with `{found['EndpointConfigName']}`."
    return f"{said} SageMaker says: {reason}" if reason else said


def _client(service: str) -> Any:
    # Without a connection of Airflow's: the address comes from the environment, as everywhere.
    return AwsGenericHook(aws_conn_id=None, client_type=service).get_conn()
