"""What travels between stages and DAGs: small, named, JSON. XCom and asset events carry these, never data.

A contract names exactly what was made (snapshot, version, job), never "latest". Snapshot ids are strings because
they use all 64 bits, more than JSON readers in browsers keep.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from windtunnel.core.window import Window


class Contract(BaseModel):
    """Base of all contracts: frozen, strict about names, and its own JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types, for XCom and asset events."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The contract back from `to_json`."""
        return cls.model_validate(values)

    @classmethod
    def optional(cls, values: dict[str, Any] | None) -> Self | None:
        """The contract back from `to_json`, or None from None."""
        return None if values is None else cls.from_json(values)


class LandedFile(Contract):
    """One source file as it arrived, at an address named after its content."""

    model: str
    window: Window
    uri: str
    sha256: str
    size_bytes: int


class CheckedFile(Contract):
    """A landed file that passed its file-level expectations."""

    landed: LandedFile
    rows: int
    flagged: str
    "Address of the rows that failed a row-level expectation, as JSON: reason -> row numbers, the first row being 1."
    report: str
    "Address of the Great Expectations result, a page."


class LoadedBranch(Contract):
    """A branch of the lake table that holds the new rows; not yet audited, and nobody reads it."""

    model: str
    table: str
    branch: str
    snapshot_id: str
    window: Window
    work_key: str
    "Digest of the file's bytes, the window and the model's code: the same work makes the same branch."
    rows: int
    quarantined: int
    quarantine_snapshot_id: str | None
    "Snapshot of the quarantine table that holds this file's failed rows; None while no row of this model ever failed."
    report: str


class AuditedBranch(Contract):
    """A branch that passed its audit; still nobody reads it."""

    loaded: LoadedBranch
    report: str


class DatasetVersion(Contract):
    """A published snapshot: names the exact files that readers of this version see."""

    model: str
    table: str
    snapshot_id: str
    tag: str
    "`d<N>`"
    window: Window
    "The window this publication replaced; the snapshot also holds all earlier months."
    rows: int
    "Rows published for `window`."
    quarantined: int
    quarantine_snapshot_id: str | None = None
    "Snapshot of the quarantine table that holds the rows missing from this version's window."
    report: str
    "Address of the audit's result, a page."


class TrainingRequest(Contract):
    """A person's wish for a retrain, from the form."""

    model: str
    train: Window | None = None
    holdout: Window | None = None
    hyperparameters: dict[str, str] = {}
    reason: str
    requested_by: str


class TrainingPlan(Contract):
    """Everything a training is made of, pinned once; `work_key` is its digest and names its jobs."""

    model: str
    dataset: DatasetVersion
    train: Window
    holdout: Window
    hyperparameters: dict[str, str]
    reason: str
    requested_by: str
    code_sha256: str
    git_commit: str
    image: str
    work_key: str
    job_name: str
    train_manifest: str
    holdout_manifest: str
    train_rows: int
    holdout_rows: int


class Evaluated(Contract):
    """A candidate with its evaluation on the holdout."""

    plan: TrainingPlan
    model_data: str
    "Address of model.tar.gz."
    artefact_sha256: str
    metrics: dict[str, float]
    "mse, rmse, mae, r2 of the model; the same with the prefixes `seasonal_naive_` and `linear_`."
    unit: str
    evaluation: str
    "Address of evaluation.json."


class RegisteredVersion(Contract):
    """A version in the SageMaker Model Registry."""

    model: str
    package_arn: str
    evaluated: Evaluated


class Answer(Contract):
    """What a person answered to a question, beside the yes or no."""

    by: str
    at: datetime
    note: str = ""


class ApprovedVersion(Contract):
    """A registered version and the person who said yes."""

    registered: RegisteredVersion
    approved_by: str
    approved_at: datetime


class Proof(Contract):
    """What an endpoint really serves, read back after a deployment."""

    model: str
    endpoint: str
    endpoint_config: str
    package_arn: str
    weights: dict[str, float]
    capture_percent: int
    golden_rows: int
    largest_difference: float
    proved_at: datetime


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
