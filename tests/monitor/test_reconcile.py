"""An endpoint that really serves, changed behind the ledger's back: seen, told once, and mended as the message says."""

from __future__ import annotations

from time import monotonic, sleep

import pytest

from tests import flown
from tests.monitor.subscriber import subscribe
from tests.release import released
from windtunnel.aws import channels, dashboards, endpoint, ledger
from windtunnel.aws.clients import client
from windtunnel.aws.deployment import deployment
from windtunnel.core.contracts import Reconciled
from windtunnel.stages.begin import begin
from windtunnel.stages.guard import guard
from windtunnel.stages.reconcile import reconcile

pytestmark = pytest.mark.usefixtures("release_of_its_own", "patient")
NAME = endpoint.endpoint_name("flights")
TITLE = "flights: the endpoint is not what the ledger says, V1.1.0"


def look() -> Reconciled:
    found = reconcile("flights")
    assert found is not None
    return found


def by_hand(config: str) -> None:
    """What somebody does in the console."""
    client("sagemaker").update_endpoint(EndpointName=NAME, EndpointConfigName=config)
    assert endpoint.settled(NAME)["EndpointConfigName"] == config


def blind(config: str) -> str:
    """The same config without capture."""
    found = endpoint.describe_config(config)
    assert found is not None
    client("sagemaker").create_endpoint_config(
        EndpointConfigName=f"{config}-blind", ProductionVariants=found["ProductionVariants"]
    )
    return f"{config}-blind"


def drawn() -> set[tuple[str, ...]]:
    """The metrics of the dashboard that need no monitor: what SageMaker counts and the servers print."""
    graphs = [each["properties"] for each in dashboards.body("flights", channels.topic_arn())["widgets"]]
    lines = [
        tuple(word for word in line if isinstance(word, str)) for each in graphs for line in each.get("metrics", [])
    ]
    return {line for line in lines if line[2] != "Model"}


def written() -> set[tuple[str, ...]]:
    """All metrics that CloudWatch has for the endpoint, as a dashboard names them."""
    found = client("cloudwatch").get_paginator("list_metrics").paginate()
    return {
        (
            each["Namespace"],
            each["MetricName"],
            *[word for one in each["Dimensions"] for word in (one["Name"], one["Value"])],
        )
        for page in found
        for each in page["Metrics"]
    }


def test_an_endpoint_changed_behind_the_ledgers_back_is_told_once_and_mended() -> None:
    assert reconcile("flights") is None
    live = released.release(released.approved("good"))
    heard = subscribe(channels.topic_arn())
    assert look() == Reconciled(
        model="flights", version="V1.1.0", agrees=True, sentence=f"`{NAME}` serves V1.1.0 as it was proved."
    )

    other = deployment(newer := released.approved("newer").registered)
    endpoint.prepare(other)
    by_hand(other["EndpointConfig"]["EndpointConfigName"])
    found = [look() for _ in range(2)]
    assert [each.agrees for each in found] == [False, False]
    assert newer.package_arn in found[0].sentence
    assert live.package_arn in found[0].sentence
    assert heard() == [TITLE], "one incident, one message"

    released.roll_back()
    assert look().agrees is True

    by_hand(blind(live.endpoint_config))
    assert "by the config" in look().sentence
    assert heard() == [TITLE]

    flown.clear()
    assert "is gone" in look().sentence
    assert heard() == [TITLE]
    assert ledger.live("flights").version == "V1.1.0"  # type: ignore[union-attr]


def test_nothing_is_said_of_an_endpoint_that_is_being_released_and_its_dashboard_shows_what_is_written() -> None:
    released.release(released.approved("good"))
    for row, key in zip(flown.rows(40), flown.keys(40), strict=True):
        endpoint.predict("flights", [row], inference_id=key)
    guarded = guard("flights")
    assert guarded is not None
    until = monotonic() + 15  # the servers print once a second
    while missing := drawn() - written():
        assert monotonic() < until, missing
        sleep(0.3)

    begin(released.approved("newer"), owner="rollout:1")
    heard = subscribe(channels.topic_arn())
    found = look()
    assert found.agrees is None
    assert "is being released" in found.sentence
    assert heard() == []
