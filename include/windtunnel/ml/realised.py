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
from windtunnel.ml.bootstrap import LEAST_BLOCKS, LEVEL
from windtunnel.ml.metrics import FIRST, MORE_IS_BETTER, losses, scores

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Days = npt.NDArray[np.datetime64]

RESAMPLES = 1_999
"""With 1,999 both 5 % quantiles are resamples of their own."""

BLOCK_DAYS = 2
"""A bad day is often followed by another one; a window is drawn in stretches of so many."""

_NO_SPREAD = 1e-9
"""Of a logarithm. A resample of equal days says nothing of how far off an estimate may be."""

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
        self._says = self.days >= LEAST_BLOCKS * BLOCK_DAYS and self._defined()
        if self._says:
            whole = _Badness(task, holdout.target, holdout.said, self._day)
            drawn = _weights(_stretches(self.days, self.days, np.random.default_rng(seed)), self.days)
            self._estimate, self._spread = (float(each[0]) for each in whole.with_spread(np.ones((1, self.days))))
            self._estimates, self._spreads = whole.with_spread(drawn)
            self._says = bool(np.isfinite(self._estimate) and self._spread > _NO_SPREAD)

    def _defined(self) -> bool:
        found = scores(self.task, self.holdout.target, self.holdout.said, at=1)
        return found.get(FIRST[self.task], 0.0) > 0

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
            The holdout's own metric, and bounds at one-sided 95 % each. None where the holdout says nothing: it has
            fewer than ten days, its days do not differ, or it has no error at all.
        """
        if not self._says:
            return None
        random = np.random.default_rng((*self.seed, days, rows))
        chosen, part, first, parts = self._cut(-(-rows // days), random)
        window = _Badness(self.task, self.holdout.target[chosen], self.holdout.said[chosen], part)
        drawn = _stretches(self.days, days, random)
        units = first[drawn] + (random.random(drawn.shape) * parts[drawn]).astype(np.intp)
        apart = window.of(_weights(units, int(parts.sum()))) - self._estimates
        usable = np.isfinite(apart) & np.isfinite(self._spreads) & (self._spreads > _NO_SPREAD)
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


def beside(task: Task, champion: Answers, control: Floats) -> Interval | None:
    """The champion's first metric over the control's on the same rows, minus 1; below 0 the champion is better.

    Where more of the metric is better it is the control's over the champion's. Student's t on the logarithm, its standard
    error by the jackknife over days: a window has too few of them for a bootstrap, whose bounds one bad day blows up.

    Args:
        task: Of the model's spec.
        champion: What it answered.
        control: What the other says to the same rows, finite, `(rows,)`.

    Returns:
        The ratio and bounds at one-sided 95 % each; None of fewer than five days, or where the metric is not defined.
    """
    from scipy.special import stdtrit

    distinct, day = np.unique(champion.days, return_inverse=True)
    if (count := len(distinct)) < LEAST_BLOCKS:
        return None
    mine, other = (_Badness(task, champion.target, said, day) for said in (champion.said, control))
    apart, spread = (float(each[0]) for each in mine.beside(other, np.ones((1, count))))
    if not (np.isfinite(apart) and np.isfinite(spread)):
        return None
    reach = float(stdtrit(count - 1, 1 - LEVEL)) * spread
    low, estimate, high = np.expm1(np.clip([apart - reach, apart, apart + reach], -50, 50))
    return Interval(estimate=float(estimate), low=float(low), high=float(high))


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
        return self.of(weights) - other.of(weights), _spread(self._without(weights) - other._without(weights), weights)

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


def _stretches(of: int, count: int, random: np.random.Generator) -> Places:
    """Places of `count` days among `of`, `(RESAMPLES, count)`, in stretches of days that follow one another."""
    starts = random.integers(of, size=(RESAMPLES, -(-count // BLOCK_DAYS)))
    drawn: Places = ((starts[:, :, None] + np.arange(BLOCK_DAYS)) % of).reshape(RESAMPLES, -1)[:, :count]
    return drawn


def _weights(drawn: Places, units: int) -> Floats:
    """How often each unit was drawn, `(resamples, units)`."""
    flat = np.arange(len(drawn))[:, None] * units + drawn
    return np.bincount(flat.ravel(), minlength=len(drawn) * units).reshape(len(drawn), units).astype(np.float64)
