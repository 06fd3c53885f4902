"""approve: a reviewer's answer -> on record in the ledger and in the Model Registry, bound to the dossier's digest."""

from __future__ import annotations

import logging
from datetime import datetime

from windtunnel.aws import dossiers, ledger, registry
from windtunnel.core.approval import Choice, broken_rule
from windtunnel.core.contracts import Answer, ApprovedVersion, Dossier, Entry, State
from windtunnel.core.errors import ReleaseRefused

log = logging.getLogger(__name__)

EXPIRED_BY = "approve"
"""Who let a question expire: this stage, and no person."""
ANSWERED_AT = "answered_at"
"""Evidence of an answer: when it was given."""


def approve(dossier: Dossier, answer: Answer) -> ApprovedVersion:
    """Record a yes: the version may be rolled out.

    Raises:
        ReleaseRefused: The dossier's bytes are not those that were read, or the answer breaks a rule.
        VersionInvalid: The version waits for no answer any more.
    """
    _record(dossier, "approved", "yes", answer)
    return ApprovedVersion(dossier=dossier, approved_by=answer.by, approved_at=answer.at, note=answer.note)


def approved(dossier: Dossier, entry: Entry) -> ApprovedVersion:
    """What `approve` returned, by the entry that it wrote.

    Args:
        dossier: The one that the entry names.
        entry: The version's `approved`.
    """
    note = "" if entry.why == _without_note(dossier) else entry.why
    at = datetime.fromisoformat(entry.evidence[ANSWERED_AT])
    return ApprovedVersion(dossier=dossier, approved_by=entry.by, approved_at=at, note=note)


def reject(dossier: Dossier, answer: Answer) -> Dossier:
    """Record a no: what is in service stays in service.

    Raises:
        ReleaseRefused: The dossier's bytes are not those that were read, or the answer breaks a rule.
        VersionInvalid: The version waits for no answer any more.
    """
    _record(dossier, "rejected", "no", answer)
    return dossier


def expire(dossier: Dossier, why: str) -> Dossier:
    """Record that a question ended without an answer: what is in service stays in service.

    Args:
        dossier: What was asked about.
        why: A sentence.

    Raises:
        VersionInvalid: The version waits for no answer any more.
    """
    registered = dossier.registered
    log.info("expire: %s %s", registered.model, registered.version)
    entry = ledger.move(
        registered.model, registered.version, "expired", by=EXPIRED_BY, why=why, evidence=_evidence(dossier)
    )
    said = f"Expired. {entry.why} {_digest(dossier)}"
    registry.decide(registered.package_arn, approved=False, sentence=said, by=EXPIRED_BY)
    log.info("expire: %s is expired. %s", registered.version, entry.why)
    return dossier


def _record(dossier: Dossier, state: State, choice: Choice, answer: Answer) -> None:
    registered = dossier.registered
    log.info("%s: %s %s by %s, dossier %s", state, registered.model, registered.version, answer.by, dossier.sha256)
    if rule := broken_rule(registered, choice, answer):
        raise ReleaseRefused(f"The answer is not recorded. {rule}")
    dossiers.require_unchanged(dossier)
    evidence = _evidence(dossier) | {ANSWERED_AT: answer.at.isoformat()}
    said = answer.note.strip() or _without_note(dossier)
    ledger.move(registered.model, registered.version, state, by=answer.by, why=said, evidence=evidence)
    registry.decide(
        registered.package_arn,
        approved=state == "approved",
        by=answer.by,
        # The digest first: the registry keeps 1,024 characters, and the note is whole in the ledger.
        sentence=f"{state.capitalize()} by {answer.by} at {answer.at:%Y-%m-%d %H:%M:%S%z}. {_digest(dossier)} {answer.note}".strip(),
    )
    log.info("%s: %s of %s, the answer of %s is on record", state, registered.version, registered.model, answer.by)


def _without_note(dossier: Dossier) -> str:
    return f"No note. The dossier is {dossier.sha256[:12]}."


def _evidence(dossier: Dossier) -> dict[str, str]:
    return {"dossier": dossier.page, "dossier_sha256": dossier.sha256}


def _digest(dossier: Dossier) -> str:
    return f"Dossier {dossier.sha256}."
