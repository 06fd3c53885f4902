"""The drills of a model in S3, one a day: how many seconds the way back took, and that it was proved."""

from __future__ import annotations

import json
from datetime import datetime

from windtunnel.aws import objects
from windtunnel.core.contracts import Drilled
from windtunnel.core.settings import settings


def address(model: str, at: datetime) -> str:
    """Where the drill of a day is kept."""
    return settings().uri("drills", model, f"{at:%Y-%m-%d}.json")


def put(drilled: Drilled) -> None:
    """Keep a drill at its `report`; a second one on the same day stands for that day."""
    objects.put(drilled.report, json.dumps(drilled.to_json(), indent=1).encode(), content_type="application/json")


def drills(model: str) -> list[Drilled]:
    """All drills of a model, oldest first."""
    return [Drilled.from_json(objects.get_json(found)) for found in objects.keys(settings().uri("drills", model, ""))]
