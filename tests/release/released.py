"""Releases driven as the DAGs drive them: the same stages, the same operator's loop, the same trigger."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests import candidate, flown
from windtunnel.aws import alarms, endpoint, ledger, objects, registry
from windtunnel.aws.deployment import deployment
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import ApprovedVersion, Champion, Dossier, Proof, RegisteredVersion, Release, Watch
from windtunnel.core.settings import settings
from windtunnel.orchestration.following import Following
from windtunnel.stages.begin import begin
from windtunnel.stages.deploy import deploy
from windtunnel.stages.prove import prove
from windtunnel.stages.recall import recall


@pytest.fixture
def thresholds(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets what the alarms of a rollout allow."""

    def allow(**most: float) -> None:
        spec = model_spec("flights")
        changed = spec.model_copy(update={"rollout": spec.rollout.model_copy(update=most)})
        monkeypatch.setattr(alarms, "model_spec", lambda _: changed)

    return allow


@pytest.fixture
def patient(thresholds: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is not a slow version, and a step that nothing depends on is not watched."""
    thresholds(most_p99_ms=3_000)
    monkeypatch.setenv("WINDTUNNEL_WATCH_SECONDS", "0")
    settings.cache_clear()


def approved(kind: flown.Kind, **plan: Any) -> ApprovedVersion:
    """A version of a kind, judged against what is live now, with a dossier that exists and rita's yes on record."""
    champion = ledger.live("flights")
    given = {"reason": f"{kind} {uuid.uuid4().hex[:8]}", **plan}
    return say_yes(flown.registered(kind, champion=champion, **given))


def say_yes(registered: RegisteredVersion) -> ApprovedVersion:
    """A dossier for it and a yes."""
    wanted = approval(registered)
    for state in ("rehearsed", "awaiting-approval", "approved"):
        ledger.move("flights", registered.version, state, by="rita", why="It flies.", evidence={"state": state})
    registry.decide(registered.package_arn, approved=True, sentence="Approved by rita.")
    return wanted


def approval(registered: RegisteredVersion) -> ApprovedVersion:
    """A dossier over what is live now, and rita's yes to it."""
    page = f"<h1>{registered.version}</h1>".encode()
    document = json.dumps({"version": registered.version}).encode()
    champion = ledger.live("flights")
    dossier = Dossier(
        registered=registered,
        champion=champion and champion.version,
        page=_put(page, "html"),
        sha256=hashlib.sha256(page).hexdigest(),
        document=_put(document, "json"),
        document_sha256=hashlib.sha256(document).hexdigest(),
        summary="It flies.",
    )
    yes = {"dossier": dossier, "approved_by": "rita", "approved_at": "2013-06-01T00:00:00Z", "note": "It flies."}
    return ApprovedVersion.model_validate(yes)


def _put(body: bytes, ending: str) -> str:
    name = hashlib.sha256(body).hexdigest()
    return objects.put_once(settings().uri("dossiers", "flights", f"{name}.{ending}"), body)


def settle(release: Release, *, patience_seconds: float = 60) -> list[str]:
    """The operator's loop; returns what the follower said last each time."""
    said = []
    while (watch := deploy(release)) is not None:
        event = follow(watch, patience_seconds)
        said.append(event["said"])
        assert event["come"], event["said"]
    return said


def start(release: Release) -> None:
    """The operator's loop until SageMaker begins; then Airflow dies."""
    while (watch := deploy(release)) is not None and watch.until == "heard":
        assert follow(watch)["come"]
    assert watch is not None


def follow(watch: Watch, patience_seconds: float = 60) -> dict[str, Any]:
    """One wait in the triggerer."""

    async def first() -> dict[str, Any]:
        async for event in Following(watch.to_json(), 0.5, patience_seconds).run():
            payload: dict[str, Any] = event.payload
            return payload
        raise AssertionError("a trigger ends with an event")

    return asyncio.run(first())


def record_live(wanted: ApprovedVersion) -> Champion:
    """What the ledger says after a release, without an endpoint."""
    registered, previous = wanted.registered, ledger.live("flights")
    lease = ledger.take("flights", "rollout:recorded")
    ledger.move("flights", registered.version, "releasing", by="rita", why="It flies.", lease=lease)
    release = Release(
        registered=registered,
        previous=previous,
        owner=lease.owner,
        epoch=lease.epoch,
        endpoint_config=deployment(registered)["EndpointConfig"]["EndpointConfigName"],
        by="rita",
        why="It flies.",
    )
    ledger.go_live(release, candidate.proof(registered, release.endpoint_config))
    ledger.give_back(lease)
    champion = ledger.live("flights")
    assert champion is not None
    return champion


def release(wanted: ApprovedVersion, run: str | None = None) -> Proof:
    """The whole rollout DAG."""
    begun = begin(wanted, owner=f"rollout:{run or uuid.uuid4().hex}")
    settle(begun)
    return prove(begun)


def roll_back(version: str | None = None, run: str | None = None) -> Proof:
    """The whole rollback DAG."""
    begun = recall("flights", version, "ada", "It is worse than the one before.", f"rollback:{run or uuid.uuid4().hex}")
    settle(begun)
    return prove(begun)


def arm(kind: str, operation: str, **more: Any) -> None:
    """Make the embedded AWS misbehave once."""
    fault = {"kind": kind, "operation": operation, **more}
    url = f"{os.environ['AWS_ENDPOINT_URL']}/_localaws/faults"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(fault).encode(), method="PUT")):  # noqa: S310
        pass


def serves() -> dict[str, Any]:
    """The config of the live endpoint, whole, as SageMaker describes it."""
    found = endpoint.describe("flights")
    assert found is not None
    config = endpoint.describe_config(found["EndpointConfigName"])
    assert config is not None
    return {name: value for name, value in config.items() if name != "ResponseMetadata"}


def state(version: str) -> str:
    """Where the ledger says a version stands."""
    return ledger.history("flights", version).record.state
