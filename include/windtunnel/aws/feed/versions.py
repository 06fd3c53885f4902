"""What the ledger and the registry say of a model's versions, as the pages show it.

The journal is read once, oldest entry first, and decides alone: what was read of it is how things stood at one moment.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from windtunnel.aws import ledger, registry
from windtunnel.aws.feed.documents import identity
from windtunnel.aws.ledger import journal
from windtunnel.core.contracts import Entry, FeedEntry, FeedReport, FeedService, FeedVersion, Gated, VersionRecord
from windtunnel.core.errors import SettingInvalid

log = logging.getLogger(__name__)


class Told(NamedTuple):
    """What is known of the versions of a model, newest first."""

    versions: tuple[FeedVersion, ...]
    entries: tuple[FeedEntry, ...]
    services: tuple[FeedService, ...]
    dossiers: tuple[FeedReport, ...]
    states: Mapping[str, str]
    "Version -> state, in the order of their numbers; also of those that never reached the registry."


def told(model: str, known: Sequence[FeedVersion]) -> Told:
    """Read the ledger, and the registry's records of those versions that are not known yet.

    Args:
        model: Name of the model.
        known: From an earlier document: what a version is made of never changes, only what became of it does.
    """
    try:
        entries = list(journal.of_model(model))
        # After the journal: every version that it names is there.
        records = {record.version: record for record in ledger.versions(model)} if entries else {}
    except SettingInvalid as error:
        log.warning("feed: no versions of %s are shown. %s", model, error)
        entries, records = [], {}
    of_version: dict[str, list[Entry]] = {}
    for entry in entries:
        of_version.setdefault(entry.version, []).append(entry)
    before = {version.version: version for version in known}
    numbered = [name for name in records if name in of_version]
    found = [_version(records[name], of_version[name], before.get(name)) for name in reversed(numbered)]
    return Told(
        versions=tuple(version for version, _ in found if version),
        entries=tuple(_entry(entry) for entry in reversed(entries)),
        services=tuple(reversed(_services(entries))),
        dossiers=tuple(dossier for _, dossier in found if dossier),
        states={name: of_version[name][-1].state for name in numbered},
    )


def _version(
    record: VersionRecord, entries: Sequence[Entry], before: FeedVersion | None
) -> tuple[FeedVersion | None, FeedReport | None]:
    """A version with its newest dossier; None for one that has nothing but its number."""
    made = before if before and _same(record, before) else _made(record)
    if made is None:
        return None, None
    address, sha256, approved_by = None, None, None
    for entry in entries:
        if "dossier" in entry.evidence:
            address, sha256 = entry.evidence["dossier"], entry.evidence.get("dossier_sha256")
        if entry.state == "approved":
            approved_by = entry.by
    became = {
        "state": entries[-1].state,
        "package_arn": record.package_arn,
        "dossier": address and identity(address),
        "dossier_sha256": sha256,
        "approved_by": approved_by,
    }
    dossier = address and FeedReport(
        id=identity(address),
        kind="dossier",
        title=f"Dossier of {record.version}",
        address=address,
        version=record.version,
    )
    return made.model_copy(update=became), dossier or None


def _same(record: VersionRecord, before: FeedVersion) -> bool:
    return (record.artefact_sha256, record.created_at) == (before.artefact_sha256, before.created_at)


def _made(record: VersionRecord) -> FeedVersion | None:
    """What a version is made of, from its record in the registry."""
    gated = registry.record(record.model, record.version)
    if gated is None:
        log.info("feed: %s of %s is not registered yet", record.version, record.model)
        return None
    return _of(record, gated)


def _of(record: VersionRecord, gated: Gated) -> FeedVersion:
    plan, gate = gated.evaluated.plan, gated.gate
    return FeedVersion(
        version=record.version,
        state=record.state,
        created_at=record.created_at,
        requested_by=record.requested_by,
        reason=record.reason,
        dataset_tag=record.dataset_tag,
        snapshot_id=record.snapshot_id,
        train=plan.train.label,
        holdout=plan.holdout.label,
        train_rows=plan.train_rows,
        hyperparameters=plan.hyperparameters,
        git_commit=record.git_commit,
        image=record.image,
        artefact_sha256=record.artefact_sha256,
        package_arn=record.package_arn,
        metrics={name: value for name, value in gated.evaluated.metrics.items() if math.isfinite(value)},
        gate=gate.answer,
        gate_sentence=gate.sentence,
        forced_by=gate.forced_by,
        dossier=None,
        dossier_sha256=None,
        approved_by=None,
    )


def _entry(entry: Entry) -> FeedEntry:
    return FeedEntry(
        sequence=entry.sequence, version=entry.version, state=entry.state, at=entry.at, by=entry.by, why=entry.why
    )


def _services(entries: Sequence[Entry]) -> list[FeedService]:
    """The times of service, oldest first. A release that fails leaves in service what was."""
    found: list[FeedService] = []
    for entry in entries:
        last = found[-1] if found else None
        if entry.state == "live":
            found.append(FeedService(version=entry.version, since=entry.at, until=None))
        elif entry.state in ("retired", "rolled-back") and last and last.version == entry.version and not last.until:
            found[-1] = last.model_copy(update={"until": entry.at})
    return found
