"""What a training run cost: the seconds AWS bills, times a price."""

from __future__ import annotations

from typing import Literal

from windtunnel.core.contracts.base import Contract


class JobCost(Contract):
    """One attempt at a job; one that failed or was stopped is billed like one that was done."""

    name: str
    kind: Literal["training", "processing"]
    status: str
    instance_type: str
    instances: int
    billed_seconds: int
    "Per instance; 0 until the job has ended."
    usd: float | None
    "None: no price is known for this instance type."


class RunCost(Contract):
    """All jobs of one work key, first attempts and later ones."""

    model: str
    work_key: str
    jobs: tuple[JobCost, ...]
    usd: float | None
    "None as soon as one job has no price: a sum that leaves one out would be a guess."
    prices_of: str
    "Region and date of the table, and which prices a setting gave."
    sentence: str
    "With the numbers, for a person."
