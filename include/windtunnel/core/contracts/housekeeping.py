"""What stands around and nobody needs, what stands over a live model, and how fast the way back is."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from windtunnel.core.contracts.base import Contract


class Orphan(Contract):
    """A SageMaker resource of ours that serves no version."""

    model: str
    kind: Literal["endpoint", "endpoint-config", "model"]
    name: str
    version: str
    "The version it was made for; the ledger knows it."
    created_at: datetime
    usd_per_hour: float | None
    "What it costs by standing there: only endpoints do. None: no price is known for its instance type."


class Swept(Contract):
    """One look for orphans."""

    model: str
    orphans: tuple[Orphan, ...]
    removed: bool
    "Whether they are gone now; False: they were only listed."
    sentence: str


class DrillStep(Contract):
    """One move of the drill: the staging endpoint serves a version, and was proved to."""

    version: str
    seconds: float
    "Until the endpoint had the version in service."
    golden_rows: int
    largest_difference: float
    "Between the endpoint's answers to the golden rows and those of the artefact."


class Drilled(Contract):
    """The way back, walked on the staging endpoint: last good version, live version, last good version again."""

    model: str
    there: DrillStep
    "The last good version serves."
    forth: DrillStep
    "Updated to the live version."
    back: DrillStep
    "And back: the seconds that a rollback takes without its watch."
    drilled_at: datetime
    report: str
    "Address of this record."


class Guarded(Contract):
    """What stands over a live model all the time, whether or not Airflow runs."""

    model: str
    version: str
    alarms: dict[str, str]
    "Name of each alarm -> what it says now: `OK`, `ALARM` or `INSUFFICIENT_DATA`."
    topic: str
    "ARN of the SNS topic they tell."
    dashboard: str
    "Address of the dashboard, which a browser opens."
    silent_days: float
    "Days since the newest verdict, or since the version went live."


class Reconciled(Contract):
    """The live endpoint, compared with what the ledger says is live."""

    model: str
    version: str
    "What the ledger says."
    agrees: bool | None
    "None: a release, a shadow or an update is under way, and nothing can be said now."
    sentence: str
