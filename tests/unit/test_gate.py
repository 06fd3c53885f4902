"""The gate's rules, each on rows small enough to be clear, and what holds for any rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests import candidate
from windtunnel.core.contracts import Champion, Check, Comparison
from windtunnel.core.spec import Gate as Rules
from windtunnel.core.spec import Refresh
from windtunnel.core.window import Window
from windtunnel.ml.checks import Holdout
from windtunnel.ml.evaluation_report import Answers, EvaluationReport, Parity, Rows, ScoredChampion, Serving
from windtunnel.ml.gate import Judgement, judge

RULES = Rules(least_days=14, least_rows=300, slice_least_rows=200, refresh=Refresh(after_days=60, margin=0.02))
DAYS, PER_DAY = 30, 40
APRIL = np.datetime64("2013-04-01", "D")


def errors(seed: int, rows: int = DAYS * PER_DAY) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 10, rows)


def holdout(**given: Any) -> Holdout:
    """A challenger that is 10 % better than the champion, and far better than the baselines."""
    rows = DAYS * PER_DAY
    usual: dict[str, Any] = {
        "days": APRIL + np.repeat(np.arange(DAYS), PER_DAY),
        "target": np.zeros(rows),
        "challenger": 0.9 * errors(1) + 0.1 * errors(2),
        "champion": errors(1),
        "baselines": {"linear": 2 * errors(3), "seasonal_naive": 3 * errors(4)},
        "slices": {"origin": np.array(["EWR", "JFK", "LGA"] * (rows // 3), dtype=object)},
    }
    return Holdout(**usual | given)


def report(**given: Any) -> EvaluationReport:
    usual: dict[str, Any] = {
        "model": "flights",
        "artefact_sha256": "b" * 64,
        "unit": "minutes",
        "train": Rows(window=Window.parse("2013-01", "2013-04"), rows=80_789),
        "holdout": Rows(window=Window.month("2013-04"), rows=DAYS * PER_DAY),
        "metrics": {},
        "slices": {},
        "champion": ScoredChampion(version="V1.1.0", artefact_sha256="d" * 64, why_not=None),
        "answers": Answers(not_finite=0, distinct=1_000),
        "parity": Parity(largest_difference=1e-5, tolerance=0.001),
        "serving": Serving(size_bytes=200_000, requests=2_000, p50_ms=0.1, p99_ms=0.2),
    }
    return EvaluationReport(**usual | given)


def beside(champion: Champion | None = candidate.champion(), **plan: Any) -> Comparison:  # noqa: B008 - it is frozen
    return Comparison(plan=candidate.plan(**plan), champion=champion, job_name="flights-a-vs-V1-1-0")


def check(judged: Judgement, name: str) -> Check:
    (found,) = [each for each in judged.checks if each.name == name]
    return found


def test_a_better_challenger_is_promoted_with_its_numbers() -> None:
    judged = judge(holdout(), report(), beside(), RULES)
    assert judged.answer == "promote"
    assert judged.better is not None
    assert judged.better.low < judged.better.estimate < judged.better.high < 0
    assert judged.sentence.startswith("It may replace V1.1.0. It is better than V1.1.0: RMSE ")
    assert (judged.rows, judged.days) == (1_200, 30)
    overall = check(judged, "overall").numbers
    rmse, other = overall["rmse"], overall["other_rmse"]
    assert isinstance(rmse, float)
    assert isinstance(other, float)
    assert rmse / other - 1 == pytest.approx(judged.better.estimate)


def test_a_worse_one_is_rejected() -> None:
    judged = judge(holdout(challenger=1.1 * errors(1) + 0.1 * errors(2)), report(), beside(), RULES)
    assert judged.answer == "reject"
    assert "It is worse than V1.1.0: RMSE" in judged.sentence


def test_an_equal_one_is_not_enough_evidence_and_an_identical_one_neither() -> None:
    equal = holdout(challenger=errors(1) + 0.5 * errors(5), champion=errors(1) + 0.5 * errors(6))
    judged = judge(equal, report(), beside(), RULES)
    assert judged.better is not None
    assert judged.better.low < 0 < judged.better.high
    assert judged.answer == "not-enough-evidence"
    identical = judge(holdout(challenger=errors(1)), report(), beside(), RULES)
    assert identical.answer == "not-enough-evidence"
    assert identical.better is not None
    assert (identical.better.low, identical.better.high) == (0, 0)
    assert "neither better nor worse than V1.1.0" in identical.sentence


def test_without_a_champion_the_baselines_and_the_numbers_decide() -> None:
    first = judge(holdout(champion=None), report(champion=None), beside(None), RULES)
    assert (first.answer, first.better) == ("promote", None)
    assert first.sentence.startswith("Nothing is in service yet")
    behind = judge(holdout(champion=None, challenger=2.5 * errors(1)), report(champion=None), beside(None), RULES)
    assert behind.answer == "reject"
    assert [each.name for each in behind.checks if each.passed is False] == ["baseline:linear"]


def test_a_baseline_must_be_beaten_also_by_what_is_better_than_the_champion() -> None:
    judged = judge(holdout(baselines={"linear": 0.5 * errors(1)}), report(), beside(), RULES)
    assert judged.answer == "reject"
    assert "It is not better than the baseline `linear`: RMSE" in judged.sentence
    assert check(judged, "overall").passed is True


@pytest.mark.parametrize(
    ("name", "found", "said"),
    [
        ("numbers", {"answers": Answers(not_finite=3, distinct=900)}, "3 of 1,200 answers are NaN or infinite."),
        ("numbers", {"answers": Answers(not_finite=0, distinct=1)}, "All 1,200 answers are the same."),
        ("parity", {"parity": Parity(largest_difference=0.5, tolerance=0.001)}, "differ by up to 0.5 minutes"),
        ("parity", {"parity": Parity(largest_difference=None, tolerance=0.001)}, "no finite number of minutes"),
        ("latency", {"serving": Serving(size_bytes=1, requests=99, p50_ms=1, p99_ms=51)}, "51 ms at most; 50 ms are"),
        ("size", {"serving": Serving(size_bytes=2**28, requests=99, p50_ms=1, p99_ms=1)}, "256 MB; 200 MB are allowed"),
    ],
    ids=["not finite", "constant", "parity", "parity of no number", "slow", "large"],
)
def test_what_is_unsound_is_rejected_however_good_it_is(name: str, found: dict[str, Any], said: str) -> None:
    judged = judge(holdout(), report(**found), beside(), RULES)
    assert judged.answer == "reject"
    assert check(judged, name).passed is False
    assert said in judged.sentence


def test_answers_that_are_no_numbers_are_rejected_and_compared_with_nothing() -> None:
    broken = np.where(np.arange(DAYS * PER_DAY) == 7, np.nan, errors(1))
    judged = judge(holdout(challenger=broken), report(answers=Answers(not_finite=1, distinct=9)), beside(), RULES)
    assert (judged.answer, judged.better) == ("reject", None)
    assert all(np.isfinite(n) for each in judged.checks for n in each.numbers.values() if isinstance(n, float))


def test_few_days_or_few_rows_are_not_enough_evidence() -> None:
    few = holdout(days=APRIL + np.repeat(np.arange(10), 3 * PER_DAY))
    judged = judge(few, report(), beside(), RULES)
    assert judged.answer == "not-enough-evidence"
    assert "1,200 labelled rows of 10 days; at least 300 rows and 14 days are needed" in judged.sentence
    judged = judge(holdout(), report(), beside(), RULES.model_copy(update={"least_rows": 5_000}))
    assert judged.answer == "not-enough-evidence"


def test_an_older_model_never_replaces_a_newer_one_however_much_better_it_seems() -> None:
    newer = candidate.champion(version="V1.1.5", train=Window.parse("2013-02", "2013-05"))
    judged = judge(holdout(), report(), beside(newer), RULES)
    assert judged.answer == "reject"
    assert check(judged, "newer").passed is False
    assert "an older model does not replace a newer one" in judged.sentence


def test_rows_that_the_champion_has_learnt_from_judge_nobody() -> None:
    plan = {"train": Window.parse("2013-01", "2013-04"), "holdout": Window.month("2013-04")}
    seen = candidate.champion(train=Window.parse("2013-01", "2013-04"))
    assert check(judge(holdout(), report(), beside(seen, **plan), RULES), "unseen").passed is True
    seen = candidate.champion(train=Window.parse("2013-01-02", "2013-04-02"))
    judged = judge(
        holdout(), report(), beside(seen, **plan | {"train": Window.parse("2013-01-02", "2013-04-02")}), RULES
    )
    assert judged.answer == "reject"
    assert "it has seen rows that it would be judged on" in judged.sentence


def nearly(share: float) -> npt.NDArray[np.float64]:
    """A challenger whose RMSE is about `share` larger than the champion's, and not by the same on every day."""
    return errors(1) * (1 + share) + 0.05 * errors(2)


def test_an_old_champion_may_be_replaced_by_its_equal_and_by_no_worse_one() -> None:
    old = candidate.champion(train=Window.parse("2012-10", "2013-01"))
    young = candidate.champion()
    same = holdout(challenger=nearly(0))
    assert judge(same, report(), beside(old), RULES).answer == "promote"
    assert (
        "90 days newer, and it loses no more than the 2.0% allowed"
        in judge(same, report(), beside(old), RULES).sentence
    )
    assert "when its data is 60 days newer; it is 31" in judge(same, report(), beside(young), RULES).sentence
    assert judge(same, report(), beside(young), RULES).answer == "not-enough-evidence"
    assert (
        judge(same, report(), beside(old), RULES.model_copy(update={"refresh": None})).answer == "not-enough-evidence"
    )
    strict = RULES.model_copy(update={"refresh": Refresh(after_days=60, margin=0)})
    assert judge(same, report(), beside(old), strict).answer == "not-enough-evidence"
    # Proved to be worse, by less than the margin: fresh data is no reason to lose.
    worse = judge(holdout(challenger=nearly(0.01)), report(), beside(old), RULES)
    assert worse.better is not None
    assert 0 < worse.better.low < worse.better.high < 0.02
    assert worse.answer == "reject"


def in_slice(loss: float, rows: slice) -> Holdout:
    """Better overall, and in some rows of `EWR` its squared error is larger by this much each."""
    usual = holdout()
    inside = np.flatnonzero(usual.slices["origin"] == "EWR")[rows]
    challenger = usual.challenger.copy()
    challenger[inside] = np.sqrt(challenger[inside] ** 2 + loss)
    return replace(usual, challenger=challenger, champion=2 * errors(1))


def test_a_slice_that_surely_loses_more_than_the_margin_is_rejected() -> None:
    judged = judge(in_slice(500, slice(None)), report(), beside(), RULES)
    assert check(judged, "overall").passed is True
    assert judged.answer == "reject"
    assert check(judged, "slice:origin=EWR").passed is False
    assert "It loses more than 10%: RMSE" in check(judged, "slice:origin=EWR").sentence


def test_one_that_may_have_lost_by_chance_is_not_enough_evidence() -> None:
    judged = judge(in_slice(120_000, slice(5, 7)), report(), beside(), RULES)
    lost = check(judged, "slice:origin=EWR")
    assert lost.passed is None
    assert judged.answer == "not-enough-evidence"
    assert lost.sentence.startswith("It loses more than 10%, perhaps by chance: RMSE 26.09 instead of 19.9 minutes")
    assert lost.sentence.endswith("and over 1000% larger).")  # all of it stands on one day


def test_a_small_slice_is_shown_with_its_count_and_not_judged() -> None:
    rules = RULES.model_copy(update={"slice_least_rows": 401})
    judged = judge(in_slice(500, slice(None)), report(), beside(), rules)
    assert judged.answer == "promote"
    shown = check(judged, "slice:origin=EWR")
    assert shown.passed is None
    assert shown.numbers["rows"] == 400
    assert shown.sentence.startswith("Shown, not judged, for 401 rows are needed: RMSE")


@pytest.mark.parametrize(
    ("champion", "why_not", "said"),
    [
        (None, "It takes `runway`, which the rows do not have.", "It takes `runway`"),
        (np.where(np.arange(DAYS * PER_DAY) < 2, np.inf, 1.0), None, "2 of its answers are NaN or infinite."),
    ],
    ids=["other features", "no numbers"],
)
def test_a_champion_that_cannot_answer_leaves_too_little_evidence(champion: Any, why_not: str, said: str) -> None:
    scored = ScoredChampion(version="V1.1.0", artefact_sha256="d" * 64, why_not=why_not)
    judged = judge(holdout(champion=champion), report(champion=scored), beside(), RULES)
    assert judged.answer == "not-enough-evidence"
    assert f"V1.1.0 cannot be compared with: {said}" in judged.sentence


def test_the_same_work_has_the_same_bounds_and_other_work_has_others() -> None:
    judged = judge(holdout(), report(), beside(), RULES)
    assert judge(holdout(), report(), beside(), RULES) == judged
    other = judge(holdout(), report(), beside(work_key="f" * 64), RULES)
    assert other.better is not None
    assert judged.better is not None
    assert other.better.estimate == judged.better.estimate
    assert other.better.high != judged.better.high
    assert other.better.high == pytest.approx(judged.better.high, abs=0.003)


seeds = st.integers(0, 10_000)
mixes = st.floats(0, 1)


def drawn(seed: int, mix: float, scale: float) -> Holdout:
    """Two models that have something in common, with days that are bad for both."""
    random = np.random.default_rng(seed)
    day = np.repeat(np.exp(random.normal(0, 1, DAYS)), PER_DAY)
    first, second = random.normal(0, 10, (2, DAYS * PER_DAY)) * day
    return holdout(challenger=first, champion=scale * (mix * first + (1 - mix) * second))


@settings(max_examples=25, deadline=None)
@given(seed=seeds, mix=mixes, scale=st.floats(0.5, 2))
def test_of_two_models_never_both_replace_the_other(seed: int, mix: float, scale: float) -> None:
    """With the windows swapped too: an old champion may be refreshed, and never comes back by the same rows."""
    rows = drawn(seed, mix, scale)
    assert rows.champion is not None
    old = candidate.champion(train=Window.parse("2012-10", "2013-01"))
    forth = judge(rows, report(), beside(old), RULES)
    swapped = replace(rows, challenger=rows.champion, champion=rows.challenger)
    back = judge(swapped, report(), beside(candidate.champion(train=candidate.plan().train), train=old.train), RULES)
    again = judge(swapped, report(), beside(), RULES)
    assert "promote" not in (forth.answer, back.answer)[forth.answer == "promote" :]
    assert forth.better is not None
    assert again.better is not None
    assert (1 + forth.better.estimate) * (1 + again.better.estimate) == pytest.approx(1)
    assert not (forth.better.high < 0 and again.better.high < 0)
    assert (1 + forth.better.high) * (1 + again.better.low) == pytest.approx(1)


@settings(max_examples=25, deadline=None)
@example(seed=1, mix=0.9999999999999999, days=0, order=0)
@given(seed=seeds, mix=mixes, days=st.integers(-2_000, 2_000), order=seeds)
def test_when_the_days_were_and_how_the_rows_stand_changes_nothing(
    seed: int, mix: float, days: int, order: int
) -> None:
    rows = drawn(seed, mix, 1.0)
    assert rows.champion is not None
    at = np.random.default_rng(order).permutation(len(rows.target))
    moved = Holdout(
        days=rows.days[at] + np.timedelta64(days, "D"),
        target=rows.target[at],
        challenger=rows.challenger[at],
        champion=rows.champion[at],
        baselines={name: said[at] for name, said in rows.baselines.items()},
        slices={name: each[at] for name, each in rows.slices.items()},
    )
    first, second = (judge(each, report(), beside(), RULES) for each in (rows, moved))
    assert first.answer == second.answer
    assert first.better is not None
    assert second.better is not None
    assert second.better.model_dump() == pytest.approx(first.better.model_dump())


STRENGTH = {"reject": 0, "not-enough-evidence": 1, "promote": 2}


@settings(max_examples=25, deadline=None)
@given(seed=seeds, mix=mixes, scale=st.floats(0.8, 1.5), more=st.integers(1, 5))
def test_more_slices_never_make_the_answer_kinder(seed: int, mix: float, scale: float, more: int) -> None:
    rows = drawn(seed, mix, scale)
    finer = np.array([f"hour {number % more}" for number in range(len(rows.target))], dtype=object)
    fewer, all_of_them = (
        judge(each, report(), beside(), RULES) for each in (rows, replace(rows, slices={**rows.slices, "hour": finer}))
    )
    assert STRENGTH[all_of_them.answer] <= STRENGTH[fewer.answer]
    kept = [each for each in all_of_them.checks if not each.name.startswith("slice:hour")]
    assert kept == list(fewer.checks)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, scale=st.floats(0, 1e6), rows=st.integers(1, 60), days=st.integers(1, 40))
def test_any_rows_are_judged_with_finite_numbers(seed: int, scale: float, rows: int, days: int) -> None:
    random = np.random.default_rng(seed)
    said = {name: scale * random.normal(0, 1, rows) for name in ("challenger", "champion", "linear")}
    tiny = Holdout(
        days=APRIL + random.integers(0, days, rows),
        target=np.zeros(rows),
        challenger=said["challenger"],
        champion=said["champion"],
        baselines={"linear": said["linear"]},
        slices={"origin": random.choice(np.array(["a", "b", None], dtype=object), rows)},
    )
    rules = Rules(least_days=2, least_rows=1, slice_least_rows=1)
    judged = judge(tiny, report(), beside(), rules)
    assert all(np.isfinite(n) for each in judged.checks for n in each.numbers.values() if isinstance(n, float))
    assert judged.better is None or judged.better.low <= judged.better.estimate <= judged.better.high
