"""Exact drift scores over every row, by the definitions Evidently 0.7.23 uses for large samples.

Evidently computes each score three times and takes 80 times the CPU for one million rows (bench/drift.py); a sample
instead moves scores across its own threshold. So the scores are computed here and Evidently draws its report beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from windtunnel.core.contracts import DriftScore
from windtunnel.core.contracts.monitoring import DriftMethod
from windtunnel.core.spec import Kind

FEW_VALUES = 5
"A number with at most so many distinct values, both sides together, counts as a category."

SMALLEST_NORM = 0.001
"""What Evidently divides by at least."""


def drift_scores(reference: pa.Table, current: pa.Table, kinds: Mapping[str, Kind]) -> dict[str, DriftScore]:
    """The score of every column that has values on both sides.

    Args:
        reference: Rows that the model knows.
        current: Rows that it was asked.
        kinds: Columns to score, with their types; timestamps have no score.
    """
    found = {
        name: drift_score(reference[name], current[name], kind) for name, kind in kinds.items() if kind != "timestamp"
    }
    return {name: score for name, score in found.items() if score is not None}


def drift_score(reference: pa.ChunkedArray, current: pa.ChunkedArray, kind: Kind) -> DriftScore | None:
    """How far a column has moved. Missing and infinite values are left out, as Evidently does.

    Returns:
        For numbers the Wasserstein distance in standard deviations of the reference; for categories, and numbers with
        few distinct values, the Jensen-Shannon distance (0 to 0.8326, natural logarithm). None if a side is empty.
    """
    if kind == "string":
        sides = (reference.drop_null(), current.drop_null())
        rows = (len(sides[0]), len(sides[1]))
        if 0 in rows:
            return None
        score = jensen_shannon(*_string_counts(*sides))
        return DriftScore(method="jensenshannon", score=score, reference_rows=rows[0], current_rows=rows[1])
    numbers = (_sorted_finite(reference), _sorted_finite(current))
    rows = (len(numbers[0]), len(numbers[1]))
    if 0 in rows:
        return None
    counts = _few_counts(*numbers)
    if counts is not None:
        score = jensen_shannon(*counts)
        return DriftScore(method="jensenshannon", score=score, reference_rows=rows[0], current_rows=rows[1])
    norm = max(float(np.std(numbers[0])), SMALLEST_NORM)
    score = wasserstein(*numbers) / norm
    return DriftScore(method="wasserstein", score=score, reference_rows=rows[0], current_rows=rows[1])


def share_scores(reference: pa.ChunkedArray, current: pa.ChunkedArray, kind: Kind) -> tuple[DriftScore, ...]:
    """What the two distances cannot see, because they drop missing values and a standing one may lie where many lay.

    Returns:
        `missing`: by how much the share of missing (of numbers, also infinite) values has changed; `constant`: by how
        much the share of the most frequent value has, of the values there are, each side by its own. Both 0 to 1;
        the first counts all rows and the second those with a value. A side without rows, or without values, has none.
    """
    sides = [side.drop_null() if kind == "string" else _finite(side) for side in (reference, current)]
    found = []
    if len(reference) and len(current):
        gaps = [1 - len(known) / len(side) for known, side in zip(sides, (reference, current), strict=True)]
        found.append(_shares("missing", gaps, (reference, current)))
    if all(len(known) for known in sides):
        most = [pc.max(pc.struct_field(pc.value_counts(known), "counts")).as_py() / len(known) for known in sides]
        found.append(_shares("constant", most, sides))
    return tuple(found)


def _shares(method: DriftMethod, shares: Sequence[float], sides: Sequence[Sized]) -> DriftScore:
    score = abs(shares[1] - shares[0])
    return DriftScore(method=method, score=score, reference_rows=len(sides[0]), current_rows=len(sides[1]))


def wasserstein(first: NDArray[Any], second: NDArray[Any]) -> float:
    """First Wasserstein distance of two sorted samples: the mean difference of their quantiles."""
    if len(first) == len(second):
        return float(np.mean(np.abs(first - second)))
    at_first, at_second, weights = _quantile_grid(len(first), len(second))
    # Not `@`: its BLAS threads spin on the cores of other tasks.
    return float(np.sum(np.abs(first[at_first] - second[at_second]) * weights))


def jensen_shannon(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Jensen-Shannon distance of two counts over the same categories, natural logarithm."""
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def _relative_entropy(p: NDArray[Any], q: NDArray[Any]) -> float:
    present = p > 0
    return float(np.sum(p[present] * np.log(p[present] / q[present])))


@lru_cache(maxsize=1)
def _quantile_grid(first: int, second: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Between neighbouring steps of either quantile function: which value of each holds, and for which share.

    Depends on the two lengths only, so all columns without gaps share it. Integers, so that equal steps meet exactly.
    """
    steps = np.concatenate([np.arange(1, first + 1) * second, np.arange(1, second + 1) * first])
    steps.sort(kind="stable")
    weights = np.diff(steps, prepend=0) / (first * second)
    return (steps - 1) // second, (steps - 1) // first, weights


def _sorted_finite(column: pa.ChunkedArray) -> NDArray[Any]:
    return np.sort(_finite(column))


def _finite(column: pa.ChunkedArray) -> NDArray[Any]:
    values = column.to_numpy().astype(np.float64)
    finite = np.isfinite(values)
    known: NDArray[Any] = values if finite.all() else values[finite]
    return known


def _few_counts(*numbers: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Counts per distinct value of both sorted sides, or None if there are more than a few."""
    distinct: NDArray[Any] = np.empty(0)
    for values in numbers:
        starts = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
        if len(starts) > FEW_VALUES:
            return None
        distinct = np.union1d(distinct, values[starts])
    if len(distinct) > FEW_VALUES:
        return None
    first, second = (
        np.searchsorted(values, distinct, side="right") - np.searchsorted(values, distinct, side="left")
        for values in numbers
    )
    return first, second


def _string_counts(first: pa.ChunkedArray, second: pa.ChunkedArray) -> tuple[NDArray[Any], NDArray[Any]]:
    """Counts per category of both sides, in one order."""
    sides = [pc.value_counts(side.cast(pa.large_string())) for side in (first, second)]
    categories = pa.concat_arrays([side.field("values") for side in sides]).dictionary_encode()
    codes = categories.indices.to_numpy()
    split = len(sides[0])
    counts = [np.zeros(len(categories.dictionary)) for _ in sides]
    counts[0][codes[:split]] = sides[0].field("counts").to_numpy()
    counts[1][codes[split:]] = sides[1].field("counts").to_numpy()
    return counts[0], counts[1]
