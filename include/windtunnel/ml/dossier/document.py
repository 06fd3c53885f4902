"""What a dossier says: the evidence, and what follows from it for the one who has to answer."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Literal

from pydantic import Field

from windtunnel.core.contracts import (
    Champion,
    Check,
    Contract,
    DriftScore,
    Evaluated,
    Interval,
    RegisteredVersion,
    RunCost,
    Shadowed,
)
from windtunnel.core.window import Window
from windtunnel.ml.holdout import Holdout, bounded
from windtunnel.ml.test_score import TestScore

Verdict = Literal["supported", "open", "forced", "not-supported"]

MOVED = 0.1
"""A drift score from here on is pointed out: Evidently's default threshold for both of its distances."""


class Month(Contract):
    """A month that the version was trained or judged on, as ingestion published it."""

    month: Window
    tag: str
    rows: int
    quarantined: int
    reasons: dict[str, int]
    "Why rows were quarantined -> how many."
    expectations: int
    met: int
    unmet: tuple[str, ...]
    "Expectations that were not met, in words."
    columns: tuple[str, ...]
    "Columns that an expectation was held against and that met it."
    report: str


class Step(Contract):
    """One station on the way from the source to the version."""

    what: str
    name: str
    address: str | None
    digest: str | None


class Change(Contract):
    """Something that differs from the champion."""

    what: str
    before: str
    after: str


class Point(Contract):
    """Something that the reviewer has to weigh."""

    about: str
    said: str


class Evidence(Contract):
    """Everything the dossier is made of; nothing else goes in, not even the clock."""

    shadowed: Shadowed
    at: datetime
    "When the shadow's finding went on record: the moment of the dossier."
    months: tuple[Month, ...]
    holdout: Holdout
    drift: dict[str, DriftScore]
    "Of the holdout against the training rows."
    contributions: dict[str, float] = Field(default_factory=dict)
    "Feature -> mean size of its contribution to an answer, in the target's unit."
    lineage: tuple[Step, ...]
    score: TestScore
    cost: RunCost | None
    champion: Champion | None
    champion_evaluated: Evaluated | None


class Declared(Contract):
    """What the model's spec.py says and the page shows."""

    about: str
    quarantine_budget: float
    slice_margin: float
    slice_least_rows: int


class Document(Contract):
    """The dossier: the evidence, and what follows from it."""

    evidence: Evidence
    declared: Declared
    verdict: Verdict
    headline: str
    "Whether the evidence is for a yes."
    tally: str
    "How many checks say so."
    points: tuple[Point, ...]
    "What the reviewer has to weigh, the gravest first."
    yes: str
    "What a yes starts."
    no: str
    "What a no leaves as it is."
    who: str
    "Who may answer, and until when."
    changes: tuple[Change, ...]

    @property
    def registered(self) -> RegisteredVersion:
        """The version."""
        return self.evidence.shadowed.rehearsed.registered

    def bytes(self) -> bytes:
        """The document as JSON, in one form only."""
        return json.dumps(self.to_json(), sort_keys=True, indent=1, allow_nan=False).encode()

    def sha256(self) -> str:
        """Digest of `bytes`."""
        return hashlib.sha256(self.bytes()).hexdigest()


def change_of(check: Check) -> Interval | None:
    """The change of the RMSE that a check was about, with its bounds; None for another check, and for too few days."""
    found = {name: check.numbers.get(name) for name in Interval.model_fields}
    return None if None in found.values() else bounded(Interval.model_validate(found))
