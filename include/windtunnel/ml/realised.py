"""What a champion's own holdout promises of a window, and how it does beside the frozen version before it.

Everything is reckoned in days: rows of a day err together, so a day is one observation. docs/decisions/0024-quality.md has
the measured error rates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from windtunnel.core.contracts import Interval
from windtunnel.core.spec import Task
from windtunnel.ml.bootstrap import LEAST_BLOCKS, LEVEL, mean_ratio
from windtunnel.ml.holdout import bounded
from windtunnel.ml.metrics import FIRST, MORE_IS_BETTER, losses, scores

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Days = npt.NDArray[np.datetime64]

RESAMPLES = 1_999
"""With 1,999 both 5 % quantiles are resamples of their own."""

BLOCK_DAYS = 2
"""A bad day is often followed by another one; a window is drawn in stretches of so many."""

_MOST_PARTS = 8
_RANKS = 512
_AT_ONCE = 100


class Answers(NamedTuple):
    """Labelled rows that somebody answered with finite numbers; every array is `(rows,)`."""

    days: Days
    target: Floats
    said: Floats


class Promise:
    """The first metric of a task as a holdout has it, for windows of any size.

    Args:
        task: Of the model's spec.
        holdout: Rows that the champion had not seen, with its answers.
        seed: The same seed gives the same bounds.
    """

    def __init__(self, task: Task, holdout: Answers, seed: tuple[int, ...]) -> None:
        self.task, self.holdout, self.seed = task, holdout, seed
        distinct, self._day = np.unique(holdout.days, return_inverse=True)
        self.days = len(distinct)
        self._rows = np.bincount(self._day, minlength=self.days)
        if self.says_something:
            whole = _Badness(task, holdout.target, holdout.said, self._day)
            drawn = _weights(_stretches(self.days, self.days, np.random.default_rng(seed)), self.days)
            self._estimate, self._spread = (float(each[0]) for each in whole.with_spread(np.ones((1, self.days))))
            self._estimates, self._spreads = whole.with_spread(drawn)

    @property
    def says_something(self) -> bool:
        """Whether it has days enough, and the task's metric is defined on it."""
        return self.days >= LEAST_BLOCKS * BLOCK_DAYS and bool(
            FIRST[self.task] in scores(self.task, self.holdout.target, self.holdout.said, at=1)
        )

    def expected(self, days: int, rows: int) -> Interval | None:
        """The metric of a window with so many labelled days and rows, when the model is as good as on its holdout.

        A studentised bootstrap prediction interval: what a window drawn from the holdout's days differs from the mean of
        a resampled holdout, in standard errors of that one. So both are in it, the luck of the window and the luck of the
        holdout. A. C. Davison and D. V. Hinkley, Bootstrap Methods and their Application (1997), sections 5.2 and 6.3.3.
        Fewer rows a day than the holdout has are drawn as parts of its days.

        Args:
            days: With labelled rows, at least one.
            rows: Labelled, at least one.

        Returns:
            The holdout's own metric, and bounds at one-sided 95 % each; None where the holdout says nothing.
        """
        if not self.says_something:
            return None
        random = np.random.default_rng((*self.seed, days, rows))
        chosen, part, first, parts = self._cut(-(-rows // days), random)
        window = _Badness(self.task, self.holdout.target[chosen], self.holdout.said[chosen], part)
        drawn = _stretches(self.days, days, random)
        units = first[drawn] + (random.random(drawn.shape) * parts[drawn]).astype(np.intp)
        apart = window.of(_weights(units, int(parts.sum()))) - self._estimates
        usable = np.isfinite(apart) & np.isfinite(self._spreads) & (self._spreads > 1e-9 * self._spread)
        if not usable.any():
            return None
        least, most = np.quantile(apart[usable] / self._spreads[usable], (LEVEL, 1 - LEVEL)) * self._spread
        ends = [float(_from_badness(self.task, self._estimate + by)) for by in (0.0, float(least), float(most))]
        return Interval(estimate=ends[0], low=min(ends[1:]), high=max(ends[1:]))

    def _cut(self, rows: int, random: np.random.Generator) -> tuple[Places, Places, Places, Places]:
        """Days cut at random into parts of so many rows; days with fewer stay whole.

        Returns:
            The rows that are in a part and the part of each; the first part of each day and how many it has.
        """
        parts = np.clip(self._rows // rows, 1, _MOST_PARTS)
        first = np.cumsum(parts) - parts
        order = np.lexsort((random.random(len(self._day)), self._day))
        day = self._day[order]
        place = np.arange(len(day)) - (np.cumsum(self._rows) - self._rows)[day]
        within = np.where(self._rows[day] > rows, place // rows, 0)
        kept = within < parts[day]
        return order[kept], (first[day] + within)[kept], first, parts


def beside(task: Task, champion: Answers, control: Floats, seed: tuple[int, ...]) -> Interval | None:
    """The champion's first metric over the control's on the same rows, minus 1; below 0 the champion is better.

    Where more of the metric is better it is the control's over the champion's. Bootstrap-t over blocks of days, of two as
    the gate does, of single days where there are fewer than ten.

    Args:
        task: Of the model's spec.
        champion: What it answered.
        control: What the other says to the same rows, finite, `(rows,)`.
        seed: The same seed gives the same bounds.

    Returns:
        None where there are too few days, or the metric is not defined.
    """
    distinct, day = np.unique(champion.days, return_inverse=True)
    if len(distinct) < LEAST_BLOCKS:
        return None
    length = BLOCK_DAYS if len(distinct) >= LEAST_BLOCKS * BLOCK_DAYS else 1
    if task != "anomaly":
        own, others = (losses(task, champion.target, said) for said in (champion.said, control))
        power = 0.5 if task == "regression" else 1
        return bounded(mean_ratio(own, others, champion.days, seed, power=power, block_days=length))
    mine, other = (_Badness(task, champion.target, said, day) for said in (champion.said, control))
    drawn = _weights(_stretches(len(distinct), len(distinct), np.random.default_rng(seed), length), len(distinct))
    estimate, spread = (float(each[0]) for each in mine.beside(other, np.ones((1, len(distinct)))))
    estimates, spreads = mine.beside(other, drawn)
    usable = np.isfinite(estimates) & (spreads > 1e-9)
    if not np.isfinite(estimate) or not usable.any():
        return None
    least, most = np.quantile((estimates[usable] - estimate) / spreads[usable], (LEVEL, 1 - LEVEL)) * spread
    return Interval(
        **{
            name: float(np.expm1(np.clip(value, -50, 50)))
            for name, value in (("estimate", estimate), ("low", estimate - most), ("high", estimate - least))
        }
    )


class _Badness:
    """The first metric of weighted units of rows, as a logarithm that grows when the answers get worse.

    A metric that is a mean needs one pair of sums per unit. The average precision needs the running counts of rows and of
    positives, best score first, at a few hundred ranks that lie close together at the top, where it is decided.
    """

    def __init__(self, task: Task, target: Floats, said: Floats, unit: Places) -> None:
        self.task, count = task, int(unit.max()) + 1
        if task == "anomaly":
            rank = np.unique(-said, return_inverse=True)[1]
            ends = np.unique(np.geomspace(1, rank.max() + 1, _RANKS).round().astype(np.intp))
            step = np.searchsorted(ends, rank + 1)
        else:
            step, ends = np.zeros(len(said), dtype=np.intp), np.ones(1, dtype=np.intp)
        place, size = unit * len(ends) + step, count * len(ends)
        bad = (target > 0).astype(np.float64) if task == "anomaly" else losses(task, target, said)
        both = (np.bincount(place, weights=each, minlength=size) for each in (bad, np.ones_like(bad)))
        self._above, self._below = (each.reshape(count, -1).cumsum(axis=1) for each in both)

    def of(self, weights: Floats) -> Floats:
        """`weights` is `(resamples, units)`; NaN where a resample does not define the metric."""
        above, below = self._summed(weights)
        return self._log(above, below)

    def with_spread(self, weights: Floats) -> tuple[Floats, Floats]:
        """The same, and its standard error by the jackknife, each `(resamples,)`."""
        found = [(self._log(*self._summed(some)), _spread(self._without(some), some)) for some in _some(weights)]
        return np.concatenate([value for value, _ in found]), np.concatenate([spread for _, spread in found])

    def beside(self, other: _Badness, weights: Floats) -> tuple[Floats, Floats]:
        """The same of the difference from another on the same units."""
        found = [
            (self.of(some) - other.of(some), _spread(self._without(some) - other._without(some), some))
            for some in _some(weights)
        ]
        return np.concatenate([value for value, _ in found]), np.concatenate([spread for _, spread in found])

    def _summed(self, weights: Floats) -> tuple[Floats, Floats]:
        # einsum and not `@`: the BLAS threads of a small product spin on the cores of other tasks.
        above, below = (np.einsum("ru,uk->rk", weights, each) for each in (self._above, self._below))
        return above, below

    def _without(self, weights: Floats) -> Floats:
        """With one of each unit left out, `(resamples, units)`."""
        above, below = self._summed(weights)
        return self._log(above[:, None, :] - self._above, below[:, None, :] - self._below)

    def _log(self, above: Floats, below: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.task != "anomaly":
                found: Floats = np.log(above[..., -1] / below[..., -1])
                return found / 2 if self.task == "regression" else found
            precision = np.where(below > 0, above / below, 0.0)
            recalled = np.diff(above, axis=-1, prepend=0.0) / above[..., -1:]
            return -np.log(np.sum(recalled * precision, axis=-1))


def _from_badness(task: Task, logarithm: float) -> float:
    return float(np.exp(-logarithm if FIRST[task] in MORE_IS_BETTER else logarithm))


def _spread(without: Floats, weights: Floats) -> Floats:
    """Jackknife standard error of a value, of what it is without one of each unit that was drawn."""
    drawn = weights.sum(axis=1)
    known = np.where(weights > 0, without, 0.0)
    middle = np.sum(weights * known, axis=1) / drawn
    square = np.sum(weights * np.where(weights > 0, (known - middle[:, None]) ** 2, 0.0), axis=1)
    return np.sqrt(square * (drawn - 1) / drawn)


def _some(weights: Floats) -> list[Floats]:
    return np.array_split(weights, -(-len(weights) // _AT_ONCE))


def _stretches(of: int, count: int, random: np.random.Generator, length: int = BLOCK_DAYS) -> Places:
    """Places of `count` days among `of`, `(RESAMPLES, count)`, in stretches of days that follow one another."""
    starts = random.integers(of, size=(RESAMPLES, -(-count // length)))
    drawn: Places = ((starts[:, :, None] + np.arange(length)) % of).reshape(RESAMPLES, -1)[:, :count]
    return drawn


def _weights(drawn: Places, units: int) -> Floats:
    """How often each unit was drawn, `(resamples, units)`."""
    flat = np.arange(len(drawn))[:, None] * units + drawn
    return np.bincount(flat.ravel(), minlength=len(drawn) * units).reshape(len(drawn), units).astype(np.float64)
