"""What the ledger says: versions, what happened to them, and who wrote it down."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from windtunnel.core.contracts.base import Contract

State = Literal[
    "allocated",
    "registered",
    "rehearsed",
    "shadowed",
    "awaiting-approval",
    "approved",
    "rejected",
    "expired",
    "stopped",
    "releasing",
    "live",
    "rolled-back",
    "retired",
]
"""`stopped`: failed on staging or as a shadow. `rolled-back`: SageMaker or a person took it out of service, or it never
got there. `retired`: replaced by a newer version, and good to come back."""


class Entry(Contract):
    """One line of the ledger; never changed, never removed."""

    sequence: int
    "1, 2, 3, ... per model, without a gap."
    model: str
    version: str
    state: State
    at: datetime
    by: str
    why: str
    epoch: int | None
    "The fence the writer held; None where no release was under way."
    evidence: dict[str, str]
    "Name -> address or digest: gate, dossier, dossier_sha256, proof, endpoint_config, ..."


class VersionRecord(Contract):
    """A version: what it is made of and where it stands."""

    model: str
    version: str
    state: State
    work_key: str
    package_arn: str | None
    dataset_tag: str
    snapshot_id: str
    table: str
    code_sha256: str
    git_commit: str
    image: str
    artefact_sha256: str
    requested_by: str
    reason: str
    created_at: datetime


class History(Contract):
    """A version and everything that happened to it, oldest first."""

    record: VersionRecord
    entries: tuple[Entry, ...]


class Lease(Contract):
    """The right to change what a model has in service, until it runs out or someone takes it over.

    `epoch` rises with every taking; a write carries it and fails when it is no longer the newest.
    """

    model: str
    owner: str
    epoch: int
    until: datetime
