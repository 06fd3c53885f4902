"""What is left of a model when Airflow's database is lost, and what brings it on its way again."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from windtunnel.core.contracts.base import Contract
from windtunnel.core.contracts.ledger import State
from windtunnel.core.contracts.release import ApprovedVersion, Dossier, RegisteredVersion

Stage = Literal["shadow", "approve", "rollout"]
"""Stages that take a version on from an asset event."""


class Waiting(Contract):
    """A version whose way has not ended."""

    model: str
    version: str
    state: State
    since: datetime
    sentence: str
    "What it waits for; or why nothing takes it on, and what to do instead."
    stage: Stage | None = None
    "Which stage takes it on; None: none does."
    made: RegisteredVersion | Dossier | ApprovedVersion | None = None
    "What the stage before it made: the `extra` of the event that starts `stage`."
    not_before: datetime | None = None
    "Until then a run that is lost has the lease."
    behind: str | None = None
    "The version that goes the same way before it."


class Standing(Contract):
    """What ledger, registry and endpoint say of a model, without Airflow."""

    model: str
    live: str | None
    "By the ledger."
    agrees: bool | None
    "Whether the endpoint serves that; None: nothing can be said now, or there is nothing to say."
    endpoint: str
    "A sentence."
    differences: tuple[str, ...]
    "What the registry says otherwise than the ledger."
    waiting: tuple[Waiting, ...]
    "The oldest version first."


class Taken(Contract):
    """What becomes of a version that waits, by what Airflow knows."""

    version: str
    word: Literal["created", "to-create", "known", "not-now", "nothing"]
    "`known`: Airflow has it. `not-now`: when something else has ended. `nothing`: no event takes it on."
    sentence: str


class Resumed(Contract):
    """What Airflow knows of the versions that wait, and what was changed there."""

    taken: tuple[Taken, ...]
    paused: tuple[str, ...]
    "DAGs of the model that stand still."
    turned_on: tuple[str, ...]


class Recovered(Contract):
    """A model after a loss: what stands, and what Airflow was given."""

    standing: Standing
    resumed: Resumed | None
    "None: Airflow was not asked."
    applied: bool
    generation: int | None
    "Of the pages, when they were shown again."
