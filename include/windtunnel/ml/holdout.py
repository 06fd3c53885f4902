"""What a holdout's rows say of everybody who answered them: errors with bounds, by day and by slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from windtunnel.core.contracts import Contract, Interval, Quality
from windtunnel.core.spec import ModelSpec
from windtunnel.ml.bootstrap import rmse_ratio
from windtunnel.ml.evaluation_report import BASELINES, CHALLENGER, CHAMPION
from windtunnel.ml.metrics import quality

NAMES = {CHALLENGER: "this version", CHAMPION: "champion"} | {
    column: f"{name.replace('_', '-')} baseline" for name, column in BASELINES.items()
}
"""Column of the answers -> who gave them."""

MOST_VALUES = 40
"Values of a slice's column that are shown, the largest first."

_SEED = 20130101
_WIDEST = 1e6


class Errors(Contract):
    """Errors of one who answered."""

    name: str
    quality: Quality
    rmse: Interval | None
    "With bounds at one-sided 95 % over days; None where there are too few."


class Day(Contract):
    """Errors of one day."""

    day: date
    rows: int
    rmse: dict[str, float]
    "By who answered."


class Slice(Contract):
    """Errors of the rows that share a value; how sure a difference is, the gate's check of it says."""

    column: str
    value: str
    rows: int
    rmse: float
    champion_rmse: float | None


class Holdout(Contract):
    """The errors on one holdout."""

    errors: tuple[Errors, ...]
    days: tuple[Day, ...]
    slices: tuple[Slice, ...]
    "By column in the order of the spec, the largest first."
    more_slices: dict[str, int]
    "Column -> how many smaller slices are left out."


def judge(rows: pd.DataFrame, spec: ModelSpec) -> Holdout:
    """Errors of everybody who answered the rows of `holdout.parquet` with finite numbers, and all of them."""
    answered = {name: rows[column] for column, name in NAMES.items() if column in rows.columns}
    target = rows[spec.target].to_numpy(dtype=np.float64)
    everybody = {name: given.to_numpy(dtype=np.float64) - target for name, given in answered.items()}
    errors = {name: error for name, error in everybody.items() if np.isfinite(error).all()}
    days = rows[spec.event_time].to_numpy().astype("datetime64[D]")
    columns = (_slices(rows, column, errors) for column in spec.evaluation.slices)
    slices = [column for column in columns if column]
    return Holdout(
        errors=tuple(_errors(name, target, error, days) for name, error in errors.items()),
        days=tuple(_by_day(days, errors)),
        slices=tuple(found for column in slices for found in column[:MOST_VALUES]),
        more_slices={column[0].column: len(column) - MOST_VALUES for column in slices if len(column) > MOST_VALUES},
    )


def bounded(found: Interval) -> Interval | None:
    """The interval of a change, or None where its bounds are as wide as any: too few days say nothing."""
    return found if found.high < _WIDEST else None


def _errors(
    name: str, target: npt.NDArray[np.float64], error: npt.NDArray[np.float64], days: npt.NDArray[np.datetime64]
) -> Errors:
    # An RMSE is the ratio to a model whose every error is 1.
    over_one = bounded(rmse_ratio(error**2, np.ones_like(error), days, (_SEED,)))
    rmse = over_one and Interval(estimate=over_one.estimate + 1, low=over_one.low + 1, high=over_one.high + 1)
    return Errors(name=name, quality=quality(target, target + error), rmse=rmse)


def _by_day(days: npt.NDArray[np.datetime64], errors: Mapping[str, npt.NDArray[np.float64]]) -> Iterator[Day]:
    distinct, at, counts = np.unique(days, return_inverse=True, return_counts=True)
    rmse = {name: np.sqrt(np.bincount(at, weights=error**2) / counts) for name, error in errors.items()}
    for place, day in enumerate(distinct):
        by_whom = {name: float(values[place]) for name, values in rmse.items()}
        yield Day(day=day.item(), rows=int(counts[place]), rmse=by_whom)


def _slices(rows: pd.DataFrame, column: str, errors: Mapping[str, npt.NDArray[np.float64]]) -> list[Slice]:
    own, champion = errors.get(NAMES[CHALLENGER]), errors.get(NAMES[CHAMPION])
    if own is None:
        return []
    each = rows[column].to_numpy(dtype=object).astype(str)
    values, codes, counts = np.unique(each, return_inverse=True, return_counts=True)
    return [
        Slice(
            column=column,
            value=str(values[code]),
            rows=int(counts[code]),
            rmse=_rmse(own[codes == code]),
            champion_rmse=None if champion is None else _rmse(champion[codes == code]),
        )
        for code in np.argsort(-counts, kind="stable")
    ]


def _rmse(error: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(error**2)))
