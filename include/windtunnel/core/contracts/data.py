"""From a source file to a dataset version."""

from __future__ import annotations

from windtunnel.core.contracts.base import Contract
from windtunnel.core.window import Window


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
