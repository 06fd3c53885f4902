"""Contributions: what each feature of a row adds to its answer, as Shapley values against rows that stand for all.

The value of a set of features is the mean answer when they are the row's and the others a background row's. A
contribution is the mean of what a feature adds to that value over all orders in which features can be added, so that base
plus contributions is the answer. E. Strumbelj and I. Kononenko, An efficient explanation of individual classifications
using game theory, JMLR 11 (2010); S. Lundberg and S.-I. Lee, A unified approach to interpreting model predictions, NIPS 2017
(there: interventional SHAP values). Only answers of the model are used, so trees, lines and all others are explained alike.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
Answers = Callable[[Matrix], npt.NDArray[np.float32]]

MOST_EXACT = 10
"""Features up to which all sets are asked, 2^10; with more, orders are drawn, and the sum still is the answer."""

ORDERS = 64
"""Drawn, each also backwards: what one finds too large for a feature the other finds too small."""

_SEED = 20130101
_MOST_ROWS = 65_536
"""Asked at a time."""


class Contributions(NamedTuple):
    """What an answer is made of, in its unit.

    Attributes:
        base: Mean answer to the background.
        values: `(features,)`; base and their sum is the answer.
    """

    base: float
    values: npt.NDArray[np.float64]


def contributions(answers: Answers, row: Matrix, background: Matrix) -> Contributions:
    """What each feature of a row adds to its answer; the same each time.

    Args:
        answers: The model: `(rows, features)` -> `(rows,)`.
        row: `(features,)`.
        background: Rows that stand for all, `(rows, features)`.
    """
    count = len(row)
    if count <= MOST_EXACT:
        sets = np.arange(2**count)[:, None] >> np.arange(count) & 1 == 1
        return _exact(_values(answers, sets, row, background), count)
    random = np.random.default_rng(_SEED)
    orders = np.array([random.permutation(count) for _ in range(ORDERS)])
    return _drawn(answers, np.concatenate([orders, orders[:, ::-1]]), row, background)


def mean_contributions(answers: Answers, rows: Matrix, background: Matrix) -> npt.NDArray[np.float64]:
    """Mean absolute contribution of each feature over rows, `(features,)`, in the unit of the answer."""
    return np.mean([np.abs(contributions(answers, row, background).values) for row in rows], axis=0)


def _exact(values: npt.NDArray[np.float64], count: int) -> Contributions:
    """From the value of every set; a set is a number whose bits are its features."""
    sets = np.arange(2**count)
    sizes = np.bitwise_count(sets).astype(np.int64)
    weights = np.array([factorial(size) * factorial(count - size - 1) / factorial(count) for size in range(count)])
    found = np.empty(count)
    for feature in range(count):
        without = sets[(sets >> feature & 1) == 0]
        found[feature] = weights[sizes[without]] @ (values[without | 1 << feature] - values[without])
    return Contributions(float(values[0]), found)


def _drawn(answers: Answers, orders: npt.NDArray[np.int64], row: Matrix, background: Matrix) -> Contributions:
    """From the values along some orders."""
    number, count = orders.shape
    places = np.argsort(orders, axis=1)
    # sets[order, step]: the features that stand among the first `step` of the order.
    sets = places[:, None, :] < np.arange(count + 1)[:, None]
    values = _values(answers, sets.reshape(-1, count), row, background).reshape(number, count + 1)
    steps = np.diff(values, axis=1)
    return Contributions(float(values[0, 0]), np.take_along_axis(steps, places, axis=1).mean(axis=0))


def _values(answers: Answers, sets: npt.NDArray[np.bool_], row: Matrix, background: Matrix) -> npt.NDArray[np.float64]:
    """The value of each set of features, `(sets,)`."""
    step, found = max(1, _MOST_ROWS // len(background)), []
    for start in range(0, len(sets), step):
        part = sets[start : start + step]
        asked = np.where(part[:, None, :], row, background).reshape(-1, len(row))
        said = answers(np.ascontiguousarray(asked, dtype=np.float32)).astype(np.float64)
        found.append(said.reshape(len(part), -1).mean(axis=1))
    return np.concatenate(found)
