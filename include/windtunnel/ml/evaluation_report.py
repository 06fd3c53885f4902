"""What an evaluation found: `evaluation.json`, written in the model image and read by the gate."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from windtunnel.core.contracts import Quality
from windtunnel.core.window import Window

REPORT = "evaluation.json"
HOLDOUT = "holdout.parquet"
"""Every row of the holdout with everybody's answer."""

CHALLENGER, CHAMPION = "prediction", "champion_prediction"
BASELINES = {"linear": "linear_prediction", "seasonal_naive": "seasonal_naive_prediction"}
"""Columns of the answers in `holdout.parquet`; the champion's only where it could give some."""


class _Found(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rows(_Found):
    """The rows of a window."""

    window: Window
    rows: int


class Parity(_Found):
    """How far the served model is from the trained estimator, over the whole holdout."""

    largest_difference: float | None
    "None: not a finite number."
    tolerance: float


class Answers(_Found):
    """Whether the answers are what a model may say."""

    not_finite: int
    "How many are NaN or infinite."
    distinct: int
    "How many different finite ones there are."


class Serving(_Found):
    """What it costs to serve the model, measured in the image that serves it."""

    size_bytes: int
    "Of the served model."
    requests: int
    "Requests of one row that were timed, after others that warmed it up."
    p50_ms: float
    p99_ms: float


class ScoredChampion(_Found):
    """The version in service, on the same rows."""

    version: str
    artefact_sha256: str
    why_not: str | None
    "Why it cannot answer these rows; None: it did, and `metrics` has its errors."


class EvaluationReport(_Found):
    """What an evaluation found. Written to `evaluation.json`."""

    model: str
    artefact_sha256: str
    unit: str
    "Of `rmse` and `mae`; `mse` is in its square, `r2` has none."
    train: Rows
    holdout: Rows
    metrics: dict[str, float]
    "mse, rmse, mae, r2 of the model; the same with the prefixes `champion_`, `seasonal_naive_` and `linear_`. Finite."
    slices: dict[str, dict[str, Quality]]
    "Column -> value -> errors, largest slice first."
    champion: ScoredChampion | None
    "None: nothing was in service."
    answers: Answers
    parity: Parity
    serving: Serving
    importance: dict[str, float] = Field(default_factory=dict)
    "Feature -> increase of the RMSE when it is shuffled, largest first; none in reports older than its measuring."
    contributions: dict[str, float] = Field(default_factory=dict)
    "Feature -> mean size of its contribution to an answer, in the target's unit, largest first; none in older reports."
