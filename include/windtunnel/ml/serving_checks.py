"""Whether serving computes what training did, and whether its answers are sane.

Training-serving skew has two halves, and they are told apart: `features` compares what was asked with what ingestion
recorded of the same row, `answers` compares what was served with what the same version says offline to the same question.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from windtunnel.core.contracts import Check
from windtunnel.core.spec import ModelSpec
from windtunnel.ml.joined import CHAMPION_SAID, CONTROL_SAID, PREDICTION, VERSION, recorded
from windtunnel.ml.scoring_report import ScoringReport

ANSWER_BUDGET = 0.001
"""Share of served answers that may be apart from the offline ones: the clocks of captures and of the ledger are not one,
so a request beside a release may stand for the wrong version."""

FEATURE_BUDGET = 0.01
"""Share of rows whose feature may differ from what ingestion recorded: sources correct a value now and then."""

LEAST_VARIED = 10
"""Rows of a version before equal answers to different questions say anything."""


def judge(rows: pd.DataFrame, spec: ModelSpec, report: ScoringReport) -> tuple[Check, ...]:
    """Every check on the rows of a window.

    Args:
        rows: The joined rows with `champion_said` and `control_said`; at least one.
        spec: The model.
        report: How the two versions were asked.
    """
    return answers(rows, spec, report), features(rows, spec), finite(rows), plausible(rows, spec), constant(rows, spec)


def answers(rows: pd.DataFrame, spec: ModelSpec, report: ScoringReport) -> Check:
    """Whether serving answers what the same version answers offline, within the tolerance of its golden rows."""
    compared = apart = 0
    largest = 0.0
    asked = ((report.champion, CHAMPION_SAID), (report.control, CONTROL_SAID))
    for version, column in asked:
        if version is None or version.tolerance is None:
            continue
        mine = rows[rows[VERSION] == version.version]
        mine = mine[np.isfinite(mine[column])]
        # A model answers in float32; the digits in which an answer travels are not its own.
        served, said = (_float32(mine[name]).astype(np.float64) for name in (PREDICTION, column))
        differences = np.abs(served - said)
        compared += len(mine)
        apart += int((~(differences <= version.tolerance)).sum())
        largest = max(largest, float(differences[np.isfinite(differences)].max(initial=0.0)))
    others = int((~rows[VERSION].isin([version.version for version, _ in asked if version])).sum())
    numbers = {
        "rows": len(rows),
        "compared": compared,
        "apart": apart,
        "other_versions": others,
        "largest_difference": largest,
        "allowed": ANSWER_BUDGET,
    }
    reasons = " ".join(
        f"{version.version} said nothing offline: {version.why_not}"
        for version, _ in asked
        if version and version.why_not
    )
    left_out = f"{len(rows) - compared:,} were not compared, {others:,} of them of other versions. {reasons}".strip()
    if not compared:
        sentence = f"No answer can be compared with its version's offline one: {left_out}"
        return Check(name="answers", passed=None, sentence=sentence, numbers=numbers)
    sentence = (
        f"{apart:,} of {compared:,} served answers are not what the same version says offline, the largest difference "
        f"being {largest:.3g} {spec.unit}; allowed are {ANSWER_BUDGET:.2%}."
    )
    return Check(
        name="answers",
        passed=within(apart, compared, ANSWER_BUDGET),
        sentence=f"{sentence} {left_out}" if compared < len(rows) else sentence,
        numbers=numbers,
    )


def features(rows: pd.DataFrame, spec: ModelSpec) -> Check:
    """Whether what was asked is what ingestion recorded of the same rows, compared as the model sees it."""
    known = rows[rows[spec.event_time].notna()]
    counts = {name: int(_differs(known[name], known[recorded(name)]).sum()) for name in spec.features}
    numbers: dict[str, float | int | str | None] = {"rows": len(known), "allowed": FEATURE_BUDGET}
    if known.empty:
        sentence = "Ingestion does not know any of the asked rows yet."
        return Check(name="features", passed=None, sentence=sentence, numbers=numbers)
    numbers |= {f"differ_{name}": count / len(known) for name, count in counts.items()}
    skewed = {name for name, count in counts.items() if not within(count, len(known), FEATURE_BUDGET)}
    worst = max(counts, key=lambda name: counts[name])
    sentence = (
        f"`{worst}` differs most often, in {counts[worst]:,} of {len(known):,} rows; allowed are {FEATURE_BUDGET:.0%}."
    )
    if skewed:
        shares = ", ".join(
            f"`{name}` in {counts[name] / len(known):.1%}" for name in sorted(skewed, key=lambda n: -counts[n])
        )
        sentence = (
            f"Asked and recorded values differ: {shares} of {len(known):,} rows; allowed are {FEATURE_BUDGET:.0%}."
        )
    elif not counts[worst]:
        sentence = f"Every feature was asked as it was recorded, in {len(known):,} rows."
    return Check(name="features", passed=not skewed, sentence=sentence, numbers=numbers)


def finite(rows: pd.DataFrame) -> Check:
    """Whether every answer is a finite number."""
    wrong = int((~np.isfinite(rows[PREDICTION])).sum())
    sentence = f"{wrong:,} of {len(rows):,} answers are no finite number; allowed is none."
    return Check(name="finite", passed=not wrong, sentence=sentence, numbers={"rows": len(rows), "wrong": wrong})


def plausible(rows: pd.DataFrame, spec: ModelSpec) -> Check:
    """Whether as many answers are usable as a rollout asks for: finite, and in the plausible range of the spec."""
    low, high = spec.serving.plausible
    wrong = int((~rows[PREDICTION].between(low, high)).sum())
    allowed = spec.rollout.most_unusable
    return Check(
        name="plausible",
        passed=within(wrong, len(rows), allowed),
        sentence=f"{wrong:,} of {len(rows):,} answers lie outside {low:,} to {high:,} {spec.unit}; allowed are "
        f"{allowed:.2%}.",
        numbers={"rows": len(rows), "wrong": wrong, "allowed": allowed},
    )


def constant(rows: pd.DataFrame, spec: ModelSpec) -> Check:
    """Whether no version gives one answer to all questions, though they differ."""
    stuck, judged = [], 0
    for version, mine in rows.groupby(VERSION, sort=True):
        if len(mine) < LEAST_VARIED or mine[list(spec.features)].nunique(dropna=False).max() == 1:
            continue
        judged += 1
        if mine[PREDICTION].nunique(dropna=False) == 1:
            stuck.append(f"{version} answered {mine[PREDICTION].iloc[0]:g} {spec.unit} to all {len(mine):,} questions")
    numbers = {"rows": len(rows), "versions": judged, "constant": len(stuck)}
    if not judged:
        sentence = f"No version was asked {LEAST_VARIED} times about different things."
        return Check(name="constant", passed=None, sentence=sentence, numbers=numbers)
    sentence = f"{'; '.join(stuck)}." if stuck else "Answers vary with the questions."
    return Check(name="constant", passed=not stuck, sentence=sentence, numbers=numbers)


def within(count: int, rows: int, budget: float) -> bool:
    """Whether a share keeps to its budget; a single row never breaks one, however few there are."""
    return count <= max(1, budget * rows)


def _differs(asked: pd.Series, known: pd.Series) -> npt.NDArray[np.bool_]:
    if not pd.api.types.is_numeric_dtype(known.dtype):
        left, right = (column.astype(object).where(column.notna(), "").to_numpy() for column in (asked, known))
        return np.asarray(left != right, dtype=np.bool_)
    left, right = _float32(asked), _float32(known)
    return np.asarray(~((left == right) | (np.isnan(left) & np.isnan(right))), dtype=np.bool_)


def _float32(column: pd.Series) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return column.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)
