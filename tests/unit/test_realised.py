"""What a holdout promises of a window, on real flights: how often it calls a model worse that is not, and one that is."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom
from sklearn.metrics import average_precision_score, log_loss, root_mean_squared_error

from tests.unit import months
from windtunnel.core.spec import Task
from windtunnel.ml.metrics import FIRST, scores
from windtunnel.ml.realised import Answers, Promise, beside

TRIALS, WINDOW = 300, 7
Floats = npt.NDArray[np.float64]


def drawn(days: int, stretch: int, random: np.random.Generator) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows of so many days of the real April in stretches of days that followed one another, and the day of each."""
    starts = random.integers(months.DAYS, size=-(-days // stretch))
    found = [months.april().days[(start + at) % months.DAYS] for start in starts for at in range(stretch)][:days]
    return np.concatenate(found), np.repeat(np.arange(days), [len(each) for each in found])


def answers(errors: Floats, at: npt.NDArray[np.intp], day: npt.NDArray[np.intp]) -> Answers:
    return Answers(np.datetime64("2013-04-01") + day, np.zeros(len(at)), errors[at])


@cache
def called_worse(stretch: int, times: float, share: float) -> int:
    """Of so many windows of a model whose errors became so many times as large, those that are called worse.

    Args:
        stretch: Days that follow one another.
        times: 1: nothing has changed.
        share: Of the window's rows that have a label.
    """
    count = 0
    for number in range(TRIALS):
        random = np.random.default_rng((number, stretch))
        errors = months.april().models[number % months.MODELS]
        promised = Promise("regression", answers(errors, *drawn(28, stretch, random)), (number,))
        at, day = drawn(WINDOW, stretch, random)
        kept = random.random(len(at)) < share
        window = answers(errors * times, at[kept], day[kept])
        expected = promised.expected(WINDOW, int(kept.sum()))
        assert expected is not None
        count += scores("regression", window.target, window.said, at=1)["rmse"] > expected.high
    print(f"stretches of {stretch}, errors x{times}, {share:.0%} of the rows: {count / TRIALS:.1%} are called worse")
    return count


@pytest.mark.parametrize("stretch", [1, 7], ids=["days by themselves", "days that follow one another"])
@pytest.mark.parametrize("share", [1.0, 0.05], ids=["all rows", "one row of twenty"])
def test_a_model_as_good_as_promised_is_called_worse_one_time_in_twenty(stretch: int, share: float) -> None:
    """Beyond what 5 % give by luck in 99 of 100 such tests, it would fail."""
    assert called_worse(stretch, 1.0, share) <= binom.ppf(0.99, TRIALS, 0.05)


def test_it_is_called_worse_now_and_then() -> None:
    """So the bound is not one that nothing crosses."""
    assert called_worse(1, 1.0, 1.0) >= binom.ppf(0.001, TRIALS, 0.05)


def test_of_models_twice_as_bad_nine_of_ten_are_seen_in_one_week() -> None:
    assert called_worse(7, 2.0, 1.0) >= 0.9 * TRIALS


@pytest.mark.parametrize("stretch", [1, 7], ids=["days by themselves", "days that follow one another"])
def test_beside_an_equal_control_a_week_says_surely_worse_one_time_in_twenty(stretch: int) -> None:
    worse = 0
    for number in range(TRIALS):
        random = np.random.default_rng((number, stretch))
        champion, control = months.pair("equal", random)
        at, day = drawn(WINDOW, stretch, random)
        found = beside("regression", answers(champion, at, day), control[at])
        assert found is not None
        worse += found.low > 0
    print(f"stretches of {stretch}: {worse / TRIALS:.1%} surely worse than an equal one")
    assert worse <= binom.ppf(0.99, TRIALS, 0.05)


def test_beside_a_control_that_is_better_most_weeks_say_so() -> None:
    seen = 0
    for number in range(100):
        random = np.random.default_rng(number)
        champion, control = months.pair("worse", random)
        at, day = drawn(WINDOW, 7, random)
        found = beside("regression", answers(champion * 1.1, at, day), control[at])
        seen += found is not None and found.low > 0
    assert seen >= 80, f"errors 15 % larger are seen in {seen} of 100 weeks"


def world(task: Task, rows: int = 6_000) -> Answers:
    random = np.random.default_rng(5)
    days = np.datetime64("2013-04-01") + np.sort(random.integers(0, 28, rows))
    score = random.normal(0, 1, rows)
    if task == "regression":
        return Answers(days, score, score + random.normal(0, 2, rows))
    target = (score + random.normal(0, 1, rows) > 1.5).astype(np.float64)
    return Answers(days, target, 1 / (1 + np.exp(1.5 - 2 * score)) if task == "classification" else np.round(score, 1))


@pytest.mark.parametrize("task", list(FIRST))
def test_the_middle_is_the_holdouts_own_metric_and_bounds_close_in_with_days(task: Task) -> None:
    holdout = world(task)
    promised = Promise(task, holdout, (1,))
    week, month, few = promised.expected(7, 1_500), promised.expected(28, 6_000), promised.expected(7, 70)
    assert week is not None
    assert month is not None
    assert few is not None
    define = {"rmse": root_mean_squared_error, "log_loss": log_loss, "pr_auc": average_precision_score}[FIRST[task]]
    assert week.estimate == pytest.approx(define(holdout.target, holdout.said), rel=0.005)
    assert few.low < week.low < month.low < month.estimate < month.high < week.high < few.high
    assert Promise(task, holdout, (1,)).expected(7, 1_500) == week, "the same seed, the same bounds"


@pytest.mark.parametrize("task", list(FIRST))
def test_beside_itself_nobody_is_better_and_the_roles_are_opposite(task: Task) -> None:
    one = world(task)
    same = beside(task, one, one.said)
    assert same is not None
    assert (same.low, same.estimate, same.high) == (0, 0, 0)
    other = one.said + np.random.default_rng(0).normal(0, 0.05, len(one.said))
    there, back = beside(task, one, other), beside(task, one._replace(said=other), one.said)
    assert there is not None
    assert back is not None
    assert (1 + there.estimate) * (1 + back.estimate) == pytest.approx(1)
    assert (1 + there.low) * (1 + back.high) == pytest.approx(1)


def until(found: Answers, day: str) -> Answers:
    kept = found.days < np.datetime64(day)
    return Answers(found.days[kept], found.target[kept], found.said[kept])


def test_too_few_days_say_nothing() -> None:
    holdout = world("regression")
    assert Promise("regression", until(holdout, "2013-04-10"), (1,)).expected(7, 100) is None
    assert Promise("regression", until(holdout, "2013-04-11"), (1,)).expected(7, 100) is not None
    four, five = until(holdout, "2013-04-05"), until(holdout, "2013-04-06")
    assert beside("regression", four, four.said + 1) is None
    assert beside("regression", five, five.said + 1) is not None


def test_a_holdout_without_a_positive_promises_nothing() -> None:
    holdout = world("anomaly")
    assert Promise("anomaly", holdout._replace(target=np.zeros(len(holdout.days))), (1,)).expected(7, 100) is None


@pytest.mark.parametrize("task", list(FIRST))
def test_a_holdout_without_an_error_promises_nothing(task: Task) -> None:
    holdout = world(task)
    said = holdout.target if task != "classification" else np.where(holdout.target > 0, 1.0, 0.0)
    assert Promise(task, holdout._replace(said=said), (1,)).expected(7, 100) is None
