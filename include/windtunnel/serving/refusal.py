"""What the server answers instead of predictions: one JSON shape for every refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LONGEST_QUOTE = 120


@dataclass(eq=False)
class Refusal(Exception):
    """A request that cannot be answered.

    Args:
        status: HTTP status.
        message: What is wrong, in a sentence.
        found: What came in.
        allowed: What is allowed.
        column: The offending column, where there is one.
        row: The offending row, where there is one; rows count from 0, a header does not count.
    """

    status: int
    message: str
    found: str | None = None
    allowed: str | None = None
    column: str | None = None
    row: int | None = None

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        names = ("message", "column", "row", "found", "allowed")
        return {"error": {name: getattr(self, name) for name in names}}


def shown(value: Any) -> str:
    """A JSON value as text, cut short: a request may carry megabytes."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with {len(value)} names"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return clipped(repr(value))


def clipped(text: str) -> str:
    """A text, cut short."""
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}..."
