"""What a dossier says: the evidence, and what follows from it for the one who has to answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from windtunnel.core.approval import askers
from windtunnel.core.contracts import (
    Champion,
    Check,
    Contract,
    DriftScore,
    Evaluated,
    RegisteredVersion,
    RunCost,
    Shadowed,
    TrainingPlan,
)
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.ml.holdout import Holdout
from windtunnel.ml.test_score import TestScore

Verdict = Literal["supported", "open", "forced", "not-supported"]

MOVED = 0.1
"""A drift score from here on is pointed out: Evidently's default threshold for both of its distances."""


class Month(Contract):
    """A month that the version was trained or judged on, as ingestion published it."""

    month: Window
    tag: str
    rows: int
    quarantined: int
    reasons: dict[str, int]
    "Why rows were quarantined -> how many."
    expectations: int
    met: int
    unmet: tuple[str, ...]
    "Expectations that were not met, in words."
    columns: tuple[str, ...]
    "Columns that an expectation was held against and that met it."
    report: str


class Step(Contract):
    """One station on the way from the source to the version."""

    what: str
    name: str
    address: str | None
    digest: str | None


class Change(Contract):
    """Something that differs from the champion."""

    what: str
    before: str
    after: str


class Evidence(Contract):
    """Everything the dossier is made of; nothing else goes in, not even the clock."""

    shadowed: Shadowed
    at: datetime
    "When the shadow's finding went on record: the moment of the dossier."
    months: tuple[Month, ...]
    holdout: Holdout
    drift: dict[str, DriftScore]
    "Of the holdout against the training rows."
    lineage: tuple[Step, ...]
    score: TestScore
    cost: RunCost | None
    champion: Champion | None
    champion_evaluated: Evaluated | None


class Declared(Contract):
    """What the model's spec.py says and the page shows."""

    about: str
    quarantine_budget: float
    slice_margin: float
    slice_least_rows: int


class Document(Contract):
    """The dossier: the evidence, and what follows from it."""

    evidence: Evidence
    declared: Declared
    verdict: Verdict
    headline: str
    points: tuple[str, ...]
    "What the reviewer has to weigh, the gravest first."
    yes: str
    "What a yes starts."
    no: str
    "What a no leaves as it is."
    who: str
    "Who may answer, and until when."
    changes: tuple[Change, ...]

    @property
    def registered(self) -> RegisteredVersion:
        """The version."""
        return self.evidence.shadowed.rehearsed.registered

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every check of the gate, the rehearsal and the shadow."""
        shadowed = self.evidence.shadowed
        return (*self.registered.gate.checks, *shadowed.rehearsed.checks, *shadowed.checks)

    def bytes(self) -> bytes:
        """The document as JSON, in one form only."""
        return json.dumps(self.to_json(), sort_keys=True, indent=1, allow_nan=False).encode()

    def sha256(self) -> str:
        """Digest of `bytes`."""
        return hashlib.sha256(self.bytes()).hexdigest()


def write(evidence: Evidence, spec: ModelSpec) -> Document:
    """Weigh the evidence: a verdict, what is left for a person to decide, and what their answer does."""
    registered = evidence.shadowed.rehearsed.registered
    verdict, headline = _verdict(evidence)
    changes = tuple(_changes(registered, evidence))
    return Document(
        evidence=evidence,
        declared=Declared(
            about=spec.about,
            quarantine_budget=spec.quarantine_budget,
            slice_margin=spec.gate.slice_margin,
            slice_least_rows=spec.gate.slice_least_rows,
        ),
        verdict=verdict,
        headline=headline,
        points=tuple(_points(evidence)),
        yes=_yes(registered, spec, first=evidence.champion is None),
        no=_no(registered, evidence.champion),
        who=_who(registered, spec),
        changes=changes,
    )


def _verdict(evidence: Evidence) -> tuple[Verdict, str]:
    shadowed, gate = evidence.shadowed, evidence.shadowed.rehearsed.registered.gate
    checks = (*gate.checks, *shadowed.rehearsed.checks, *shadowed.checks)
    failed, open_ = (sum(check.passed is state for check in checks) for state in (False, None))
    if gate.forced_by and gate.answer != "promote":
        return "forced", "A yes is not supported: it was forced past the gate"
    if gate.answer != "promote" or not shadowed.passed:
        return "not-supported", "A yes is not supported by the evidence"
    said = f"{len(checks) - failed - open_} of {len(checks)} checks passed"
    if failed or open_ or evidence.champion is None:
        left = [f"{failed} failed within what the rules allow"] if failed else []
        left += [f"{open_} could not be judged"] if open_ else []
        left += ["nothing is in service to compare it with"] if evidence.champion is None else []
        return "open", f"A yes is supported, with open points: {said}; {', '.join(left)}"
    return "supported", f"A yes is supported: {said}"


def _points(evidence: Evidence) -> Iterator[str]:
    shadowed = evidence.shadowed
    gate, plan = shadowed.rehearsed.registered.gate, shadowed.rehearsed.registered.evaluated.plan
    if gate.forced_by:
        yield (
            f"{gate.forced_by} had it registered although the gate says {_words(gate.answer)}. "
            f"Is this reason good enough: {gate.forced_because}"
        )
    if not shadowed.passed:
        yield f"It failed as a shadow: {shadowed.sentence}"
    if evidence.champion is None:
        yield "It is the first release: no live request has been answered by it, not even as a shadow."
    for check in (*gate.checks, *shadowed.rehearsed.checks, *shadowed.checks):
        if check.passed is False:
            yield f"Failed: {check.sentence}"
    for check in (*gate.checks, *shadowed.rehearsed.checks, *shadowed.checks):
        if check.passed is None:
            yield f"Could not be judged: {check.sentence}"
    moved = {name: found.score for name, found in evidence.drift.items() if found.score >= MOVED}
    if moved:
        most = sorted(moved, key=lambda name: -moved[name])[:4]
        named = ", ".join(f"{name} ({moved[name]:.2f})" for name in most)
        yield f"The rows it was judged on differ from those it was trained on: {named}. Is that the season, or a fault?"
    rows, held = sum(month.rows for month in evidence.months), sum(month.quarantined for month in evidence.months)
    if held:
        yield f"{held:,} of {rows + held:,} rows were quarantined ({held / (rows + held):.2%}). Is what they show missing?"
    if evidence.champion is not None and gate.better is not None and gate.better.high >= 0:
        yield (
            f"It is not shown to be better: its RMSE is {gate.better.low:+.1%} to {gate.better.high:+.1%} of the "
            "champion's away. Is newer data worth the change?"
        )
    if plan.hyperparameters:
        yield "A person chose other hyper-parameters than the defaults: see what changed."


def _yes(registered: RegisteredVersion, spec: ModelSpec, *, first: bool) -> str:
    if first:
        return f"The endpoint is made with {registered.version}, and proved; all requests go to it at once."
    rollout = spec.rollout
    steps = (
        f"{rollout.percent} % of the requests go to it, then all"
        if rollout.kind == "CANARY"
        else f"the requests move to it in steps of {rollout.percent} %"
    )
    return (
        f"{steps[0].upper()}{steps[1:]}; each step is watched for {rollout.watch_seconds} s, and an alarm brings the "
        "champion back by itself."
    )


def _no(registered: RegisteredVersion, champion: Champion | None) -> str:
    stays = f"{champion.version} stays in service" if champion else "Nothing goes into service"
    return f"{stays}. {registered.version} stays on record as rejected, with your reason."


def _who(registered: RegisteredVersion, spec: ModelSpec) -> str:
    others = askers(registered)
    who = f"Any reviewer but {' and '.join(others)}, who asked for it" if others else "Any reviewer"
    note = "a no needs a reason" + (", and so does a yes to what was forced" if registered.gate.forced_by else "")
    return (
        f"{who}; {note}. Without an answer the question expires after {spec.approval.days} days, and nothing changes."
    )


def _changes(registered: RegisteredVersion, evidence: Evidence) -> Iterator[Change]:
    before, after = evidence.champion_evaluated, registered.evaluated
    if before is None or evidence.champion is None:
        return
    yield Change(what="version", before=evidence.champion.version, after=registered.version)
    for what, (old, new) in {
        **_parts(before.plan, after.plan),
        "artefact": (before.artefact_sha256[:12], after.artefact_sha256[:12]),
        "RMSE, each on its own holdout": tuple(f"{one.metrics['rmse']:.3f} {one.unit}" for one in (before, after)),
    }.items():
        if old != new:
            yield Change(what=what, before=old, after=new)


def _parts(before: TrainingPlan, after: TrainingPlan) -> dict[str, tuple[str, ...]]:
    names = sorted({*before.hyperparameters, *after.hyperparameters})
    return {
        "generation (tag in spec.py)": (str(before.tag), str(after.tag)),
        "revision of the model's folder": (str(before.revision), str(after.revision)),
        "model's folder": (before.folder_sha256[:12], after.folder_sha256[:12]),
        "code": (before.code_sha256[:12], after.code_sha256[:12]),
        "commit": (before.git_commit[:12], after.git_commit[:12]),
        "image": (before.image, after.image),
        "dataset version": (before.dataset.tag, after.dataset.tag),
        "snapshot": (before.dataset.snapshot_id, after.dataset.snapshot_id),
        "training window": (str(before.train), str(after.train)),
        "holdout": (str(before.holdout), str(after.holdout)),
        **{
            f"hyper-parameter {name}": tuple(plan.hyperparameters.get(name, "default") for plan in (before, after))
            for name in names
        },
    }


def _words(answer: str) -> str:
    return answer.replace("-", " ")
