"""Waiting beside an endpoint in the triggerer: no worker is held, and the task's log tells what happens meanwhile.

While it waits it asks the endpoint the golden rows of the version that comes. So the metrics flow when nobody else asks,
and both fleets are looked at. When Airflow is dead and no client asks either, they do not flow, the alarms ring, and
SageMaker turns back: nobody watches, so nothing new goes live.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from airflow.triggers.base import BaseTrigger, TriggerEvent

from windtunnel.core.contracts import Watch

UNDER_WAY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
TELL_EVERY_SECONDS = 30
"""Nothing new is told as often."""


class Look(NamedTuple):
    """An endpoint and its alarms at one moment."""

    status: str
    config: str
    step: str
    "SageMaker's own words about the step of a deployment."
    step_began: float | None
    "Seconds since 1970."
    alarms: dict[str, str]
    reason: str
    answered: bool
    by_the_new: bool

    def quiet(self, wanted: tuple[str, ...]) -> bool:
        """Whether all alarms exist and are OK."""
        return all(self.alarms.get(name) == "OK" for name in wanted)


class Following(BaseTrigger):
    """Asks, looks and tells until what it waits for has come.

    Its event has `come`, whether it came within the patience, and `said`, the last sentence told.

    Args:
        watch: What to wait for, a `contracts.Watch`.
        every_seconds: Between looks.
        patience_seconds: How long to wait.
    """

    def __init__(self, watch: dict[str, Any], every_seconds: float, patience_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.watch = Watch.from_json(watch)
        self.every_seconds = every_seconds
        self.patience_seconds = patience_seconds
        self._clients: dict[str, Any] = {}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Path and arguments, so that another triggerer can take over."""
        given = {"every_seconds": self.every_seconds, "patience_seconds": self.patience_seconds}
        return f"{type(self).__module__}.{type(self).__qualname__}", {"watch": self.watch.to_json(), **given}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait. A look that fails is told and repeated: AWS that does not answer ends nothing."""
        until = time.monotonic() + self.patience_seconds
        told, told_at, asked, by_the_new = "", 0.0, 0, 0
        while True:
            look = await self._looked(until)
            asked, by_the_new = asked + look.answered, by_the_new + look.by_the_new
            news = f"{look.status} {look.step} {look.alarms} {look.reason}"
            sentence = self.sentence(look, asked, by_the_new)
            if news != told or time.monotonic() - told_at >= TELL_EVERY_SECONDS:
                self.log.info("%s", sentence)
                told, told_at = news, time.monotonic()
            come = self.come(look)
            if come or time.monotonic() > until:
                yield TriggerEvent({"come": come, "said": sentence})  # type: ignore[no-untyped-call]
                return
            await asyncio.sleep(self.every_seconds)

    async def _looked(self, until: float) -> Look:
        """A look; one that AWS does not answer is told and repeated while there is patience."""
        from botocore.exceptions import BotoCoreError, ClientError

        while True:
            try:
                return await asyncio.to_thread(self._look)
            except (ClientError, BotoCoreError) as error:
                # A refusal, such as of rights, is the same at the next look.
                refused = isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500
                if refused or time.monotonic() > until:
                    raise
                self.log.warning("AWS does not answer, looking again: %s", error)
                await asyncio.sleep(self.every_seconds)

    def come(self, look: Look) -> bool:
        """Whether there is nothing more to wait for."""
        if self.watch.until == "heard":
            return look.quiet(self.watch.alarms) or look.status != "InService"
        return look.status not in UNDER_WAY

    def sentence(self, look: Look, asked: int, by_the_new: int) -> str:
        """What is going on, for a person."""
        parts = [f"{self.watch.endpoint} is {look.status} with {look.config}."]
        if self.watch.until == "heard":
            parts.append("Waiting for all alarms to be OK before traffic moves.")
        if look.step:
            parts.append(look.step)
        if look.step_began is not None:
            left = max(0.0, self.watch.step_seconds - (time.time() - look.step_began))
            parts.append(f"{left:.0f} s of this step are left.")
        parts.append(f"{by_the_new} of {asked} questions were answered as the new version does.")
        parts.append(
            "Alarms: " + ", ".join(f"{name} {look.alarms.get(name, 'MISSING')}" for name in self.watch.alarms) + "."
        )
        if look.reason:
            parts.append(f"SageMaker says: {look.reason}")
        return " ".join(parts)

    def _look(self) -> Look:
        answered, by_the_new = self._ask()
        found = self._client("sagemaker").describe_endpoint(EndpointName=self.watch.endpoint)
        listed = self._client("cloudwatch").describe_alarms(AlarmNames=list(self.watch.alarms))["MetricAlarms"]
        variants = found.get("PendingDeploymentSummary", {}).get("ProductionVariants", [])
        steps = [status for variant in variants for status in variant.get("VariantStatus", [])]
        newest = steps[-1] if steps else {}
        began = newest.get("StartTime")
        return Look(
            status=found["EndpointStatus"],
            config=found["EndpointConfigName"],
            step=f"{newest.get('Status', '')}: {newest.get('StatusMessage', '')}" if newest else "",
            step_began=began.timestamp() if began and newest.get("Status") == "Baking" else None,
            alarms={alarm["AlarmName"]: alarm["StateValue"] for alarm in listed},
            reason=found.get("FailureReason", ""),
            answered=answered,
            by_the_new=by_the_new,
        )

    def _ask(self) -> tuple[bool, bool]:
        """Whether the endpoint answered, and whether as the version that comes does."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            reply = self._client("sagemaker-runtime").invoke_endpoint(
                EndpointName=self.watch.endpoint,
                ContentType="application/json",
                Accept="application/json",
                Body=self.watch.question,
            )
        except (ClientError, BotoCoreError) as error:
            # An endpoint that is being created answers nobody yet; one that fails is what the alarms are for.
            self.log.info("%s does not answer: %s", self.watch.endpoint, error)
            return False, False
        said = json.loads(reply["Body"].read())["predictions"]
        apart = [abs(a - b) for a, b in zip(said, self.watch.answers, strict=True)]
        return True, max(apart) <= self.watch.tolerance

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            # Without a connection of Airflow's: the address comes from the environment, as everywhere.
            self._clients[service] = AwsGenericHook(aws_conn_id=None, client_type=service).get_conn()
        return self._clients[service]
