"""From captured requests and late labels to a report."""

from __future__ import annotations

from typing import Literal

from windtunnel.core.contracts.base import Contract
from windtunnel.core.contracts.data import DatasetVersion
from windtunnel.core.contracts.release import RegisteredVersion
from windtunnel.core.window import Window


class Quality(Contract):
    """Errors of the served predictions whose labels have come."""

    mse: float
    rmse: float
    mae: float
    r2: float | None
    "None where the labels do not vary."
    rows: int


class CollectedPredictions(Contract):
    """The captured predictions of a window, each with its label if that has come."""

    champion: RegisteredVersion
    labels: DatasetVersion
    window: Window
    work_key: str
    "Digest of the rows, the champion, the labels' snapshot, the window and the model's code."
    rows: str
    "Address of the joined rows, Parquet."
    predictions: int
    labelled: int
    pending: int
    "Of `predictions`: those whose rows the labels' snapshot does not know yet, placed by when they were captured."
    elsewhere: int
    "Captured predictions of other windows, and those that wait for their rows and were captured outside the window."
    duplicates: int
    "Later predictions for a key that was asked before; the first one counts."
    unjoinable: int
    "Captured rows without an InferenceId of their own."
    unreadable: int
    "Captured requests without a readable question and answer."

    @property
    def coverage(self) -> float:
        """Share of the predictions whose labels have come; 0 without predictions."""
        return self.labelled / self.predictions if self.predictions else 0.0


class DriftScore(Contract):
    """How far one column has moved from the champion's own data, over every row that has a value."""

    method: Literal["wasserstein", "jensenshannon"]
    score: float
    reference_rows: int
    current_rows: int


class MeasuredPredictions(Contract):
    """Quality and drift of the collected predictions, over every row."""

    collected: CollectedPredictions
    quality: Quality | None
    "None until a label has come."
    by_day: dict[str, Quality]
    drift: dict[str, DriftScore]
    scores: str
    "Address of all of these numbers, JSON."


class MonitoringReport(Contract):
    """One look at a live model: quality by label, drift by feature, and where the reports lie."""

    model: str
    window: Window
    predictions: int
    labelled: int
    quality: Quality | None
    by_day: dict[str, Quality]
    drift: dict[str, float]
    "Exact drift score per column, over every row."
    reports: dict[Literal["html", "json", "scores"], str]
    "A window without predictions has scores only."
