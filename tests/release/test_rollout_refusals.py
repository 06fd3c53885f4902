"""What a release refuses before anything is touched, and what a second copy of its tasks cannot do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests import flown
from tests.release import released
from windtunnel.aws import alarms, endpoint, ledger, objects, registry
from windtunnel.aws.clients import client
from windtunnel.aws.deployment import deployment
from windtunnel.core.contracts import Release
from windtunnel.core.errors import ArtefactInvalid, FenceLost, LeaseHeld, ReleaseRefused
from windtunnel.stages.begin import begin
from windtunnel.stages.deploy import deploy
from windtunnel.stages.prove import prove

pytestmark = pytest.mark.usefixtures("release_of_its_own", "patient")
RUN = "rollout:asset-triggered-1"


@pytest.fixture
def calls() -> Iterator[Counter[str]]:
    """How often each operation of SageMaker took effect through the stages' own client."""
    counted: Counter[str] = Counter()

    def count(http_response: Any, model: Any, **_: Any) -> None:
        counted[model.name] += http_response.status_code < 300

    events = client("sagemaker").meta.events
    events.register("after-call.sagemaker", count)
    yield counted
    events.unregister("after-call.sagemaker", count)


def untouched(calls: Counter[str]) -> bool:
    changed = {name for name in calls if name.startswith(("Create", "Update", "Delete")) and "Endpoint" in name}
    lease = ledger.take("flights", "anybody", seconds=1)  # raises where the refused one kept it
    ledger.give_back(lease)
    return not changed


@pytest.mark.parametrize("part", ["page", "document"])
def test_other_bytes_than_the_approved_ones_are_refused(part: str, calls: Counter[str]) -> None:
    wanted = released.approved("good")
    objects.put(getattr(wanted.dossier, part), b"<h1>Better than it is</h1>", content_type="text/html")
    with pytest.raises(ReleaseRefused, match="find out who changed them"):
        begin(wanted, RUN)
    assert released.state("V1.1.0") == "approved"
    assert untouched(calls)


def test_an_approval_that_was_taken_back_is_refused(calls: Counter[str]) -> None:
    wanted = released.approved("good")
    registry.decide(wanted.registered.package_arn, approved=False, sentence="On second thoughts.")
    with pytest.raises(ReleaseRefused, match="is not Approved in the Model Registry"):
        begin(wanted, RUN)
    assert untouched(calls)


def test_a_version_that_nobody_approved_is_refused(calls: Counter[str]) -> None:
    wanted = released.approval(flown.registered("good"))
    registry.decide(wanted.registered.package_arn, approved=True, sentence="By another door.")
    with pytest.raises(ReleaseRefused, match="is `registered`, not `approved`"):
        begin(wanted, RUN)
    assert untouched(calls)


def test_evidence_against_another_champion_is_refused(calls: Counter[str]) -> None:
    released.record_live(released.approved("good"))
    judged, newest = released.approved("newer"), released.approved("good")
    late = judged.model_copy(
        update={"dossier": judged.dossier.model_copy(update={"champion": "V1.0.7"})}
    )  # judged while V1.0.7 was in service
    with pytest.raises(ReleaseRefused, match=r"was judged against `V1\.0\.7`, and `V1\.1\.0` is in service"):
        begin(late, RUN)
    released.record_live(newest)
    with pytest.raises(ReleaseRefused, match=r"`V1\.1\.2` is in service of `flights`, which is newer than `V1\.1\.1`"):
        begin(judged, RUN)
    assert untouched(calls)


def test_another_release_under_way_is_waited_for(calls: Counter[str]) -> None:
    wanted = released.approved("good")
    lease = ledger.take("flights", "shadow:scheduled-1", seconds=60)
    with pytest.raises(LeaseHeld, match="`shadow:scheduled-1` is changing"):
        begin(wanted, RUN)
    ledger.give_back(lease)
    assert begin(wanted, RUN).epoch == 2
    assert not {name for name in calls if name.endswith("Endpoint") and not name.startswith("Describe")}


def test_an_endpoint_that_someone_changed_by_hand_is_refused() -> None:
    first = released.approved("good")
    released.release(first)
    config = released.serves()
    other = {"EndpointConfigName": "by-hand", "ProductionVariants": config["ProductionVariants"]}
    client("sagemaker").create_endpoint_config(**other)
    wanted = released.approved("newer")
    client("sagemaker").update_endpoint(EndpointName="windtunnel-flights", EndpointConfigName="by-hand")
    with pytest.raises(LeaseHeld, match="SageMaker changes one thing at a time"):
        begin(wanted, RUN)
    flown.wait_endpoint("windtunnel-flights", "InService")
    with pytest.raises(ReleaseRefused, match=r"has the config `by-hand`; the ledger says `V1\.1\.0`"):
        begin(wanted, RUN)
    assert released.roll_back().version == "V1.1.0", "one action brings back what the ledger says"
    assert released.serves() == config
    assert released.state("V1.1.0") == "live"


def test_a_run_that_is_repeated_is_one_release_and_its_first_copy_can_do_no_more(calls: Counter[str]) -> None:
    wanted = released.approved("good")
    first, again = begin(wanted, RUN), begin(wanted, RUN)
    assert again == first.model_copy(update={"epoch": first.epoch + 1})
    for task in (deploy, prove):
        with pytest.raises(FenceLost, match="holds epoch"):
            task(first)
    assert calls["CreateEndpoint"] == 0
    released.settle(again)
    assert prove(again).version == "V1.1.0"
    releasing = [e for e in ledger.history("flights", "V1.1.0").entries if e.state == "releasing"]
    assert len(releasing) == 1


def test_two_copies_of_every_task_have_one_effect(calls: Counter[str]) -> None:
    released.release(released.approved("good"))
    wanted = released.approved("newer")
    begun = max(twice(begin, wanted, RUN), key=lambda release: release.epoch)
    while watches := twice(deploy, begun):
        twice(released.follow, watches[0])
    assert [proof.version for proof in twice(prove, begun)][:1] == [wanted.registered.version]
    assert calls["UpdateEndpoint"] == 1
    states = [entry.state for entry in ledger.history("flights", wanted.registered.version).entries]
    assert (states.count("releasing"), states.count("live")) == (1, 1)
    champion = ledger.live("flights")
    assert champion is not None
    assert champion.endpoint_config == begun.endpoint_config


def twice(task: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What two copies of a task at once give, without those that found themselves overtaken or nothing to do."""
    given = []
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(task, *arguments) for _ in range(2)]:
            try:
                given.append(future.result())
            except FenceLost:
                continue
    return [one for one in given if one is not None]


def test_a_release_without_alarms_is_not_proved() -> None:
    begun = begin(released.approved("good"), RUN)
    released.settle(begun)
    client("cloudwatch").delete_alarms(AlarmNames=alarms.names("flights")[:1])
    with pytest.raises(ReleaseRefused, match="There is no alarm `windtunnel-flights-errors`"):
        prove(begun)
    assert ledger.live("flights") is None


def test_an_endpoint_that_was_never_made_is_not_proved() -> None:
    begun = begin(released.approved("good"), RUN)
    with pytest.raises(ReleaseRefused, match=r"the endpoint is `None`.*Look at `windtunnel-flights` now"):
        prove(begun)


def test_an_altered_artefact_is_refused_before_anything_is_made(calls: Counter[str]) -> None:
    begun = begin(released.approved("good"), RUN)
    spoil(begun)
    with pytest.raises(ArtefactInvalid):
        deploy(begun)
    assert not calls["CreateModel"] + calls["CreateEndpointConfig"] + calls["CreateEndpoint"]


def test_a_first_release_that_does_not_start_is_on_record_and_not_begun_twice(calls: Counter[str]) -> None:
    begun = begin(released.approved("good"), RUN)
    bodies = deployment(begun.registered)
    endpoint.prepare(bodies)
    spoil(begun)
    endpoint.turn(bodies["Endpoint"], fence=lambda: None)
    flown.wait_endpoint("windtunnel-flights", "Failed")
    assert deploy(begun) is None
    with pytest.raises(ReleaseRefused, match=r"the endpoint is `Failed`.*the ledger knows nothing before this release"):
        prove(begun)
    assert released.state("V1.1.0") == "rolled-back"
    assert ledger.live("flights") is None
    assert calls["CreateEndpoint"] == 1

    # The next one finds an endpoint that serves nobody and cannot be updated: it is made anew.
    assert released.release(released.approved("newer")).version == "V1.1.1"


def spoil(release: Release) -> None:
    objects.put(release.registered.evaluated.model_data, b"no archive", content_type="application/gzip")
