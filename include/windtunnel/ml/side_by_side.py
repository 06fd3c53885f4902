"""Two models' answers to the same rows: how far apart they are, and how wrong each is once the labels have come."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from windtunnel.core.contracts import Interval, Quality
from windtunnel.core.spec import ModelSpec
from windtunnel.ml import bootstrap, labels, metrics
from windtunnel.ml.pairing import MOMENT

SEED = 20
"""Of the bootstrap: the same pairs and labels give the same bounds."""

LEAST_HOURS = 12
"""Fewer give the bootstrap no bound worth the name."""


class _Found(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Difference(_Found):
    """Size of the difference between the two answers to a row, in the target's unit."""

    mean: float
    p50: float
    p95: float
    largest: float
    tolerance: float
    share_above: float
    "Share of rows whose answers are further apart than `tolerance`."
    moved: float
    "Mean of shadow minus champion, with its sign."


class Accuracy(_Found):
    """Errors of both on the paired rows whose labels have come."""

    champion: Quality
    shadow: Quality
    days: int
    block: Literal["day", "hour"]
    """What the bootstrap draws: days, or hours where there are fewer days than the gate asks for. Hours say whether it was
    worse on what it was asked, which is what stops it, and less of other days."""
    blocks: int
    worse: Interval | None
    "RMSE of the shadow over that of the champion, minus 1; None on fewer than `LEAST_HOURS` hours."


def labelled(rows: pa.Table, truth: pa.Table, spec: ModelSpec) -> pa.Table:
    """The paired rows whose label has come, with `event_time` and `target`."""
    known = pa.table(
        {
            "key": truth[spec.key].cast(pa.string()),
            spec.event_time: truth[spec.event_time],
            spec.target: truth[spec.target].cast(pa.float64()),
        }
    )
    known = known.filter(pc.is_valid(known[spec.target]))
    return rows.join(known, keys="key", join_type="inner").sort_by([("request", "ascending"), ("key", "ascending")])


def accuracy(rows: pa.Table, spec: ModelSpec) -> Accuracy | None:
    """Errors of both; a row that was asked for several times counts once, as it does in monitoring."""
    if not len(rows):
        return None
    rows = labels.first_of_each(rows, "key", MOMENT)
    target, said, shadowed = (rows[name].to_numpy().astype(np.float64) for name in (spec.target, "champion", "shadow"))
    moments = rows[spec.event_time].to_numpy()
    days, hours = moments.astype("datetime64[D]"), moments.astype("datetime64[h]")
    by_day = len(np.unique(days)) >= spec.gate.least_days
    blocks = days if by_day else hours
    enough = by_day or len(np.unique(hours)) >= LEAST_HOURS
    squares = (shadowed - target) ** 2, (said - target) ** 2
    return Accuracy(
        champion=metrics.quality(target, said),
        shadow=metrics.quality(target, shadowed),
        days=len(np.unique(days)),
        block="day" if by_day else "hour",
        blocks=len(np.unique(blocks)),
        worse=bootstrap.rmse_ratio(*squares, blocks, (SEED,)) if enough else None,
    )


def difference(rows: pa.Table, tolerance: float) -> Difference | None:
    """How far the two answers to each row are apart; None without rows.

    Args:
        rows: As `pairing.PAIRS`.
        tolerance: Answers that are closer count as equal, in the target's unit.
    """
    if not len(rows):
        return None
    moved = rows["shadow"].to_numpy() - rows["champion"].to_numpy()
    size = np.abs(moved)
    p50, p95 = np.quantile(size, (0.5, 0.95))
    return Difference(
        mean=float(size.mean()),
        p50=float(p50),
        p95=float(p95),
        largest=float(size.max()),
        tolerance=tolerance,
        share_above=float(np.mean(size > tolerance)),
        moved=float(moved.mean()),
    )
