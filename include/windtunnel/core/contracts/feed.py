"""What the pages in the Airflow UI know of a model: documents in S3, because the API server has neither our code nor Iceberg.

`plugins/windtunnel_ui/feed.schema.json` is generated from these classes, and the pages check what they read against it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from windtunnel.core.contracts.base import Contract
from windtunnel.core.contracts.ledger import State

FORMAT: Literal[1] = 1
"""Raised when a page that knows only the format before could misread a document."""

ReportKind = Literal["dossier", "drift", "landed", "audited", "requests"]
"""`landed`, `audited`: data docs of an ingestion. `requests`: those of what monitoring captured."""


class FeedReport(Contract):
    """A page of evidence that a person may open; the pages know it by its id and never by its address."""

    id: str
    "32 hexadecimal digits: the beginning of the SHA-256 of the address."
    kind: ReportKind
    title: str
    address: str
    "`s3://`, in the project's bucket."
    version: str | None = None
    "Of a dossier or a drift report: the version it is about."


class FeedVersion(Contract):
    """One version: what it is made of, how it did, where it stands."""

    version: str
    state: State
    created_at: datetime
    requested_by: str
    reason: str
    dataset_tag: str
    snapshot_id: str
    train: str
    "Label of the window, such as `2013-01_2013-04`."
    holdout: str
    train_rows: int
    hyperparameters: dict[str, str]
    git_commit: str
    image: str
    artefact_sha256: str
    package_arn: str | None
    metrics: dict[str, float]
    "As `Evaluated.metrics`."
    gate: Literal["promote", "reject", "not-enough-evidence"]
    gate_sentence: str
    forced_by: str | None
    dossier: str | None
    "Id of the newest dossier's report."
    dossier_sha256: str | None
    approved_by: str | None


class FeedEntry(Contract):
    """One line of the ledger."""

    sequence: int
    version: str
    state: State
    at: datetime
    by: str
    why: str


class FeedService(Contract):
    """A stretch of time in which one version was in service."""

    version: str
    since: datetime
    until: datetime | None
    "None: still."


class FeedWindow(Contract):
    """One window of monitoring, as the newest look at it found it."""

    label: str
    version: str
    labelled: int
    coverage: float
    error: float | None
    "The task's first metric; None without labels."
    expected: float | None
    "What the holdout promises at most."
    worse: bool | None
    drift: float
    "The largest ratio of score to threshold; above 1 the window has drifted."
    drifted: tuple[str, ...]
    failed: tuple[str, ...]
    "Checks of the requests that did not pass."
    says: Literal["quiet", "drift", "damage", "broken"]
    report: str | None
    "Id of the drift report."
    checks: str | None = None
    "Id of the data docs of its requests."


class FeedVerdict(Contract):
    """What the monitor said, and when."""

    id: str
    "32 hexadecimal digits, as those of a report."
    at: datetime
    version: str
    label: str
    word: Literal["ignore", "watch", "retrain"]
    sentence: str
    asks: bool


class FeedReason(Contract):
    """One reason for which rows were set aside."""

    reason: str
    rows: int


class FeedBatch(Contract):
    """One ingestion of a window: published, or refused."""

    work: str
    "The first 16 digits of its work key; the same work is refused or published for the same reasons."
    label: str
    start: str
    end: str
    "The day after the last; its months are what the form of `ingest` takes to run this window again."
    at: datetime
    published: bool
    "False: an expectation on the batch as a whole was not met, and nothing was published."
    tag: str | None
    "`d<N>` of the dataset version that it made."
    rows: int | None
    "Published ones; None where nothing was."
    quarantined: int
    reasons: tuple[FeedReason, ...]
    "Most rows first."
    unmet: tuple[str, ...]
    "Expectations on the batch that were not met, at most ten; or that a report of it cannot be read."
    reports: tuple[str, ...]
    "Ids of its data docs."
    rejected: str | None
    "Address of the rows that were set aside, as CSV; None where there were none."


class FeedMonth(Contract):
    """Where the predictions of a month can be looked up by their id."""

    label: str
    digits: int
    "How many leading hexadecimal digits of the SHA-256 of an id name the part it is in; 0: there is one part."
    made_of: str
    "The collection of predictions and labels that its parts were made of."


class FeedPrediction(Contract):
    """One answered request, in a part of the look-up: `feed/<model>/predictions/<month>/<digits or all>.json`, id -> this."""

    version: str
    asked_at: datetime
    event_at: datetime
    "Of its row, which has no zone; until that has come, when it was asked."
    answer: float | None
    "None: it answered no number."
    label: float | None
    "The truth, once it came."


class FeedSummary(Contract):
    """One line of the page of all models: `feed/<model>/summary.json`."""

    format: Literal[1] = FORMAT
    generation: int
    "Rises by one whenever the documents are written."
    model: str
    about: str
    owner: str
    task: str
    unit: str
    metric: str
    "The task's first metric: `rmse`, ..."
    at: datetime
    "When the sources were read."
    versions: int
    champion: str | None
    champion_since: datetime | None
    awaiting: tuple[str, ...]
    "Versions that wait for a reviewer."
    releasing: str | None
    verdict: FeedVerdict | None
    windows: tuple[FeedWindow, ...]
    "The last eight, oldest first."
    data_until: str | None
    "Day after the newest published row's month."
    data_at: datetime | None
    "When that was published."
    data_due: str | None
    "Day by which the next month should be there; None: no more months are expected."
    refused: str | None
    "Label of the newest batch, when it was refused."


class Feed(Contract):
    """Everything the pages show of one model: `feed/<model>/model.json`."""

    format: Literal[1] = FORMAT
    summary: FeedSummary
    versions: tuple[FeedVersion, ...]
    "Newest first. One that has its number and never reached the registry stands in `entries` only."
    entries: tuple[FeedEntry, ...]
    "Newest first."
    services: tuple[FeedService, ...]
    "Newest first."
    windows: tuple[FeedWindow, ...]
    "Newest first."
    verdicts: tuple[FeedVerdict, ...]
    "Newest first."
    batches: tuple[FeedBatch, ...]
    "Newest first."
    predictions: tuple[FeedMonth, ...]
    "Newest first."
    reports: tuple[FeedReport, ...]
