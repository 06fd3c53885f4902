"""Simulated months for the calibration of the gate: real flights, real models, and equality by construction.

Six models of `flights`, each trained on other days of January to March, answer the real April. Two of them are made equal
by scaling the errors of one, and a month of 30 days is drawn from April, day by day or in stretches of days that followed
one another. So the errors keep their heavy tails, what a day does to both models, and what it does to the next day.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from itertools import permutations
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from windtunnel.core.contracts import Interval
from windtunnel.core.spec import PackageCsv
from windtunnel.ml import baselines, rows, schema
from windtunnel.ml.bootstrap import rmse_ratio
from windtunnel.ml.hyperparameters import resolve
from windtunnel.models.flights.estimator import HYPERPARAMETERS, build
from windtunnel.models.flights.spec import SPEC

Floats = npt.NDArray[np.float64]
Kind = Literal["equal", "worse", "better"]

MODELS, DAYS = 6, 30


@dataclass(frozen=True)
class April:
    """The errors of everybody in the real April, and which rows each day has."""

    days: tuple[npt.NDArray[np.intp], ...]
    models: tuple[Floats, ...]
    naive: Floats


@cache
def april() -> April:
    """April with the errors of models that were trained on half of the days of the first quarter each."""
    assert isinstance(SPEC.source, PackageCsv)
    file = distribution(SPEC.source.distribution).locate_file(SPEC.source.member)
    text = pd.read_csv(str(file), dtype=str, na_values=["NA"], keep_default_na=False)
    text = text[text["month"].isin(list("1234"))]
    flights = schema.derived(SPEC, schema.typed(SPEC, text, schema.Failed()), schema.Failed())
    flights = flights[(flights[SPEC.eligible] == 1) & flights[SPEC.target].notna()]
    seen = flights[flights["month"] < 4].reset_index(drop=True)
    unseen = flights[flights["month"] == 4].reset_index(drop=True)
    target = unseen[SPEC.target].to_numpy(dtype=np.float64)
    with threadpool_limits(1):  # more would spin on the cores of other tests
        models = tuple(_trained(seen, number, rows.features(unseen, SPEC)) - target for number in range(MODELS))
    return April(
        days=tuple(np.flatnonzero(unseen["day"] == day + 1) for day in range(DAYS)),
        models=models,
        naive=baselines.seasonal_naive(seen, unseen, SPEC) - target,
    )


def _trained(seen: pd.DataFrame, number: int, asked: pd.DataFrame) -> Floats:
    """The answers of a model of half of the days, with fewer and quicker trees than the default."""
    day = seen[SPEC.event_time].dt.date
    half = np.random.default_rng(number).choice(day.unique(), day.nunique() // 2, replace=False)
    part = seen[day.isin(half)]
    model = build(resolve(HYPERPARAMETERS, {"max_iter": "40", "learning_rate": "0.1"}))
    fitted = model.fit(rows.features(part, SPEC), part[SPEC.target].to_numpy(dtype=np.float64))
    return np.asarray(fitted.predict(asked), dtype=np.float64)


def pair(kind: Kind, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Errors of a challenger and a champion whose RMSE over all of April is equal, or 5 % apart.

    The worse of the two leans towards the seasonal mean, which is far off on the days that are far off: harder to tell
    than errors that are all larger by as much.
    """
    both = april().models
    pairs = list(permutations(range(MODELS), 2))
    first, second = pairs[random.integers(len(pairs))]
    challenger, champion = both[first], both[second] * (_rms(both[first]) / _rms(both[second]))
    if kind == "worse":
        return _leaning(challenger, 1.05), champion
    if kind == "better":
        return challenger, _leaning(champion, 1 / 0.95)
    return challenger, champion


def month(stretch: int, random: np.random.Generator) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """Rows of 30 days of April in stretches that followed one another, and the number of the day of each."""
    starts = random.integers(DAYS, size=-(-DAYS // stretch))
    drawn = [april().days[(start + at) % DAYS] for start in starts for at in range(stretch)][:DAYS]
    return np.concatenate(drawn), np.repeat(np.arange(DAYS), [len(each) for each in drawn])


def compared(kind: Kind, stretch: int, count: int) -> list[Interval]:
    """What the gate sees in so many months, each of another pair."""
    found = []
    for number in range(count):
        random = np.random.default_rng((number, stretch))
        challenger, champion = pair(kind, random)
        at, day = month(stretch, random)
        days = np.datetime64("2013-04-01", "D") + day
        found.append(rmse_ratio(challenger[at] ** 2, champion[at] ** 2, days, (number,)))
    return found


def _leaning(errors: Floats, times: float) -> Floats:
    """Errors of a model that was pulled towards the seasonal mean until its RMSE is so many times as large."""
    apart = april().naive - errors
    a, b, c = np.mean(apart**2), 2 * np.mean(errors * apart), np.mean(errors**2) * (1 - times**2)
    share = float((-b + np.sqrt(b**2 - 4 * a * c)) / (2 * a))
    return errors + share * apart


def _rms(errors: Floats) -> float:
    return float(np.sqrt(np.mean(errors**2)))
