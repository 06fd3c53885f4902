"""Rehearsal and shadow, with real artefacts on the embedded AWS: what may go on, what is stopped, and who answers."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import boto3
import pandas as pd
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests import flown
from tests.forked import Child
from tests.monitor import live_model
from tests.release import released
from tests.release.staged import patient_spec
from windtunnel.aws import capture, deployment, endpoint, ledger, objects, parquet
from windtunnel.aws.clients import client
from windtunnel.aws.endpoint import endpoint_name, staging_name
from windtunnel.core.contracts import Mirrored, RegisteredVersion, Rehearsed
from windtunnel.core.errors import FenceLost, LeaseHeld, ModelRejected, ReleaseRefused
from windtunnel.core.window import Window
from windtunnel.orchestration.mirroring import Counting, Settling
from windtunnel.stages.enter import enter
from windtunnel.stages.judge import judge
from windtunnel.stages.mirror import mirror
from windtunnel.stages.rehearse import rehearse
from windtunnel.stages.withdraw import withdraw

pytestmark = pytest.mark.usefixtures("release_of_its_own")

OWNER = "shadow:test"
ENOUGH = 200
"""Mirrored requests after which these tests judge."""

CONTRACT = {
    *("in-service", "artefact", "golden-rows", "json", "json-lines", "csv", "order-of-columns", "one-row"),
    *("unknown-category", "missing-column", "text-for-number", "empty-body"),
}


class Answer(NamedTuple):
    row: int
    value: float | None
    variant: str
    error: str


@pytest.fixture
def patient() -> Iterator[None]:
    """On a machine that may be busy a late answer says nothing."""
    with patient_spec():
        yield


@contextmanager
def clients(count: int = 2) -> Iterator[list[Answer]]:
    """Clients that ask the live endpoint about flights of three days in turn, each named by its key, until the block ends."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=30)
    runtime = boto3.client("sagemaker-runtime", config=config)
    rows, keys = flown.rows(2_000), flown.keys(2_000)
    # Every fifth flight of the first two days, and all of the third morning.
    chosen = [*range(0, 1_900, 5), *range(1_900, 2_000)]
    chosen = [chosen[at * 7 % len(chosen)] for at in range(len(chosen))]
    answers: list[Answer] = []
    stop = threading.Event()

    def ask(client_number: int) -> None:
        at = client_number
        while not stop.wait(0.01):
            row, value, variant, error = chosen[at % len(chosen)], None, "", ""
            at += count
            try:
                reply = runtime.invoke_endpoint(
                    EndpointName=endpoint_name("flights"),
                    ContentType="application/json",
                    InferenceId=keys[row],
                    Body=json.dumps({"instances": [rows[row]]}),
                )
                variant = reply["InvokedProductionVariant"]
                (value,) = json.loads(reply["Body"].read())["predictions"]
            except (ClientError, BotoCoreError) as raised:
                error = str(raised)
            answers.append(Answer(row, value, variant, error))

    with ThreadPoolExecutor(count) as pool:
        asking = [pool.submit(ask, number) for number in range(count)]
        try:
            yield answers
        finally:
            stop.set()
    for each in asking:
        each.result()


def only_from(kind: flown.Kind, answers: list[Answer]) -> None:
    """No answer is missing, and each is the one that this kind gives, by the variant that may answer."""
    offline = flown.answers(kind, 2_000)
    assert answers
    assert {answer.error for answer in answers} == {""}
    assert {answer.variant for answer in answers} == {"champion"}
    assert max(abs(float(answer.value or 0) - offline[answer.row]) for answer in answers) < 1e-3


def waited(trigger: Settling | Counting) -> dict[str, Any]:
    """The event of a trigger, as the triggerer brings it back: from what it is stored as."""

    async def first() -> dict[str, Any]:
        _, arguments = trigger.serialize()
        async for event in type(trigger)(**json.loads(json.dumps(arguments))).run():
            payload: dict[str, Any] = event.payload
            return payload
        raise AssertionError("a trigger ends with an event")

    return asyncio.run(first())


def stood(mirrored: Mirrored, requests: int = ENOUGH) -> Mirrored:
    """The wait of the DAG."""
    event = waited(Counting(mirrored.to_json(), requests, 0.2))
    assert event["stood"], event["said"]
    since, until = (datetime.fromisoformat(event[name]) for name in ("since", "until"))
    return mirrored.model_copy(update={"since": since, "until": until})


def may_labels() -> None:
    """The truth about the flights that ask."""
    rows = flown.requests()[[column.name for column in flown.SPEC.columns]]
    live_model.publish(Window.month("2013-05"), rows)


def in_rehearsal(kind: flown.Kind) -> Rehearsed:
    """A version of a kind that was judged against what is live, as after its rehearsal."""
    registered = flown.registered(kind, champion=ledger.live("flights"), reason=f"{kind} beside the champion.")
    ledger.move("flights", registered.version, "rehearsed", by=OWNER, why="As after a rehearsal.")
    return Rehearsed(
        registered=registered,
        passed=True,
        sentence="As after a rehearsal.",
        checks=(),
        golden_rows=0,
        largest_difference=None,
        seconds_to_serve=0,
        report="s3://none",
    )


def live(kind: flown.Kind) -> None:
    released.release(released.approved(kind))


@contextmanager
def late_captures() -> Iterator[int]:
    """The newest capture file of each variant has not come yet while the block runs; how many requests it holds."""
    prefix = f"{endpoint.capture_prefix('flights')}/{endpoint_name('flights')}"
    newest = [list(objects.keys(f"{prefix}/{variant}/"))[-1] for variant in (endpoint.VARIANT, endpoint.SHADOW)]
    held = {uri: objects.get(uri) for uri in newest}
    for uri in held:
        bucket, key = objects.split(uri)
        client("s3").delete_object(Bucket=bucket, Key=key)
    try:
        yield min(len(body.splitlines()) for body in held.values())
    finally:
        for uri, body in held.items():
            objects.put(uri, body, content_type="application/jsonlines")


def alter(registered: RegisteredVersion) -> None:
    """Other bytes at the address of its artefact."""
    other = (flown.planted() / "shifted" / "model.tar.gz").read_bytes()
    objects.put(registered.evaluated.model_data, other, content_type="application/gzip")


def test_a_good_version_passes_its_rehearsal_and_nothing_of_it_is_left() -> None:
    registered = flown.registered("good")
    assert waited(Settling(enter(registered, OWNER), 0.2))["said"].startswith(
        f"`{staging_name('flights')}` is InService"
    )
    rehearsed = rehearse(registered, OWNER)
    assert rehearsed.passed
    assert {check.name for check in rehearsed.checks} == CONTRACT
    assert rehearsed.largest_difference is not None
    assert rehearsed.largest_difference < 1e-3
    assert rehearsed.golden_rows == 64
    assert endpoint.describe("flights", name=staging_name("flights")) is None
    bodies = deployment.staging(registered)
    assert endpoint.describe_config(bodies["EndpointConfig"]["EndpointConfigName"]) is None
    assert client("sagemaker").list_models(NameContains=bodies["Model"]["ModelName"])["Models"] == []
    assert released.state(registered.version) == "rehearsed"
    assert {check["name"] for check in objects.get_json(rehearsed.report)["checks"]} == CONTRACT

    # A first release has nothing to stand beside.
    assert mirror(rehearsed, OWNER) is None
    shadowed = judge(rehearsed, None, OWNER)
    assert (shadowed.passed, shadowed.champion, shadowed.requests, shadowed.report) == (True, None, 0, None)
    assert "checked on staging only" in shadowed.sentence
    assert judge(rehearsed, None, OWNER) == shadowed
    assert released.state(registered.version) == "shadowed"


def test_an_altered_artefact_never_serves_and_is_stopped() -> None:
    registered = flown.registered("good")
    alter(registered)
    with pytest.raises(ModelRejected, match=r"(?s)`in-service`: It never served.*`artefact`.*digest") as refused:
        rehearse(registered, OWNER)
    assert refused.value.report is not None
    found = {check["name"]: check["passed"] for check in objects.get_json(refused.value.report)["checks"]}
    assert found == {"in-service": False, "artefact": False}
    assert released.state(registered.version) == "stopped"
    assert endpoint.describe("flights", name=staging_name("flights")) is None


@pytest.mark.usefixtures("patient")
def test_a_shadow_that_holds_its_own_passes_and_clients_see_nothing_of_it() -> None:
    live("good")
    may_labels()
    before = released.serves()
    rehearsed = in_rehearsal("newer")
    with clients() as answers:
        mirrored = mirror(rehearsed, OWNER)
        assert mirrored is not None
        waited(Settling(endpoint_name("flights"), 0.2))
        adopted = mirror(rehearsed, OWNER)
        assert adopted is not None
        assert adopted.shadow_config == mirrored.shadow_config
        with pytest.raises(FenceLost):
            withdraw(mirrored)  # an earlier copy of the task
        done = stood(adopted)
        assert done.since < done.until < done.since + timedelta(seconds=30)
        assert withdraw(done) == endpoint_name("flights")
        shadowed = judge(rehearsed, done, OWNER)
        time.sleep(0.5)
    only_from("good", answers)
    assert released.serves() == before
    assert endpoint.describe("flights")["EndpointConfigName"] == before["EndpointConfigName"]  # type: ignore[index]

    checks = {check.name: check for check in shadowed.checks}
    assert [name for name, check in checks.items() if check.passed] == [
        "requests",
        "errors",
        "latency",
        "answers",
        "accuracy",
    ]
    assert shadowed.requests >= ENOUGH * 0.9
    assert shadowed.labelled > 0.9 * shadowed.requests
    assert checks["requests"].numbers["unnamed"] == 0
    offline = zip(flown.answers("newer", 2_000), flown.answers("good", 2_000), strict=True)
    furthest = max(abs(newer - good) for newer, good in offline)
    assert 0 < float(checks["answers"].numbers["largest"] or 0) <= furthest + 1e-3
    report = objects.get_json(str(shadowed.report))
    assert len(parquet.read(report["computed_from"]["pairs"])) == shadowed.requests
    assert report["computed_from"]["labels"]["tag"] == "d1"
    assert released.state(rehearsed.registered.version) == "shadowed"
    assert judge(rehearsed, done, OWNER) == shadowed, "the same again, from what was kept"


@pytest.fixture
def withdrawn(patient: None) -> tuple[Rehearsed, Mirrored]:
    """A shadow that stood and was taken off."""
    del patient
    live("good")
    rehearsed = in_rehearsal("newer")
    with clients():
        mirrored = mirror(rehearsed, OWNER)
        assert mirrored is not None
        done = stood(mirrored, 50)
        withdraw(done)
        endpoint.settled(endpoint_name("flights"))
    return rehearsed, done


def test_captures_that_come_after_a_judge_died_are_part_of_what_the_next_one_reads(
    withdrawn: tuple[Rehearsed, Mirrored],
) -> None:
    rehearsed, done = withdrawn
    with late_captures() as held_back, Child(lambda: judge(*withdrawn, OWNER), kill_at="before:shadow.report") as first:
        first.killed()
    assert held_back > 0
    second = judge(rehearsed, done, OWNER)
    assert second.requests >= held_back
    assert objects.get_json(str(second.report))["comparison"]["requests"] == second.requests
    folder = str(second.report).removesuffix("shadow.json")
    assert len([uri for uri in objects.keys(folder) if uri.endswith(".parquet")]) == 2


def test_of_two_judges_that_read_different_captures_both_say_what_the_first_kept(
    withdrawn: tuple[Rehearsed, Mirrored],
) -> None:
    with ExitStack() as children:
        with late_captures():
            slow = children.enter_context(Child(lambda: judge(*withdrawn, OWNER), freeze_at="before:shadow.report"))
            slow.frozen()
        quick = judge(*withdrawn, OWNER)
        slow.thaw()
        assert slow.ended().result() == quick
    assert released.state(quick.rehearsed.registered.version) == "shadowed"


@pytest.mark.usefixtures("patient")
def test_a_worse_shadow_is_stopped_by_the_labels_that_have_come() -> None:
    live("good")
    may_labels()
    before, rehearsed = released.serves(), in_rehearsal("shifted")
    with clients() as answers:
        mirrored = mirror(rehearsed, OWNER)
        assert mirrored is not None
        with pytest.raises(LeaseHeld):
            ledger.take("flights", "rollout:another")
        done = stood(mirrored)
        with pytest.raises(ModelRejected, match=r"Stopped as a shadow: On .* RMSE") as stopped:
            judge(rehearsed, done, OWNER)
    only_from("good", answers)
    assert released.serves() == before
    assert stopped.value.report is not None
    comparison = objects.get_json(stopped.value.report)["comparison"]
    assert comparison["accuracy"]["worse"]["low"] > 0.05
    assert comparison["difference"]["moved"] == pytest.approx(20, abs=0.1)
    assert [check["name"] for check in comparison["checks"] if check["passed"] is False] == ["accuracy"]
    assert released.state(rehearsed.registered.version) == "stopped"
    ledger.take("flights", "rollout:another")


def test_a_shadow_that_does_not_start_leaves_everything_as_it_was() -> None:
    live("good")
    rehearsed, before = in_rehearsal("newer"), released.serves()
    alter(rehearsed.registered)
    mirrored = mirror(rehearsed, OWNER)
    assert mirrored is not None
    event = waited(Counting(mirrored.to_json(), ENOUGH, 0.2))
    assert event["stood"] is False
    assert re.search(r"with `flights-V1-1-0-\w+`\. SageMaker says: .*shadow did not pass the ping", event["said"])
    withdraw(mirrored)
    assert released.serves() == before
    assert endpoint.predict("flights", flown.rows(3)) == pytest.approx(flown.answers("good", 3), abs=1e-3)


def test_captures_are_read_from_every_hour_that_the_span_touches() -> None:
    traffic = live_model.Traffic(moment=pd.Timestamp("2026-11-20T09:58:59"))
    for minute in range(130):
        traffic.moment = pd.Timestamp("2026-11-20T09:58:59") + pd.Timedelta(minutes=minute)
        traffic.request([flown.SPEC.example], [float(minute)], inference_id=f"at-{minute}")
        traffic.capture()
    prefix = f"{endpoint.capture_prefix('flights')}/{endpoint_name('flights')}/{endpoint.VARIANT}/"
    since, until = (datetime.fromisoformat(f"2026-11-20T{at}+00:00") for at in ("09:59:00.900", "11:00:00.100"))
    found = capture.exchanges(prefix, flown.SPEC, since, until)
    assert sorted(found.requests["inference_id"].to_pylist()) == sorted(f"at-{minute}" for minute in range(62))
    assert found.unreadable == 0


def test_a_shadow_ends_when_a_rollback_takes_over_and_touches_nothing() -> None:
    live("good")
    rehearsed = in_rehearsal("newer")
    mirrored = mirror(rehearsed, OWNER)
    assert mirrored is not None
    waited(Settling(endpoint_name("flights"), 0.2))
    ledger.take("flights", "rollback:ada", over=True)
    taken = released.serves()
    for stage in (lambda: withdraw(mirrored), lambda: judge(rehearsed, mirrored, OWNER)):
        with pytest.raises(FenceLost):
            stage()
    assert released.serves() == taken
    assert taken["EndpointConfigName"] == mirrored.shadow_config
    assert released.state(rehearsed.registered.version) == "rehearsed"


def test_only_the_champion_that_the_gate_compared_with_gets_a_shadow() -> None:
    rehearsed = in_rehearsal("newer")
    live("good")
    before = released.serves()
    with pytest.raises(ReleaseRefused, match=r"compared `V1.1.0` with `nothing`, and `V1.1.1` is in service"):
        mirror(rehearsed, OWNER)
    assert released.serves() == before
    ledger.take("flights", "rollout:another")
