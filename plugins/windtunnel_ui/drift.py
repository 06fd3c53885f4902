"""The page of the monitor's windows: which two are looked at, side by side."""

from __future__ import annotations

from typing import Any


def view(document: dict[str, Any], *, window: str = "", beside: str = "") -> dict[str, Any]:
    """What the page shows.

    Args:
        document: A model's `Feed`.
        window: Label of the window to show; the newest with a report by default.
        beside: Label of a second one; none by default.

    Returns:
        `chosen` and `other`, `FeedWindow`s or None, and `asked`, a label that is not there, if any.
    """
    windows = document["windows"]
    by_label = {one["label"]: one for one in windows}
    newest = next((one for one in windows if one["report"]), windows[0] if windows else None)
    unknown = next((label for label in (window, beside) if label and label not in by_label), None)
    return {
        "chosen": by_label.get(window, newest),
        "other": by_label.get(beside),
        "asked": unknown,
    }
