"""The release path as the DAGs walk it: every stage in a process of its own, between them what the triggerer waits for."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol

from airflow.triggers.base import BaseTrigger

from tests import flown
from tests.forked import Child, Work, run, run_killed_everywhere
from tests.release import findings
from windtunnel.aws import endpoint, jobs, objects
from windtunnel.aws.endpoint import endpoint_name, staging_name
from windtunnel.core import catalog
from windtunnel.core.contracts import (
    Answer,
    ApprovedVersion,
    Comparison,
    DatasetVersion,
    Dossier,
    Gated,
    Mirrored,
    Proof,
    RegisteredVersion,
    Rehearsed,
    Release,
    Shadowed,
    Watch,
)
from windtunnel.ml import evaluation_report as report
from windtunnel.models.flights import spec as flights
from windtunnel.orchestration.following import Following
from windtunnel.orchestration.mirroring import Counting
from windtunnel.stages.approve import approve, reject
from windtunnel.stages.begin import begin
from windtunnel.stages.compare import compare
from windtunnel.stages.deploy import deploy
from windtunnel.stages.document import document
from windtunnel.stages.enter import enter
from windtunnel.stages.gate import gate
from windtunnel.stages.judge import judge
from windtunnel.stages.mirror import mirror
from windtunnel.stages.prove import prove
from windtunnel.stages.register import register
from windtunnel.stages.rehearse import rehearse
from windtunnel.stages.withdraw import withdraw

REQUESTS = 40
"""Mirrored to a shadow; `least_requests` of the spec is below."""


class Do(Protocol):
    """How a stage is done: in peace, or killed on the way."""

    def __call__(self, stage: str, work: Work) -> Any: ...


def in_peace(stage: str, work: Work) -> Any:
    """Once, undisturbed."""
    del stage
    return run(work)


class KilledEverywhere:
    """Each stage dies at each of its marks, one after the other; each death is followed by a retry.

    Attributes:
        killed: Stage -> the marks at which it was killed.
    """

    def __init__(self) -> None:
        self.killed: dict[str, list[str]] = {}

    def __call__(self, stage: str, work: Work) -> Any:
        killed, ending = run_killed_everywhere(work)
        known = self.killed.setdefault(stage, [])
        known += [mark for mark in killed if mark not in known]
        return ending.result()


class KilledOnce:
    """Each stage dies once, by the setting alone, after the last thing it writes: all is done, and Airflow does not know.

    Args:
        everywhere: What was killed before; knows the marks.
        new: Stages that have not been killed on this way yet; they are killed everywhere.
    """

    def __init__(self, everywhere: KilledEverywhere, new: frozenset[str]) -> None:
        self._everywhere = everywhere
        self._new = new

    def __call__(self, stage: str, work: Work) -> Any:
        if stage in self._new:
            return self._everywhere(stage, work)
        marks = self._everywhere.killed[stage]
        if marks:
            with Child(work, kill_at=marks[-1]) as child:
                child.killed()
        return run(work)


def to_registered(do: Do, kind: flown.Kind, dataset: DatasetVersion) -> RegisteredVersion:
    """train, from an evaluation on."""
    plan = flown.gated(kind, dataset=dataset, train=findings.TRAIN, holdout=findings.HOLDOUT).evaluated
    comparison: Comparison = do("compare", lambda: compare(plan.plan))
    evaluated(comparison, dataset, plan.artefact_sha256)
    gated: Gated = do("gate", lambda: gate(comparison))
    made: RegisteredVersion = do("register", lambda: register(gated))
    return made


def evaluated(comparison: Comparison, dataset: DatasetVersion, artefact_sha256: str) -> None:
    """Leave behind what an evaluation job would: a challenger that is better than champion and baselines."""
    rows = findings.answered(dataset)
    if comparison.champion is None:
        rows = rows.drop(columns="champion_prediction")
    found = findings.evaluation(comparison.plan, rows, comparison.champion)
    found = found.model_copy(update={"artefact_sha256": artefact_sha256})
    folder, body = jobs.evaluation_folder(comparison), io.BytesIO()
    rows.to_parquet(body, index=False)
    objects.put(f"{folder}/{report.HOLDOUT}", body.getvalue(), content_type="application/vnd.apache.parquet")
    objects.put(f"{folder}/{report.REPORT}", found.model_dump_json().encode(), content_type="application/json")


def to_dossier(do: Do, registered: RegisteredVersion, run_id: str) -> Dossier:
    """shadow."""
    owner, model = f"shadow:{run_id}", registered.model
    do("enter", lambda: enter(registered, owner))
    endpoint.settled(staging_name(model))
    rehearsed: Rehearsed = do("rehearse", lambda: rehearse(registered, owner))
    mirrored: Mirrored | None = do("mirror", lambda: mirror(rehearsed, owner))
    if mirrored is not None:
        endpoint.settled(endpoint_name(model))
        run(ask)
        mirrored = counted(mirrored)
        standing = mirrored
        do("withdraw", lambda: withdraw(standing))
        endpoint.settled(endpoint_name(model))
    shadowed: Shadowed = do("judge", lambda: judge(rehearsed, mirrored, owner))
    made: Dossier = do("document", lambda: document(shadowed))
    return made


def to_approved(do: Do, dossier: Dossier) -> ApprovedVersion:
    """approve, after a reviewer's yes."""
    answer = Answer(by="rita", at=datetime.now(UTC), note="I read all of it.")
    made: ApprovedVersion = do("approve", lambda: approve(dossier, answer))
    return made


def to_rejected(do: Do, dossier: Dossier) -> None:
    """approve, after a reviewer's no."""
    answer = Answer(by="rita", at=datetime.now(UTC), note="One of the months is not whole.")
    do("reject", lambda: reject(dossier, answer))


def to_live(do: Do, approved: ApprovedVersion, run_id: str) -> Proof:
    """rollout."""
    release: Release = do("begin", lambda: begin(approved, f"rollout:{run_id}"))
    return to_proof(do, release)


def to_proof(do: Do, release: Release) -> Proof:
    """deploy, as its operator does it, and prove."""
    while (watch := do("deploy", lambda: deploy(release))) is not None:
        followed(watch)
    made: Proof = do("prove", lambda: prove(release))
    return made


def ask() -> None:
    """Clients ask the live endpoint."""
    for row, key in zip(flown.rows(REQUESTS), flown.keys(REQUESTS), strict=True):
        endpoint.predict("flights", [row], inference_id=key)


def ask_on() -> NoReturn:
    """Clients that never stop: the alarms of the next rollout have something to go by when it begins."""
    while True:
        for row in flown.rows(REQUESTS, start=REQUESTS):
            endpoint.predict("flights", [row])
            time.sleep(0.2)


def counted(mirrored: Mirrored) -> Mirrored:
    """What the triggerer makes of a shadow that stands."""
    said = run(lambda: event(Counting(mirrored.to_json(), REQUESTS, 0.2)))
    assert said["stood"], said
    since, until = (datetime.fromisoformat(said[name]) for name in ("since", "until"))
    return mirrored.model_copy(update={"since": since, "until": until})


def followed(watch: Watch) -> None:
    """Wait as the triggerer does."""
    said = run(lambda: event(Following(watch.to_json(), 0.2, 90)))
    assert said["come"], said


def event(trigger: BaseTrigger) -> dict[str, Any]:
    """The event that a trigger comes to."""

    async def first() -> Any:
        return await anext(aiter(trigger.run()))

    found: dict[str, Any] = asyncio.run(first()).payload
    return found


@contextmanager
def patient_spec() -> Iterator[None]:
    """`flights` on a machine that may be busy: what is slow is not what these tests are about."""
    usual = flights.SPEC
    flights.SPEC = usual.model_copy(
        update={
            "rollout": usual.rollout.model_copy(update={"most_p99_ms": 20_000, "most_shift": 50}),
            "shadow": usual.shadow.model_copy(update={"slower": 1_000}),
        }
    )
    catalog.model_spec.cache_clear()
    yield
    flights.SPEC = usual
    catalog.model_spec.cache_clear()


def timed(do: Do, seconds: dict[str, float]) -> Do:
    """The same, and how long each stage took."""

    def done(stage: str, work: Work) -> Any:
        began = time.monotonic()
        try:
            return do(stage, work)
        finally:
            seconds[stage] = seconds.get(stage, 0.0) + time.monotonic() - began

    return done
