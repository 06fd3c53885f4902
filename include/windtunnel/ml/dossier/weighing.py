"""Weighing the evidence: a verdict, what is left for a person to decide, and what an answer does."""

from __future__ import annotations

import json
from collections.abc import Iterator

from windtunnel.core.approval import askers
from windtunnel.core.contracts import Champion, Check, RegisteredVersion, Shadowed, TrainingPlan
from windtunnel.core.spec import ModelSpec
from windtunnel.ml.dossier.document import MOVED, Change, Declared, Document, Evidence, Point, Verdict
from windtunnel.ml.markup import days


def write(evidence: Evidence, spec: ModelSpec) -> Document:
    """Weigh the evidence: a verdict, what is left for a person to decide, and what their answer does."""
    # Through JSON and back: names in the order they are read in, wherever they came from.
    evidence = Evidence.from_json(json.loads(json.dumps(evidence.to_json(), sort_keys=True)))
    registered = evidence.shadowed.rehearsed.registered
    verdict, headline = _verdict(evidence, spec)
    tally = _tally(evidence, spec)
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
        tally=tally,
        points=tuple(_points(evidence, spec)),
        yes=_yes(registered, spec, first=evidence.champion is None),
        no=_no(registered, evidence.champion),
        who=_who(registered, spec),
        changes=changes,
    )


def _judged(shadowed: Shadowed, spec: ModelSpec) -> tuple[Check, ...]:
    """Every check of the gate, the rehearsal and the shadow, but the slices that are too small to be judged."""
    found = (*shadowed.rehearsed.registered.gate.checks, *shadowed.rehearsed.checks, *shadowed.checks)
    return tuple(check for check in found if not _too_small(check, spec))


def _too_small(check: Check, spec: ModelSpec) -> bool:
    rows = check.numbers.get("rows")
    return check.name.startswith("slice:") and isinstance(rows, int) and rows < spec.gate.slice_least_rows


def _verdict(evidence: Evidence, spec: ModelSpec) -> tuple[Verdict, str]:
    shadowed, gate = evidence.shadowed, evidence.shadowed.rehearsed.registered.gate
    if gate.forced_by:
        return "forced", "The evidence does not support a yes: it was forced past the gate"
    if gate.answer != "promote" or not shadowed.passed:
        return "not-supported", "The evidence does not support a yes"
    if evidence.champion is None or not all(check.passed for check in _judged(shadowed, spec)):
        return "open", "The evidence supports a yes, with open points"
    return "supported", "The evidence supports a yes"


def _tally(evidence: Evidence, spec: ModelSpec) -> str:
    checks = _judged(evidence.shadowed, spec)
    failed, open_ = (sum(check.passed is state for check in checks) for state in (False, None))
    said = [f"{len(checks) - failed - open_} of {len(checks)} checks passed"]
    said += [f"{failed} failed"] if failed else []
    said += [f"{open_} could not be judged"] if open_ else []
    return ", ".join(said)


def _points(evidence: Evidence, spec: ModelSpec) -> Iterator[Point]:
    shadowed = evidence.shadowed
    gate, plan = shadowed.rehearsed.registered.gate, shadowed.rehearsed.registered.evaluated.plan
    if gate.forced_by:
        asked = f"The gate says {_words(gate.answer)}. Is the reason that {gate.forced_by} gave good enough?"
        yield Point(about="Forced", said=asked)
    if evidence.champion is None:
        yield Point(
            about="First release",
            said="Nothing is in service: no champion to compare it with, and no live request was mirrored to it.",
        )
    yield from _unpassed(shadowed, spec)
    if gate.answer == "promote" and gate.better is not None and gate.better.high >= 0:
        yield Point(
            about="Not shown to be better", said="It may replace an old champion. Is newer data worth the change?"
        )
    moved = {name: found.score for name, found in evidence.drift.items() if found.score >= MOVED}
    if moved:
        most = sorted(moved, key=lambda name: -moved[name])[:4]
        named = ", ".join(f"{name} ({moved[name]:.2f})" for name in most)
        asked = f"The rows it was judged on differ from those it learnt from: {named}. Is that the season, or a fault?"
        yield Point(about="Drift", said=asked)
    rows, held = sum(month.rows for month in evidence.months), sum(month.quarantined for month in evidence.months)
    if held:
        asked = f"{held:,} of {rows + held:,} rows ({held / (rows + held):.2%}). Is what they would show missing?"
        yield Point(about="Quarantined", said=asked)
    if plan.hyperparameters:
        chosen = ", ".join(f"{name} = {value}" for name, value in plan.hyperparameters.items())
        yield Point(about="Hyper-parameters", said=f"Not the defaults: {chosen}.")


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
        "training window": (days(before.train), days(after.train)),
        "holdout": (days(before.holdout), days(after.holdout)),
        **{
            f"hyper-parameter {name}": tuple(plan.hyperparameters.get(name, "default") for plan in (before, after))
            for name in names
        },
    }


def _unpassed(shadowed: Shadowed, spec: ModelSpec) -> Iterator[Point]:
    """The checks that failed, then those that could not be judged; what the gate decided by, the banner has told."""
    gate = shadowed.rehearsed.registered.gate
    asked = {"": gate.checks, " on staging": shadowed.rehearsed.checks, " as a shadow": shadowed.checks}
    for word, state in (("Failed", False), ("Not judged", None)):
        for where, found in asked.items():
            for check in found:
                if check.passed is state and not _too_small(check, spec) and check.sentence not in gate.sentence:
                    name = check.name.replace(":", " ").replace("=", " ")
                    yield Point(about=f"{word}: {name}{where}", said=check.sentence)


def outcome(shadowed: Shadowed) -> bool | None:
    """Whether a shadow passed; None where nothing was found against it because too little was seen."""
    if not shadowed.passed:
        return False
    return None if any(check.passed is None for check in shadowed.checks) else True


def _words(answer: str) -> str:
    return answer.replace("-", " ")
