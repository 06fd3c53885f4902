"""Releases of versions that really serve, under traffic that checks every answer: gradual, proved, turned back when bad."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests import flown
from tests.release import released
from tests.release.traffic import steady
from windtunnel.aws import endpoint, ledger
from windtunnel.aws.clients import client
from windtunnel.core.contracts import ApprovedVersion
from windtunnel.core.errors import ReleaseRefused
from windtunnel.core.settings import settings
from windtunnel.stages.begin import begin
from windtunnel.stages.deploy import deploy
from windtunnel.stages.prove import prove

pytestmark = pytest.mark.usefixtures("release_of_its_own", "patient")
RATE = 12


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Says how long each step is watched."""

    def seconds(count: int) -> None:
        monkeypatch.setenv("WINDTUNNEL_WATCH_SECONDS", str(count))
        settings.cache_clear()

    return seconds


def turned_back(wanted: ApprovedVersion) -> str:
    """Release a version that must not get there; gives the reason on record."""
    begun = begin(wanted, owner="rollout:bad")
    released.settle(begun)
    with pytest.raises(ReleaseRefused, match="serves as before"):
        prove(begun)
    entry = ledger.history("flights", wanted.registered.version).entries[-1]
    assert entry.state == "rolled-back"
    return entry.why


def test_silence_turns_a_release_back(watched: Any) -> None:
    """The dead man's switch: Airflow is dead, and no client asks either.

    Stands first: what a bad version of another test said of itself is heard for three periods.
    """
    released.release(released.approved("good"))
    before = released.serves()
    watched(60)
    begun = begin(released.approved("newer"), owner="rollout:silent")
    released.start(begun)
    flown.wait_endpoint(endpoint.endpoint_name("flights"), "InService", seconds=100)
    assert released.serves() == before
    with pytest.raises(ReleaseRefused, match=r"No datapoints were received"):
        prove(begun)
    assert released.state(begun.registered.version) == "rolled-back"


@pytest.mark.timeout(1500)
def test_ten_rollouts_and_five_rollbacks_lose_and_falsify_nothing(watched: Any) -> None:
    watched(1)
    lives: list[tuple[str, flown.Kind]] = []
    released.release(first := released.approved("good"))
    lives.append((first.registered.version, "good"))
    rollouts, rollbacks = 0, 0
    with steady(RATE) as traffic:
        traffic.allow("good")
        while (rollouts, rollbacks) != (10, 5):
            old = lives[-1][1]
            if rollouts == 2 * (rollbacks + 1):
                traffic.allow(old, lives[-2][1])
                proof = released.roll_back()
                lives.pop()
                rollbacks += 1
            else:
                new: flown.Kind = "newer" if old == "good" else "good"
                traffic.allow(old, new)
                proof = released.release(wanted := released.approved(new))
                lives.append((wanted.registered.version, new))
                rollouts += 1
            assert proof.version == lives[-1][0]
            traffic.allow(lives[-1][1])
            champion = ledger.live("flights")
            assert champion is not None
            assert champion.version == proof.version
    assert traffic.wrong() == []
    assert len(traffic.answers) > 500
    states = [record.state for record in ledger.versions("flights")]
    assert (states.count("live"), states.count("rolled-back"), states.count("retired")) == (1, 5, 5)


@pytest.mark.parametrize(("kind", "alarm"), [("implausible", "unusable"), ("slow", "latency")])
def test_a_bad_version_is_turned_back_by_its_alarm(
    kind: flown.Kind, alarm: str, watched: Any, thresholds: Callable[..., None]
) -> None:
    released.release(released.approved("good"))
    before = released.serves()
    watched(20)
    thresholds(most_p99_ms=200 if kind == "slow" else 3_000)
    with steady(RATE) as traffic:
        traffic.allow("good", kind)
        bad = released.approved(kind)
        reason = turned_back(bad)
        traffic.allow("good")
        time.sleep(1)
    assert f"windtunnel-flights-{alarm}" in reason
    assert traffic.wrong() == []
    assert released.serves() == before
    champion = ledger.live("flights")
    assert champion is not None
    assert champion.version == "V1.1.0"
    if kind == "implausible":
        assert 0 < traffic.by(kind) < len(traffic.answers) / 4, "the canary alone answered"


def test_a_version_that_answers_otherwise_is_turned_back_by_the_golden_rows_alone(
    watched: Any, thresholds: Callable[..., None]
) -> None:
    thresholds(most_shift=0.3, most_p99_ms=3_000)
    released.release(released.approved("good"))
    before = released.serves()
    watched(30)
    assert "windtunnel-flights-shift" in turned_back(released.approved("shifted"))
    assert released.serves() == before


def test_airflow_is_dead_and_a_bad_version_goes_all_the_same(watched: Any) -> None:
    released.release(released.approved("good"))
    watched(20)
    with steady(RATE) as traffic:
        traffic.allow("good", "implausible")
        begun = begin(released.approved("implausible"), owner="rollout:dead")
        released.start(begun)
        # Nobody follows from here.
        found = flown.wait_endpoint(endpoint.endpoint_name("flights"), "InService", seconds=90)
        traffic.allow("good")
    assert "windtunnel-flights-unusable" in found["FailureReason"]
    assert traffic.wrong() == []
    assert deploy(begun) is None, "back again, Airflow does not begin it a second time"
    with pytest.raises(ReleaseRefused, match="windtunnel-flights-unusable"):
        prove(begun)
    assert released.state(begun.registered.version) == "rolled-back"


def test_a_silent_rollback_is_no_success() -> None:
    released.release(released.approved("good"))
    before = released.serves()
    released.arm("roll_back", "sagemaker:UpdateEndpoint", reason="InternalServerError: a host was lost.")
    begun = begin(released.approved("newer"), owner="rollout:silent")
    said = released.settle(begun)
    assert "a host was lost" in said[-1]
    for _ in range(2):  # cleared, it says the same
        with pytest.raises(ReleaseRefused, match=r"is not in service.*a host was lost.*`V1\.1\.0` serves as before"):
            prove(begun)
    assert released.serves() == before
    assert "a host was lost" in ledger.history("flights", begun.registered.version).entries[-1].why
    assert deploy(begun) is None
    with pytest.raises(ReleaseRefused, match="is `rolled-back`, not `approved`"):
        begin(released.approval(begun.registered), owner="rollout:again")


def test_instances_follow_the_traffic_and_a_release_keeps_what_they_came_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WINDTUNNEL_ENDPOINT_INSTANCE_COUNT")
    settings.cache_clear()
    released.release(released.approved("good"))
    resource = "endpoint/windtunnel-flights/variant/champion"
    autoscaling = client("application-autoscaling")
    (target,) = autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource])[
        "ScalableTargets"
    ]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 4)
    (policy,) = autoscaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=resource)[
        "ScalingPolicies"
    ]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 6_000
    client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName="windtunnel-flights",
        DesiredWeightsAndCapacities=[{"VariantName": "champion", "DesiredInstanceCount": 3}],
    )
    flown.wait_endpoint("windtunnel-flights", "InService")
    released.release(released.approved("newer"))
    (variant,) = flown.wait_endpoint("windtunnel-flights", "InService")["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == 3
