"""The questions that the gate puts to a challenger, each answered by itself with its numbers and one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from windtunnel.core.contracts import Check, Comparison, Interval
from windtunnel.core.spec import Gate as Rules
from windtunnel.ml.archive import MEGABYTE
from windtunnel.ml.bootstrap import rmse_ratio
from windtunnel.ml.evaluation_report import EvaluationReport

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Holdout:
    """The rows of a holdout with everybody's answers; every array is `(rows,)`."""

    days: npt.NDArray[np.datetime64]
    target: Floats
    challenger: Floats
    champion: Floats | None
    baselines: Mapping[str, Floats]
    slices: Mapping[str, npt.NDArray[np.object_]]
    "Column -> its value in each row."

    def squares(self, said: Floats) -> Floats:
        """Squared errors of somebody's answers."""
        return (said - self.target) ** 2


@dataclass(frozen=True)
class Case:
    """What is judged, and by which rules."""

    holdout: Holdout
    report: EvaluationReport
    comparison: Comparison
    rules: Rules

    def ratio(self, name: str, other: Floats, rows: npt.NDArray[np.bool_] | slice = slice(None)) -> Interval:
        """RMSE of the challenger over that of another on some rows, minus 1.

        The draws follow from the work key and the name alone: judged again it is the same, whatever else is asked.
        """
        seed = (int(self.comparison.plan.work_key[:16], 16), *name.encode())
        days = self.holdout.days[rows]
        mine, others = (self.holdout.squares(said)[rows] for said in (self.holdout.challenger, other))
        return rmse_ratio(mine, others, days, seed)


def order(case: Case) -> Iterator[Check]:
    """Whether the champion is older, and has not seen the holdout: a backfill never replaces what came later."""
    plan, champion = case.comparison.plan, case.comparison.champion
    if champion is None:
        return
    ends = {"train_end": str(plan.train.end), "champion_train_end": str(champion.train.end)}
    newer = plan.train.end >= champion.train.end
    yield Check(
        name="newer",
        passed=newer,
        sentence=f"Its training window ends {plan.train.end}, that of {champion.version} {champion.train.end}"
        + (": no older data takes its place." if newer else ": an older model does not replace a newer one."),
        numbers=ends,
    )
    unseen = plan.holdout.start >= champion.train.end
    yield Check(
        name="unseen",
        passed=unseen,
        sentence=f"The holdout starts {plan.holdout.start}, and {champion.version} has learnt until "
        f"{champion.train.end}"
        + (": neither has seen its rows." if unseen else ": it has seen rows that it would be judged on."),
        numbers={"holdout_start": str(plan.holdout.start), **ends},
    )


def soundness(case: Case) -> Iterator[Check]:
    """Whether the answers are numbers, the served model is the trained one, and it is quick and small enough."""
    found, rules = case.report, case.rules
    not_finite, distinct = found.answers.not_finite, found.answers.distinct
    if not_finite:
        said = f"{not_finite:,} of {found.holdout.rows:,} answers are NaN or infinite."
    elif distinct < 2 <= found.holdout.rows:
        said = f"All {found.holdout.rows:,} answers are the same."
    else:
        said = f"All answers are finite numbers, {distinct:,} different ones."
    sound = not not_finite and not distinct < 2 <= found.holdout.rows
    yield Check(name="numbers", passed=sound, sentence=said, numbers=found.answers.model_dump())

    apart, tolerance = found.parity.largest_difference, found.parity.tolerance
    same = apart is not None and apart <= tolerance
    yield Check(
        name="parity",
        passed=same,
        sentence=f"The served and the trained model differ by up to "
        f"{'no finite number of' if apart is None else f'{apart:.3g}'} {found.unit}; {tolerance:.3g} is allowed."
        + ("" if same else " Look for a step that computes in float64, such as a scaler."),
        numbers=found.parity.model_dump(),
    )
    p99 = found.serving.p99_ms
    yield Check(
        name="latency",
        passed=p99 <= rules.most_p99_ms,
        sentence=f"99 of 100 requests of one row take {p99:.3g} ms at most; {rules.most_p99_ms:g} ms are allowed.",
        numbers={**found.serving.model_dump(exclude={"size_bytes"}), "most_p99_ms": rules.most_p99_ms},
    )
    megabytes = found.serving.size_bytes / MEGABYTE
    yield Check(
        name="size",
        passed=megabytes <= rules.most_megabytes,
        sentence=f"The served model has {megabytes:.3g} MB; {rules.most_megabytes:g} MB are allowed.",
        numbers={"megabytes": megabytes, "most_megabytes": rules.most_megabytes},
    )


def evidence(case: Case) -> Check:
    """Whether there are days and rows enough to tell models apart."""
    rows, days = len(case.holdout.target), len(np.unique(case.holdout.days))
    rules = case.rules
    enough = rows >= rules.least_rows and days >= rules.least_days
    least = "" if enough else f"; at least {rules.least_rows:,} rows and {rules.least_days} days are needed"
    return Check(
        name="evidence",
        passed=enough or None,
        sentence=f"The holdout has {rows:,} labelled rows of {days} days{least}.",
        numbers={"rows": rows, "days": days, "least_rows": rules.least_rows, "least_days": rules.least_days},
    )


def beaten(case: Case) -> Iterator[Check]:
    """Whether the simple baselines are worse. By the estimate alone: docs/decisions/0017-gate.md says why."""
    for name, said in case.holdout.baselines.items():
        found = case.ratio(f"baseline:{name}", said)
        ahead = found.estimate < 0
        yield Check(
            name=f"baseline:{name}",
            passed=ahead,
            sentence=f"It is {'better' if ahead else 'not better'} than the baseline `{name}`: "
            f"{_rmse(case, said)}, {_bounds(found)}.",
            numbers=_numbers(case, found, said),
        )


def overall(case: Case, champion: Floats) -> tuple[Check, Interval]:
    """Whether it is better than the champion at one-sided 95 %, or may take its place because that is old."""
    version = _version(case)
    found = case.ratio("overall", champion)
    better, older = found.high < 0, ""
    worse = found.low > 0
    passed: bool | None = True if better else False if worse else None
    if passed is None:
        passed, older = _refresh(case, found)
    is_what = "better" if better else "worse" if worse else "neither better nor worse"
    return Check(
        name="overall",
        passed=passed,
        sentence=f"It is {is_what} than {version}: {_rmse(case, champion)}, {_bounds(found)}{older}.",
        numbers=_numbers(case, found, champion),
    ), found


def unanswered(case: Case) -> Check:
    """Why the champion cannot be compared with."""
    scored, said = case.report.champion, case.holdout.champion
    why = scored.why_not if scored and scored.why_not else "It was not asked."
    if said is not None:
        why = f"{np.count_nonzero(~np.isfinite(said)):,} of its answers are NaN or infinite."
    return Check(name="champion", passed=None, sentence=f"{_version(case)} cannot be compared with: {why}")


def slices(case: Case, champion: Floats) -> Iterator[tuple[Check, bool]]:
    """Every value of every slice, largest first, and whether it is judged: small ones are shown with their counts."""
    rules = case.rules
    for column, each in case.holdout.slices.items():
        values, codes, counts = np.unique(each.astype(str), return_inverse=True, return_counts=True)
        for code in np.argsort(-counts, kind="stable"):
            name, count = f"slice:{column}={values[code]}", int(counts[code])
            inside: npt.NDArray[np.bool_] = codes == code
            found = case.ratio(name, champion, inside)
            judged = count >= rules.slice_least_rows
            said = f"{_rmse(case, champion, inside)} on {count:,} rows, {_bounds(found)}"
            lost = found.estimate > rules.slice_margin
            passed: bool | None = not lost
            if not judged:
                passed, said = None, f"Shown, not judged, for {rules.slice_least_rows:,} rows are needed: {said}"
            elif lost:
                by_chance = found.low <= 0
                passed = None if by_chance else False
                said = (
                    f"It loses more than {rules.slice_margin:.0%}{', perhaps by chance' if by_chance else ''}: {said}"
                )
            numbers = _numbers(case, found, champion, inside)
            yield Check(name=name, passed=passed, sentence=f"{said}.", numbers=numbers), judged


def _refresh(case: Case, found: Interval) -> tuple[bool | None, str]:
    """Whether an old champion may be replaced by its equal, and the end of a sentence that says why."""
    refresh, champion = case.rules.refresh, case.comparison.champion
    if refresh is None or champion is None:
        return None, ""
    older = (case.comparison.plan.train.end - champion.train.end).days
    if older < refresh.after_days:
        return None, f". It may replace its equal when its data is {refresh.after_days} days newer; it is {older}"
    if found.high > refresh.margin:
        return None, f". Its data is {older} days newer, and it may yet lose more than the {refresh.margin:.1%} allowed"
    return True, f". Its data is {older} days newer, and it loses no more than the {refresh.margin:.1%} allowed"


def _version(case: Case) -> str:
    champion = case.comparison.champion
    return champion.version if champion else "nobody"


def _rmse(case: Case, other: Floats, rows: npt.NDArray[np.bool_] | slice = slice(None)) -> str:
    mine, others = (_root(case.holdout.squares(said)[rows]) for said in (case.holdout.challenger, other))
    return f"RMSE {mine:.4g} instead of {others:.4g} {case.report.unit}"


def _bounds(found: Interval) -> str:
    """`0.48% smaller (between 1.40% smaller and 0.25% larger)`."""
    return f"{_change(found.estimate)} (between {_change(found.low)} and {_change(found.high)})"


def _change(ratio: float) -> str:
    if ratio > 10:  # one day that is far off leaves a bound that says nothing
        return "over 1000% larger"
    return f"{abs(ratio):.2%} {'smaller' if ratio < 0 else 'larger'}"


def _numbers(
    case: Case, found: Interval, other: Floats, rows: npt.NDArray[np.bool_] | slice = slice(None)
) -> dict[str, float | int | str | None]:
    mine, others = (_root(case.holdout.squares(said)[rows]) for said in (case.holdout.challenger, other))
    days = case.holdout.days[rows]
    return {"rmse": mine, "other_rmse": others, **found.model_dump(), "rows": len(days), "days": len(np.unique(days))}


def _root(squares: Floats) -> float:
    return float(np.sqrt(np.mean(squares)))
