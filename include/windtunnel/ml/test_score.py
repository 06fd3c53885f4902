"""The ML Test Score of a version: 28 questions, answered by evidence that someone can open, or by 0.

Breck, Cai, Nielsen, Salib, Sculley: The ML Test Score, IEEE Big Data 2017. A point for what is done automatically with
every version, half a point for what is done in part; the score is the smallest sum of the four sections.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from windtunnel.core.contracts import Check, Contract, Shadowed
from windtunnel.core.spec import ModelSpec

Section = Literal["Data", "Model", "Infrastructure", "Monitoring"]
SECTIONS: tuple[Section, ...] = ("Data", "Model", "Infrastructure", "Monitoring")

QUESTIONS: dict[str, tuple[Section, str]] = {
    "D1": ("Data", "Are the expectations on features captured in a schema?"),
    "D2": ("Data", "Are all features beneficial?"),
    "D3": ("Data", "Does no feature cost too much?"),
    "D4": ("Data", "Do features adhere to meta-level requirements?"),
    "D5": ("Data", "Does the pipeline have privacy controls?"),
    "D6": ("Data", "Can new features be added quickly?"),
    "D7": ("Data", "Is all input feature code tested?"),
    "M1": ("Model", "Are model specs reviewed and checked in?"),
    "M2": ("Model", "Do offline and online metrics correlate?"),
    "M3": ("Model", "Are hyper-parameters tuned?"),
    "M4": ("Model", "Is the impact of staleness known?"),
    "M5": ("Model", "Is a simpler model not better?"),
    "M6": ("Model", "Is quality sufficient on important slices?"),
    "M7": ("Model", "Are considerations of inclusion tested?"),
    "I1": ("Infrastructure", "Is training reproducible?"),
    "I2": ("Infrastructure", "Is model specification code unit tested?"),
    "I3": ("Infrastructure", "Is the full pipeline integration tested?"),
    "I4": ("Infrastructure", "Is quality validated before serving?"),
    "I5": ("Infrastructure", "Can a single example be debugged?"),
    "I6": ("Infrastructure", "Do models canary before production?"),
    "I7": ("Infrastructure", "Can models be rolled back safely and quickly?"),
    "O1": ("Monitoring", "Do dependency changes notify?"),
    "O2": ("Monitoring", "Do data invariants hold in training and serving?"),
    "O3": ("Monitoring", "Do training and serving compute the same values?"),
    "O4": ("Monitoring", "Are models not too stale?"),
    "O5": ("Monitoring", "Is the model numerically stable?"),
    "O6": ("Monitoring", "Is there no regression in speed, latency or memory?"),
    "O7": ("Monitoring", "Is there no regression in quality on served data?"),
}

LONGEST_DAYS = {"I6": 180, "I7": 35}
"""Evidence from before this version counts for so many days. All other evidence is about this version itself."""


class Row(Contract):
    """One question and what answers it."""

    id: str
    section: Section
    question: str
    points: float
    "0, 0.5 or 1."
    why: str
    evidence: str | None
    "Address of what shows it."
    age_days: int | None
    "Days between the evidence and the dossier."


class TestScore(Contract):
    """All questions and the score: the smallest sum of a section."""

    __test__ = False  # not a test of pytest's

    rows: tuple[Row, ...]
    sections: dict[Section, float]
    score: float


class Dated(NamedTuple):
    """Something that was written down, and when."""

    address: str
    at: datetime


class Facts(NamedTuple):
    """What the score may use."""

    spec: ModelSpec
    shadowed: Shadowed
    expected: frozenset[str]
    "Columns on which the dataset version was held against an expectation, and met it."
    data_report: str
    "Address of these results."
    importance: Mapping[str, float]
    "Increase of the error when a feature is shuffled; empty: not measured."
    rollout: Dated | None
    "The last time that a version of this model took over from another one and was proved."
    drill: Dated | None
    "The last rollback drill."
    written_at: Mapping[str, datetime]
    "When each address was written; one that is not here is no evidence."
    now: datetime
    "The moment of the dossier."


class _Answer(NamedTuple):
    points: float
    why: str
    evidence: str | None = None


def score(facts: Facts) -> TestScore:
    """Answer every question; without evidence, or with evidence too old, the answer is 0."""
    found = _answers(facts)
    rows = tuple(_row(id_, found.get(id_), facts) for id_ in QUESTIONS)
    sections = {section: sum(row.points for row in rows if row.section == section) for section in SECTIONS}
    return TestScore(rows=rows, sections=sections, score=min(sections.values()))


def _row(id_: str, answer: _Answer | None, facts: Facts) -> Row:
    section, question = QUESTIONS[id_]
    points, why, evidence = answer or _Answer(0, "No evidence is collected yet.")
    others = {dated.address: dated.at for dated in (facts.rollout, facts.drill) if dated}
    at = (others | dict(facts.written_at)).get(evidence) if evidence else None
    age = None if at is None else max((facts.now - at).days, 0)
    if points and age is None:
        points, why = 0, f"No evidence: nothing stands at its address. It would say: {why}"
    elif points and age is not None and age > LONGEST_DAYS.get(id_, age):
        points, why = 0, f"The evidence is {age} days old; it counts for {LONGEST_DAYS[id_]} days."
    return Row(id=id_, section=section, question=question, points=points, why=why, evidence=evidence, age_days=age)


def _answers(facts: Facts) -> dict[str, _Answer]:
    gate = facts.shadowed.rehearsed.registered.gate
    baselines = _of(gate.checks, "baseline:")
    answers = {
        "D1": _schema(facts),
        "D2": _beneficial(facts),
        "D4": _known_in_time(facts),
        "M1": _checked_in(facts),
        "M6": _slices(facts),
        "I4": _validated(facts),
        "O3": _same_values(facts),
        "O5": _all_passed(
            _of(gate.checks, "numbers", "parity"), gate.report, "finite, varied, equal to scikit-learn's"
        ),
        "O6": _all_passed(_of(gate.checks, "latency", "size"), gate.report, "latency and size within their budgets"),
        "O7": _on_served(facts),
        "M5": _all_passed(baselines, gate.report, f"{len(baselines)} baselines beaten on the same rows"),
    }
    if facts.rollout:
        answers["I6"] = _Answer(1, "The last version took over step by step and was proved.", facts.rollout.address)
    if facts.drill:
        answers["I7"] = _Answer(1, "The drill brought the version before back on staging.", facts.drill.address)
    return answers


def _of(checks: tuple[Check, ...], *names: str) -> tuple[Check, ...]:
    return tuple(check for check in checks if check.name.startswith(names))


def _all_passed(checks: tuple[Check, ...], report: str, what: str) -> _Answer:
    if not checks:
        return _Answer(0, "The gate did not ask.")
    if not all(check.passed for check in checks):
        return _Answer(0, " ".join(check.sentence for check in checks if not check.passed), report)
    return _Answer(1, f"The gate: {what}.", report)


def _schema(facts: Facts) -> _Answer:
    missing = sorted(set(facts.spec.features) - facts.expected)
    count = f"{len(facts.spec.features) - len(missing)} of {len(facts.spec.features)} features"
    if missing:
        why = f"{count} are held against an expectation; {', '.join(missing)} are not."
        return _Answer(0.5 if len(missing) < len(facts.spec.features) else 0, why, facts.data_report)
    return _Answer(1, f"{count} are held against an expectation, and met it.", facts.data_report)


def _beneficial(facts: Facts) -> _Answer:
    if not facts.importance:
        return _Answer(0, "The evaluation did not measure what each feature is worth.")
    idle = sorted(name for name, increase in facts.importance.items() if increase <= 0)
    evaluation = facts.shadowed.rehearsed.registered.evaluated.evaluation
    if idle:
        return _Answer(0.5, f"The error does not grow when {', '.join(idle)} is shuffled.", evaluation)
    return _Answer(1, f"The error grows when any of the {len(facts.importance)} features is shuffled.", evaluation)


def _known_in_time(facts: Facts) -> _Answer:
    # `ModelSpec` refuses a feature that is known only later; which columns name a person nobody has declared.
    evaluation = facts.shadowed.rehearsed.registered.evaluated.evaluation
    return _Answer(
        0.5, "Every feature is known at prediction time; identifiers of people are not looked for.", evaluation
    )


def _checked_in(facts: Facts) -> _Answer:
    registered = facts.shadowed.rehearsed.registered
    commit = registered.evaluated.plan.git_commit
    if len(commit) != 40 or not set(commit) <= set("0123456789abcdef"):
        return _Answer(0, f"No commit is on record: `{commit}`.")
    return _Answer(0.5, f"Commit {commit[:12]} is on record; its review is not.", registered.gate.report)


def _slices(facts: Facts) -> _Answer:
    registered = facts.shadowed.rehearsed.registered
    judged = [check for check in _of(registered.gate.checks, "slice:") if check.passed is not None]
    if judged:
        why = f"{len(judged)} slices are judged beside the champion, {sum(not check.passed for check in judged)} got worse."
        return _Answer(1, why, registered.gate.report)
    return _Answer(
        0.5, "Errors per slice with their counts; no champion to judge them by.", registered.evaluated.evaluation
    )


def _validated(facts: Facts) -> _Answer:
    gate = facts.shadowed.rehearsed.registered.gate
    if gate.forced_by:
        return _Answer(0, f"The gate's answer, {gate.answer}, was not followed.", gate.report)
    return _Answer(1, "The gate judged it before it was registered.", gate.report)


def _same_values(facts: Facts) -> _Answer:
    rehearsed = facts.shadowed.rehearsed
    if not rehearsed.passed or rehearsed.largest_difference is None:
        return _Answer(0, "The rehearsal did not pass.", rehearsed.report)
    why = f"{rehearsed.golden_rows} golden rows are answered as offline; its live requests are recomputed once it has some."
    return _Answer(0.5, why, rehearsed.report)


def _on_served(facts: Facts) -> _Answer:
    shadowed = facts.shadowed
    if not shadowed.labelled or shadowed.report is None:
        return _Answer(0, "No live request of its shadow has a label yet.", shadowed.report)
    return _Answer(0.5, f"{shadowed.labelled} labelled live requests, once, in its shadow.", shadowed.report)
