"""The steps of a deployment and what turns it back, on a clock of the test's own."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.services.endpoints.deployment import Step, check, shift, steps, timeout_seconds
from localaws.wire import Document, Invalid


def blue_green(kind: str, wait: int = 60, last: int = 120, **sizes: Document) -> Document:
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": wait, **sizes},
            "TerminationWaitInSeconds": last,
        }
    }


def percent(value: int) -> Document:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def instances(value: int) -> Document:
    return {"Type": "INSTANCE_COUNT", "Value": value}


@pytest.mark.parametrize(
    ("deployment", "capacity", "plan"),
    [
        (None, 1, (Step(1.0, 0),)),
        ({"AutoRollbackConfiguration": {"Alarms": []}}, 1, (Step(1.0, 0),)),
        (blue_green("ALL_AT_ONCE"), 1, (Step(1.0, 120),)),
        (blue_green("CANARY", CanarySize=percent(10)), 1, (Step(0.1, 60), Step(1.0, 120))),
        (blue_green("CANARY", CanarySize=instances(1)), 4, (Step(0.25, 60), Step(1.0, 120))),
        (
            blue_green("LINEAR", LinearStepSize=percent(33)),
            1,
            (Step(0.33, 60), Step(0.66, 60), Step(0.99, 60), Step(1.0, 120)),
        ),
        (blue_green("LINEAR", LinearStepSize=percent(50)), 1, (Step(0.5, 60), Step(1.0, 120))),
        (
            {"RollingUpdatePolicy": {"MaximumBatchSize": instances(1), "WaitIntervalInSeconds": 5}},
            3,
            (Step(0.333333, 5), Step(0.666667, 5), Step(1.0, 5)),
        ),
    ],
    ids=["none", "alarms-only", "all-at-once", "canary", "canary-count", "linear-thirds", "linear-half", "rolling"],
)
def test_each_policy_has_its_steps(deployment: Document | None, capacity: int, plan: tuple[Step, ...]) -> None:
    assert steps(deployment, capacity) == plan


@given(value=st.integers(10, 50), wait=st.integers(0, 3600))
def test_linear_steps_rise_by_no_more_than_their_size_and_end_at_all(value: int, wait: int) -> None:
    plan = steps(blue_green("LINEAR", wait=wait, LinearStepSize=percent(value)), 1)
    shares = [0.0, *(step.share for step in plan)]
    rises = [after - before for before, after in itertools.pairwise(shares)]
    assert shares[-1] == 1.0
    assert all(0 < rise <= value / 100 + 1e-6 for rise in rises)
    assert [step.bake_seconds for step in plan[:-1]] == [wait] * (len(plan) - 1)


@pytest.mark.parametrize(
    ("deployment", "capacity", "says"),
    [
        (blue_green("CANARY"), 1, "needs CanarySize"),
        (blue_green("LINEAR"), 1, "needs LinearStepSize"),
        (blue_green("CANARY", CanarySize=percent(51)), 1, "not exceed 50%"),
        (blue_green("CANARY", CanarySize=instances(2)), 3, "not exceed 50%"),
        (blue_green("LINEAR", LinearStepSize=percent(9)), 1, "at least 10%"),
        (
            {
                **blue_green("ALL_AT_ONCE"),
                "RollingUpdatePolicy": {"MaximumBatchSize": percent(10), "WaitIntervalInSeconds": 1},
            },
            1,
            "one of them",
        ),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(deployment: Document, capacity: int, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        check(deployment, capacity)


def test_a_batch_of_one_instance_is_always_allowed() -> None:
    check(blue_green("CANARY", CanarySize=instances(1)), 1)


def test_the_timeout_is_the_policys_own() -> None:
    deployment = blue_green("ALL_AT_ONCE")
    assert timeout_seconds(deployment) == 3600
    deployment["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 600
    assert timeout_seconds(deployment) == 600


class Flight:
    """A deployment on a clock that moves only when it waits."""

    def __init__(self, fault_at: float | None = None) -> None:
        self.now = 0.0
        self.turns: list[tuple[float, float]] = []
        self.fault_at = fault_at

    def run(self, plan: tuple[Step, ...], deadline: float = 1e9) -> str | None:
        return shift(
            plan,
            turn=lambda step: self.turns.append((self.now, step.share)),
            fault=lambda: "alarm" if self.fault_at is not None and self.now >= self.fault_at else None,
            deadline=deadline,
            clock=lambda: self.now,
            wait=self._wait,
        )

    def _wait(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


CANARY = (Step(0.1, 300), Step(1.0, 600))


def test_a_quiet_canary_takes_its_steps_on_time_and_stays() -> None:
    flight = Flight()
    assert flight.run(CANARY) is None
    assert flight.turns == [(0.0, 0.1), (300.0, 1.0)]
    assert flight.now == 900


def test_an_alarm_during_the_canary_turns_back_before_the_second_step() -> None:
    flight = Flight(fault_at=299)
    assert flight.run(CANARY) == "alarm"
    assert flight.turns == [(0.0, 0.1)]
    assert flight.now == pytest.approx(299, abs=0.3)


def test_an_alarm_during_the_last_watch_still_turns_back() -> None:
    flight = Flight(fault_at=899)
    assert flight.run(CANARY) == "alarm"
    assert [share for _, share in flight.turns] == [0.1, 1.0]


def test_an_alarm_that_rang_before_keeps_the_new_fleet_without_traffic() -> None:
    flight = Flight(fault_at=0)
    assert flight.run(CANARY) == "alarm"
    assert flight.turns == []


def test_an_alarm_is_seen_even_where_nothing_bakes() -> None:
    flight = Flight()
    plan = (Step(1.0, 0),)
    asked: list[int] = []
    reason = shift(
        plan,
        turn=lambda step: flight.turns.append((0, step.share)),
        fault=lambda: asked.append(1) or ("alarm" if len(asked) == 2 else None),  # type: ignore[func-returns-value]
        deadline=1e9,
        clock=lambda: 0.0,
        wait=flight._wait,
    )
    assert reason == "alarm"


def test_a_deployment_that_lasts_too_long_turns_back() -> None:
    flight = Flight()
    assert "MaximumExecutionTimeoutInSeconds" in str(flight.run(CANARY, deadline=600))
    assert flight.now == 600
