"""How much better one model is than another on the same rows, with bounds: a bootstrap over blocks of whole days.

The flights of a day share weather and queues, so their errors move together, and the next day's a little with them: a
block of days is one observation, not its thousands of rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from windtunnel.core.contracts import Interval

Floats = npt.NDArray[np.float64]

RESAMPLES = 9_999
"""With 9,999 both 5 % quantiles are resamples of their own: (9,999 + 1) * 0.05 is an integer."""

LEVEL = 0.05
"""Each bound is one-sided at 95 %."""

ROUNDING = 1e-9
"""Models whose blocks agree to this share of the whole differ by no more than the order in which rows are added up."""

LEAST_BLOCKS = 5
"""Fewer give hardly more different resamples than there are blocks, and bounds that are too sure of themselves."""


def rmse_ratio(
    challenger: Floats, champion: Floats, days: npt.NDArray[np.datetime64], seed: tuple[int, ...]
) -> Interval:
    """RMSE of a challenger over that of a champion, minus 1, with bounds at one-sided 95 % each.

    Studentised bootstrap (bootstrap-t) of `log(sum of squares / sum of squares)` over blocks drawn with replacement:
    B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993), section 12.5. Its one-sided coverage is off by
    the order of 1/n where a percentile's is off by 1/sqrt(n): P. Hall, Theoretical Comparison of Bootstrap Confidence
    Intervals, Annals of Statistics 16 (1988). The standard error is the linearised one of a ratio: W. G. Cochran, Sampling
    Techniques (1977), section 6.4. The logarithm makes the roles of the two models exactly opposite.
    docs/decisions/0017-gate.md has the measured error rates.

    Args:
        challenger: Squared error per row, `(rows,)`, at least one row.
        champion: Squared errors of the other on the same rows.
        days: The day of each row.
        seed: The same seed gives the same bounds.

    Returns:
        The interval; of fewer than five blocks its bounds are as wide as any and say nothing.
    """
    block = _blocks(days)
    count = int(block.max()) + 1
    a, b = (np.bincount(block, weights=squares).astype(np.float64) for squares in (challenger, champion))
    if not (largest := max(a.sum(), b.sum())):
        return Interval(estimate=0, low=0, high=0)
    a, b = a / largest, b / largest
    estimate, error = _log_ratio(np.ones((1, count)), a, b)
    if count < LEAST_BLOCKS:
        return Interval(estimate=_as_rmse(float(estimate[0])), low=_as_rmse(-np.inf), high=_as_rmse(np.inf))
    if np.abs(a - b).max() <= ROUNDING:
        return Interval(estimate=0, low=0, high=0)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    estimates, errors = _log_ratio(drawn.astype(np.float64), a, b)
    return _interval(float(estimate[0]), float(error[0]), estimates, errors)


def _blocks(days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.intp]:
    """The number of each row's block: days that follow one another, as evenly as they divide.

    The length is the fourth root of the number of days, 2 for a month: P. Hall, J. L. Horowitz and B.-Y. Jing, On
    Blocking Rules for the Bootstrap with Dependent Data, Biometrika 82 (1995), for a one-sided distribution.
    """
    distinct, day = np.unique(days, return_inverse=True)
    count = len(distinct)
    blocks = count // max(round(count**0.25), 1)
    found: npt.NDArray[np.intp] = day * blocks // max(count, 1)
    return found


def _log_ratio(weights: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Log ratio of the weighted sums and its standard error, per row of `weights` `(resamples, days)`."""
    count = max(weights.shape[1], 2)
    # einsum and not `@`: the BLAS threads of a small product spin on the cores of other tasks.
    total_a, total_b, aa, ab, bb = np.einsum("rd,md->mr", weights, np.stack([a, b, a * a, a * b, b * b]))
    # Of a resample without a single error; the larger sum of the whole is 1.
    total_a, total_b = np.maximum(total_a, 1e-12), np.maximum(total_b, 1e-12)
    # Of a day's share in one total minus its share in the other; these differences add up to 0.
    square = aa / total_a**2 - 2 * ab / (total_a * total_b) + bb / total_b**2
    return np.log(total_a / total_b), np.sqrt(np.maximum(square, 0.0) * count / (count - 1))


def _interval(estimate: float, error: float, estimates: Floats, errors: Floats) -> Interval:
    # A resample of equal days has no error of its own and says nothing of how far off an estimate may be.
    usable = errors > 1e-9 * max(error, np.finfo(np.float64).tiny)
    if error < 1e-12 or not usable.any():
        return Interval(estimate=_as_rmse(estimate), low=_as_rmse(estimate), high=_as_rmse(estimate))
    studentised = (estimates[usable] - estimate) / errors[usable]
    least, most = np.quantile(studentised, (LEVEL, 1 - LEVEL))
    return Interval(
        estimate=_as_rmse(estimate),
        low=_as_rmse(estimate - float(most) * error),
        high=_as_rmse(estimate - float(least) * error),
    )


def _as_rmse(log_ratio: float) -> float:
    """A log ratio of mean squared errors as a ratio of their roots, minus 1."""
    return float(np.expm1(np.clip(log_ratio, -50, 50) / 2))
