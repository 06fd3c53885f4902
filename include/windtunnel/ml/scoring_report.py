"""What a scoring found: `scored.json`, written in the model image beside the answers and read by monitoring."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

REPORT = "scored.json"
SCORED = "scored.parquet"
"""A row per row that was given, in the same order: the key, `champion_said`, `control_said`."""


class ScoredVersion(BaseModel):
    """A version that was asked, or could not be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    artefact_sha256: str
    why_not: str | None
    "Why it said nothing at all; None: it was asked."
    tolerance: float | None
    "Largest difference between two of its answers that counts as equal, of its golden rows; None where it was not read."
    unaskable: int
    "Rows that it was not asked: a number is not exact, or not finite, in float32."
    not_finite: int
    "Rows that it was asked and answered with no finite number."


class ScoringReport(BaseModel):
    """Both versions on the same rows. Written to `scored.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    rows: int
    champion: ScoredVersion
    control: ScoredVersion | None
    "None: no version was in service before."
