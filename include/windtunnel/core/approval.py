"""The rules of an answer to "release this version?": who may give it, and with what."""

from __future__ import annotations

from typing import Literal

from windtunnel.core.contracts import Answer, RegisteredVersion

Choice = Literal["yes", "no"]

MONITOR = "monitor"
"""Who asked when a verdict did."""

NOBODY = ("", "unknown", "ingest", MONITOR)
"""Who asked when it was no person: nobody known, new data, or a verdict. Then nobody is kept from answering."""


def askers(registered: RegisteredVersion) -> tuple[str, ...]:
    """The people who wanted this version: they may not be the ones to approve or reject it."""
    wanted = (registered.evaluated.plan.requested_by, registered.gate.forced_by)
    return tuple(dict.fromkeys(name for name in wanted if name and name not in NOBODY))


def broken_rule(registered: RegisteredVersion, choice: Choice, answer: Answer) -> str | None:
    """The rule that an answer breaks, as a sentence for the one who gave it; None for a good answer."""
    if answer.by.strip().casefold() in {name.strip().casefold() for name in askers(registered)}:
        return (
            f"Four eyes: `{answer.by}` asked for {registered.version} and may not answer for it. "
            "Let another reviewer read the dossier."
        )
    if answer.note.strip():
        return None
    if choice == "no":
        return f"A no needs a reason: write into the note why {registered.version} must not go live."
    if registered.gate.forced_by:
        return (
            f"{registered.version} was forced past the gate by `{registered.gate.forced_by}`: a yes needs a reason too. "
            "Write into the note why the gate's answer does not count."
        )
    return None
