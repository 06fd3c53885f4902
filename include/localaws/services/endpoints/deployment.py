"""How traffic moves from the old fleet to the new one: in which steps, watched for how long, and what turns it back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from localaws.wire import Document, Invalid

POLL_SECONDS = 0.25
DEFAULT_TIMEOUT_SECONDS = 3600


@dataclass(frozen=True)
class Step:
    """One shift of traffic.

    Attributes:
        share: Share of the requests that the new fleet answers once the step is taken, 0 to 1.
        bake_seconds: How long alarms are watched before the next step, or before the old fleet is ended.
    """

    share: float
    bake_seconds: int

    def __str__(self) -> str:
        """What Describe says of it while it is watched, in about AWS's words."""
        waited = "TerminationWaitInSeconds" if self.share == 1.0 else "WaitIntervalInSeconds"
        return (
            f"Baking for {self.bake_seconds} seconds ({waited}) with traffic enabled on {self.share:.0%} of capacity."
        )


def steps(deployment: Document | None, capacity: int) -> tuple[Step, ...]:
    """The steps of a deployment; the last one always has all the traffic on the new fleet.

    A rolling update replaces instances in batches. Locally a variant is one process, so its batches are steps of
    traffic from the old process to the new one.

    Args:
        deployment: DeploymentConfig of the request; None means all at once, without a watch.
        capacity: Instances of the smallest variant: what INSTANCE_COUNT is measured against.
    """
    if not deployment:
        return (Step(1.0, 0),)
    if rolling := deployment.get("RollingUpdatePolicy"):
        return _equal(_share(rolling["MaximumBatchSize"], capacity), rolling["WaitIntervalInSeconds"], None)
    policy = deployment.get("BlueGreenUpdatePolicy")
    if not policy:
        return (Step(1.0, 0),)
    routing = policy["TrafficRoutingConfiguration"]
    last = policy.get("TerminationWaitInSeconds", 0)
    wait = routing["WaitIntervalInSeconds"]
    if routing["Type"] == "CANARY":
        return Step(_share(routing["CanarySize"], capacity), wait), Step(1.0, last)
    if routing["Type"] == "LINEAR":
        return _equal(_share(routing["LinearStepSize"], capacity), wait, last)
    return (Step(1.0, last),)


def timeout_seconds(deployment: Document | None) -> int:
    """MaximumExecutionTimeoutInSeconds, or an hour where none is given."""
    policy: Document = {}
    for name in ("BlueGreenUpdatePolicy", "RollingUpdatePolicy"):
        policy = policy or (deployment or {}).get(name) or {}
    return int(policy.get("MaximumExecutionTimeoutInSeconds", DEFAULT_TIMEOUT_SECONDS))


def check(deployment: Document | None, capacity: int) -> None:
    """Refuses what AWS refuses beyond the shapes: sizes that are missing, too large or too small.

    Raises:
        Invalid: the policy contradicts itself.
    """
    if not deployment:
        return
    rolling, blue_green = deployment.get("RollingUpdatePolicy"), deployment.get("BlueGreenUpdatePolicy")
    if rolling and blue_green:
        raise Invalid("DeploymentConfig holds both BlueGreenUpdatePolicy and RollingUpdatePolicy. Give one of them.")
    if rolling:
        _bounded("MaximumBatchSize", rolling["MaximumBatchSize"], capacity, 0.05, 0.5)
    if not blue_green:
        return
    routing = blue_green["TrafficRoutingConfiguration"]
    for kind, member, least in (("CANARY", "CanarySize", 0.0), ("LINEAR", "LinearStepSize", 0.1)):
        if routing["Type"] != kind:
            continue
        if member not in routing:
            raise Invalid(f"TrafficRoutingConfiguration of type {kind} needs {member}.")
        _bounded(member, routing[member], capacity, least, 0.5)


def shift(
    plan: tuple[Step, ...],
    *,
    turn: Callable[[Step], None],
    fault: Callable[[], str | None],
    deadline: float,
    clock: Callable[[], float],
    wait: Callable[[float], None],
) -> str | None:
    """Takes the steps one after the other, watching between them.

    Args:
        plan: Steps to take.
        turn: Moves the traffic for a step.
        fault: The reason to turn back, or None; asked before the first step and all along.
        deadline: Time on `clock` by which all must be done.
        clock: Seconds that only grow.
        wait: Sleeps for a number of seconds; may raise to give the deployment up as it stands.

    Returns:
        None when the new fleet has all the traffic and has passed its last watch, else the reason to roll back.
    """
    if reason := fault():
        return reason
    for step in plan:
        turn(step)
        until = clock() + step.bake_seconds
        while True:
            if reason := fault():
                return reason
            now = clock()
            if now >= until:
                break
            if now >= deadline:
                return "The deployment took longer than MaximumExecutionTimeoutInSeconds."
            wait(min(POLL_SECONDS, until - now, deadline - now))
    return None


def _equal(size: float, wait: int, last: int | None) -> tuple[Step, ...]:
    count = math.ceil(round(1 / size, 6))
    between = tuple(Step(round(size * index, 6), wait) for index in range(1, count))
    return *between, Step(1.0, wait if last is None else last)


def _share(size: Document, capacity: int) -> float:
    share = size["Value"] / 100 if size["Type"] == "CAPACITY_PERCENT" else size["Value"] / capacity
    return min(1.0, float(share))


def _bounded(member: str, size: Document, capacity: int, least: float, most: float) -> None:
    share = size["Value"] / (100 if size["Type"] == "CAPACITY_PERCENT" else capacity)
    # A batch of one instance is allowed however small the endpoint is.
    single = size["Type"] == "INSTANCE_COUNT" and size["Value"] == 1
    if share > most and not single:
        raise Invalid(
            f"{member} is {share:.0%} of the variant's capacity of {capacity}. It must not exceed {most:.0%}."
        )
    if share < least:
        raise Invalid(
            f"{member} is {share:.0%} of the variant's capacity of {capacity}. It must be at least {least:.0%}."
        )
