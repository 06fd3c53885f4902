"""The gate: promote, reject, or not enough evidence; from the rows that challenger, champion and baselines answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from windtunnel.core.contracts import Check, Comparison, Interval
from windtunnel.core.spec import Gate as Rules
from windtunnel.ml import checks
from windtunnel.ml.checks import Case, Holdout
from windtunnel.ml.evaluation_report import EvaluationReport

Answer = Literal["promote", "reject", "not-enough-evidence"]


@dataclass(frozen=True)
class Judgement:
    """The gate's answer, before anybody may overrule it."""

    answer: Answer
    sentence: str
    better: Interval | None
    rows: int
    days: int
    checks: tuple[Check, ...]


def judge(holdout: Holdout, report: EvaluationReport, comparison: Comparison, rules: Rules) -> Judgement:
    """Judge a challenger beside the champion on the same rows.

    One check that fails is a reject. None fails and one cannot be answered: not enough evidence. All pass: promote.

    Args:
        holdout: The rows and everybody's answers.
        report: What else the evaluation measured.
        comparison: The two models, with their windows. Its work key decides the draws of the bootstrap.
        rules: What a challenger must show.
    """
    case = Case(holdout, report, comparison, rules)
    enough = checks.evidence(case)
    decisive = [*checks.order(case), *checks.soundness(case), enough]
    shown: list[Check] = []
    better = None
    # Answers that are no numbers have no errors to compare, and too few rows have none worth comparing.
    if np.isfinite(holdout.challenger).all() and enough.passed:
        if comparison.champion is not None:
            better = _beside_the_champion(case, decisive, shown)
        decisive += checks.beaten(case)
    answer = _answer(decisive)
    return Judgement(
        answer=answer,
        sentence=_sentence(answer, decisive, comparison),
        better=better,
        rows=len(holdout.target),
        days=len(np.unique(holdout.days)),
        checks=(*decisive, *shown),
    )


def _beside_the_champion(case: Case, decisive: list[Check], shown: list[Check]) -> Interval | None:
    said = case.holdout.champion
    if said is None or not np.isfinite(said).all():
        decisive.append(checks.unanswered(case))
        return None
    first, better = checks.overall(case, said)
    decisive.append(first)
    for check, judged in checks.slices(case, said):
        (decisive if judged else shown).append(check)
    return better


def _answer(decisive: list[Check]) -> Answer:
    if any(check.passed is False for check in decisive):
        return "reject"
    return "not-enough-evidence" if any(check.passed is None for check in decisive) else "promote"


def _sentence(answer: Answer, decisive: list[Check], comparison: Comparison) -> str:
    """The check that decided, in its own words, and how many others said the same."""
    if answer == "promote":
        if comparison.champion is None:
            return "Nothing is in service yet, the baselines are beaten, and the numbers are sound."
        return f"It may replace {comparison.champion.version}. {_named(decisive, 'overall').sentence}"
    wanted = False if answer == "reject" else None
    first, *others = [check for check in decisive if check.passed is wanted]
    more = f" And {len(others)} more: {', '.join(f'`{check.name}`' for check in others[:5])}." if others else ""
    return f"{'Rejected' if answer == 'reject' else 'Not enough evidence'} by `{first.name}`: {first.sentence}{more}"


def _named(decisive: list[Check], name: str) -> Check:
    return next(check for check in decisive if check.name == name)
