"""What a person answered to a human-in-the-loop task."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def answer(given: dict[str, Any]) -> dict[str, Any]:
    """The result of an `ApprovalOperator` -> who answered, when, and the note, as arguments of a stage."""
    at = given["responded_at"]
    return {
        "by": given["responded_by_user"]["name"],
        "at": at if isinstance(at, datetime) else datetime.fromisoformat(at),
        "note": given["params_input"].get("note") or "",
    }
