"""From captured requests and late labels to a verdict and its report."""

from __future__ import annotations

from datetime import date
from typing import Literal

from windtunnel.core.contracts.base import Contract
from windtunnel.core.contracts.data import DatasetVersion
from windtunnel.core.contracts.release import RegisteredVersion
from windtunnel.core.contracts.training import Check, Interval
from windtunnel.core.window import Window


class Quality(Contract):
    """Errors of a regression's predictions whose labels have come."""

    mse: float
    rmse: float
    mae: float
    r2: float | None
    "None where the labels do not vary."
    rows: int


DriftMethod = Literal["wasserstein", "jensenshannon", "missing", "constant"]
"""`missing`: change of the share of missing values; `constant`: of the share of the most frequent value."""


class DriftScore(Contract):
    """How far one column has moved from the champion's own data, over every row that has a value."""

    method: DriftMethod
    score: float
    reference_rows: int
    current_rows: int


class AbsorbedCaptures(Contract):
    """The captured requests of an endpoint as rows of the table `<model>_predictions`; each request once."""

    model: str
    table: str
    snapshot_id: str
    sequence: int
    "Iceberg's number of that snapshot: a later one holds more captures."
    new_rows: int
    "Rows that this absorption added; 0 when everything was there already."


class LabelCounts(Contract):
    """What became of the predictions of a span and of its labels: every one is in exactly one line of each half."""

    predictions: int
    "Predictions that count: one per key, answered by a version that was in service."
    labelled: int
    "Of `predictions`: those whose label has come."
    pending: int
    "Of `predictions`: those whose rows the labels' snapshot does not know yet, placed by when they were captured."
    elsewhere: int
    "Predictions of other spans, and those that wait for their rows and were captured outside the span."
    duplicates: int
    "Later predictions for a key that was asked before; the first one counts."
    unjoinable: int
    "Captured rows without an InferenceId of their own."
    unreadable: int
    "Captured requests without a readable question and answer."
    between: int
    "Captured while a release was under way: two versions answered, so they count for neither."

    unasked: int
    "Labels of rows that could have been asked for and were not."
    repeated: int
    "Labels that stand twice with the same value; they count once."
    contradicted: int
    "Keys with two different labels: neither is believed, the prediction stays without one."
    changed: int
    "Labels that differ from those of the last time this span was collected; the new ones count."


class CollectedPredictions(Contract):
    """The predictions of a span of whole months, each with its label if that has come."""

    champion: RegisteredVersion
    "In service now."
    control: RegisteredVersion | None
    "In service before it, and frozen since: the control group. None on a first release."
    absorbed: AbsorbedCaptures
    labels: DatasetVersion
    span: Window
    "Whole months."
    windows: tuple[Window, ...]
    "The windows of the span that hold predictions, oldest first; see `Monitoring.window_days`."
    work_key: str
    "Digest of the rows, both versions, both snapshots, the span and the model's code."
    rows: str
    "Address of the joined rows, Parquet with the columns of `ml/joined.py`."
    counts: LabelCounts
    labels_until: date | None
    "The watermark: every day up to it, itself included, has the labels of its predictions, but for a few; None: no day."


class Rescoring(Contract):
    """The processing job that asks the champion and the control again, offline, what they say to the collected rows."""

    collected: CollectedPredictions
    job_name: str
    answers: str
    "Address of scored.parquet: the key, `champion_said` and `control_said`, NaN where a version cannot say."


class WindowQuality(Contract):
    """What one window's labels say of the champion."""

    window: Window
    predictions: int
    labelled: int
    mature: bool
    "Whether the watermark has reached the window's last day with predictions."
    metrics: dict[str, float]
    "Of the champion's answers as they were served, by name; empty until a label has come."
    expected: Interval | None
    "The task's first metric over so many days, as the champion's own holdout has it; None where that says nothing."
    control: Interval | None
    "The champion's first metric over the control's (where more is better: vice versa), minus 1; below 0 the champion is better."
    worse: bool | None
    "Whether the first metric is worse than `expected` allows; None until the window is mature."


class MeasuredPredictions(Contract):
    """Quality of the collected predictions by window; by day and slice it stands in the table."""

    windows: tuple[WindowQuality, ...]
    table: str
    "`<model>_quality`: a row per day, slice, version and metric."
    snapshot_id: str


class ColumnDrift(Contract):
    """How far one column of a window has moved, and how far it moves when nothing is wrong."""

    column: str
    method: DriftMethod
    score: float
    threshold: float
    "Calibrated on the reference's own history, for this many days and rows."
    reference_rows: int
    current_rows: int

    @property
    def ratio(self) -> float:
        """Score over threshold; above 1 the column has drifted."""
        return self.score / self.threshold if self.threshold else (2.0 if self.score else 0.0)


class WindowDrift(Contract):
    """Drift of one window against the champion's own training data."""

    window: Window
    rows: int
    columns: tuple[ColumnDrift, ...]
    "The largest ratio first; of several methods of a column the one with the largest ratio."
    rate: float
    "The share of quiet windows that may be called drift, as the spec states it."
    would_have_fired: int
    "Windows of the reference's own history that these thresholds call drift."
    replayed: int
    "Windows of the reference's own history."
    season: str | None
    "What the reference was cut to, in words; None: all of it."
    untested: str | None = None
    "Why nothing was tested, in a sentence; None: it was."

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        """The columns beyond their thresholds."""
        return tuple(column for column in self.columns if column.ratio > 1)


class DetectedDrift(Contract):
    """Drift of the collected predictions, window by window."""

    windows: tuple[WindowDrift, ...]
    table: str
    "`<model>_drift`: a row per window, column and method."
    snapshot_id: str


class WindowChecks(Contract):
    """What the checks of training say to the requests of a window, and whether serving computes what training did."""

    window: Window
    checks: tuple[Check, ...]
    "`expectations`, `answers`, `features`, `plausible`, `constant`, ..."
    report: str | None
    "Address of the page of Great Expectations; None where no expectation fits a request."

    @property
    def failed(self) -> tuple[Check, ...]:
        """Those that did not pass."""
        return tuple(check for check in self.checks if check.passed is False)


class InspectedRequests(Contract):
    """The checks of the collected requests, window by window."""

    windows: tuple[WindowChecks, ...]


class Finding(Contract):
    """What one window adds to the verdict; also those of earlier runs, read back from the table `<model>_findings`."""

    window: Window
    version: str
    labelled: int
    coverage: float
    mature: bool
    drift: float
    "The largest ratio of score to threshold; above 1 the window has drifted."
    drifted: tuple[str, ...]
    importance: float | None
    "Share of the model's permutation importance that the drifted features carry; None: not measured."
    error: float | None
    "The task's first metric; None without labels."
    expected: float | None
    "The bound of `expected` that `error` must not cross."
    worse: bool | None
    outdone_by: str | None
    "The frozen control, where it is surely better on the same rows."
    damage: float
    "drift x importance x realised error; decision record 0028 has the formula."
    failed: tuple[str, ...]
    "Names of the checks that did not pass."
    says: Literal["quiet", "drift", "damage", "broken"]
    labels_until: date | None
    "The watermark when this was found."


class Verdict(Contract):
    """What to do about a live model, in one word and one sentence."""

    model: str
    version: str
    window: Window
    "The newest one it is about."
    word: Literal["ignore", "watch", "retrain"]
    sentence: str
    labels_until: date | None
    findings: tuple[Finding, ...]
    "The last N windows of this version whose labels say how it does, and up to N that wait for theirs; oldest first."
    asks: bool
    "Whether this verdict starts a retrain; False for a `retrain` that is cooling down or was asked for already."
    report: str
    "Address of verdict.json."


class MonitoringReport(Contract):
    """One look at a live model: the verdict, and where the reports lie."""

    model: str
    version: str
    verdict: Literal["ignore", "watch", "retrain"]
    sentence: str
    span: Window
    predictions: int
    labelled: int
    labels_until: date | None
    reports: dict[str, dict[Literal["html", "json"], str]]
    "Label of a window -> addresses, oldest window first."

    @property
    def newest(self) -> dict[Literal["html", "json"], str]:
        """The reports of the newest window."""
        return self.reports[max(self.reports)]
