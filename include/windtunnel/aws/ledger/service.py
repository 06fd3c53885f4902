"""Which version answered when: read off the journal, releases left out."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from windtunnel.aws.ledger import journal


class Service(NamedTuple):
    """A time in which one version answered alone, from `since` on and before `until`; UTC."""

    version: str
    since: datetime
    until: datetime | None
    "None: it still does."


def services(model: str) -> list[Service]:
    """The times in which one version was in service and no release under way, oldest first.

    While a version is `releasing` two may answer, and nobody can tell from a captured request which one did. Before the
    first release nothing answered.
    """
    found: list[Service] = []
    releasing: set[str] = set()
    live: str | None = None
    current: Service | None = None
    for entry in journal.of_model(model):
        if entry.state == "releasing":
            releasing.add(entry.version)
        elif entry.state == "live":
            live = entry.version
            releasing.clear()  # proved to serve alone: whatever else was under way is over
        elif entry.version in releasing:
            releasing.discard(entry.version)
        else:
            continue
        if current and (releasing or entry.state == "live"):
            found.append(current._replace(until=entry.at))
            current = None
        if live and not current and not releasing:
            current = Service(live, entry.at, None)
    return [*found, current] if current else found
