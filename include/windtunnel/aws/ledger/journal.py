"""The journal of a model: entries 1, 2, 3, ... and the head that says which is the newest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from windtunnel.aws.ledger import table
from windtunnel.core.contracts import Champion, Entry, State


class Head(NamedTuple):
    """Where a model's journal stands, and what is in service. Every write to the ledger moves it, conditionally."""

    model: str
    sequence: int = 0
    at: datetime = datetime.min.replace(tzinfo=UTC)
    champion: Champion | None = None

    @classmethod
    def of(cls, model: str, item: dict[str, Any] | None) -> Self:
        """From its item; None before the first entry."""
        if item is None:
            return cls(model)
        at = datetime.fromisoformat(item["at"])
        return cls(model, item["sequence"], at, Champion.optional(item["champion"]))

    def now(self) -> datetime:
        """The time of the next entry: by the clock, and never before that of the newest, whoever's clock was wrong."""
        return max(datetime.now(UTC), self.at)

    def entry(self, at: datetime, after: int = 0, **said: Any) -> Entry:
        """The next entry, or the one `after` it."""
        return Entry(sequence=self.sequence + 1 + after, model=self.model, at=at, **said)

    def append(self, entries: Sequence[Entry], champion: Champion | None) -> list[table.Write]:
        """The writes that append entries and say what is in service then; they fail when the head has moved."""
        newest = entries[-1]
        body = {
            "sequence": newest.sequence,
            "at": newest.at.isoformat(),
            "champion": champion and champion.to_json(),
        }
        moved = table.put(key(self.model), body, {"sequence": [self.sequence]} if self.sequence else None)
        return [moved, *(write for entry in entries for write in _put(entry))]


def key(model: str) -> table.Key:
    """Of the head."""
    return model, "head"


def partition(model: str, version: str) -> str:
    """Of the entries of one version."""
    return f"{model}#{version}"


def of_version(model: str, version: str) -> list[Entry]:
    """The entries of a version, oldest first."""
    return [Entry.from_json(item) for item in table.query(partition(model, version), "entry#")]


def of_model(model: str) -> Iterator[Entry]:
    """All entries of a model, oldest first."""
    return (Entry.from_json(item) for item in table.query(model, "entry#"))


def put_champion(champion: Champion, sequence: int) -> table.Write:
    """The write that says who is in service from then on."""
    return table.put((champion.model, f"live#{_sortable(champion.live_since)}#{sequence:010d}"), champion.to_json())


def champions(model: str, until: datetime | None = None) -> Iterator[Champion]:
    """Who was in service, newest first: those that went live until a moment, or all."""
    last = f"live#{_sortable(until)}#~" if until else None
    found = table.query(model, "live#", last, newest_first=True)
    return (Champion.from_json(item) for item in found)


def newest(entries: Sequence[Entry], state: State, by: str, evidence: dict[str, str]) -> Entry | None:
    """The newest entry that says the same, whatever its words and its time."""
    return next((e for e in reversed(entries) if (e.state, e.by, e.evidence) == (state, by, evidence)), None)


def _sortable(moment: datetime) -> str:
    """The moment in UTC, always with its microseconds, so that text sorts as time does."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _put(entry: Entry) -> list[table.Write]:
    sort, body = table.entry_key(entry.sequence), entry.to_json()
    return [table.put((partition(entry.model, entry.version), sort), body), table.put((entry.model, sort), body)]
