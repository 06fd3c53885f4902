"""What the ledger answers. Each is a query or a read by key, never a scan."""

from __future__ import annotations

from datetime import UTC, datetime

from windtunnel.aws.ledger import allocation, journal, table
from windtunnel.aws.ledger.journal import Head
from windtunnel.core.contracts import Champion, History, VersionRecord
from windtunnel.core.errors import VersionInvalid, quoted


def live(model: str) -> Champion | None:
    """What is in service; None before the first release."""
    key = journal.key(model)
    return Head.of(model, table.get([key]).get(key)).champion


def live_at(model: str, moment: datetime) -> Champion | None:
    """What was in service at a moment; None before the first release.

    Args:
        model: Name of the model.
        moment: In UTC where it names no zone.
    """
    return next(journal.champions(model, moment if moment.tzinfo else moment.replace(tzinfo=UTC)), None)


def last_good(model: str) -> Champion | None:
    """The newest champion before the present one that was not rolled back; what a rollback brings back.

    One that a rollback is bringing back right now counts, so that the rollback can be taken up again.
    """
    present = live(model)
    seen = {present.version} if present else set()
    for champion in journal.champions(model):
        if champion.version not in seen:
            seen.add(champion.version)
            if _left_as(model, champion.version) == "retired":
                return champion
    return None


def history(model: str, version: str) -> History:
    """A version and everything that happened to it, oldest first.

    Raises:
        VersionInvalid: The ledger does not know it.
    """
    key = (model, table.version_key(version))
    found = table.get([key]).get(key)
    if found is None:
        known = (record.version for record in versions(model))
        raise VersionInvalid(f"The ledger knows no version `{version}` of `{model}`. Those it knows: {quoted(known)}.")
    return History(record=VersionRecord.from_json(found), entries=tuple(journal.of_version(model, version)))


def versions(model: str) -> list[VersionRecord]:
    """All versions of a model, oldest first."""
    return [VersionRecord.from_json(item) for item in table.query(model, "version#")]


def of_snapshot(model: str, snapshot_id: str) -> list[VersionRecord]:
    """The versions that were trained on a snapshot of the model's table, oldest first."""
    return _records(model, allocation.by_snapshot(model, snapshot_id))


def of_image(model: str, image: str) -> list[VersionRecord]:
    """The versions that an image trained and serves, oldest first."""
    return _records(model, allocation.by_image(model, image))


def _records(model: str, partition: str) -> list[VersionRecord]:
    keys = [(model, table.version_key(item["version"])) for item in table.query(partition, "version#")]
    found = table.get(keys)
    return [VersionRecord.from_json(found[key]) for key in keys]


def _left_as(model: str, version: str) -> str:
    """The state a version is in, beside the releases that are under way."""
    states = (entry.state for entry in reversed(journal.of_version(model, version)))
    return next(state for state in states if state != "releasing")
