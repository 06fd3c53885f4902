"""resume: what ledger, registry and endpoint say of a model -> every version whose way has not ended, and what takes it on.

Nothing is written. What a stage made is read back from where it left it, and is what the stage returned: the event that
is created from it starts the next stage as the lost one would have.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from windtunnel.aws import dossiers, ledger, registry
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import (
    ApprovedVersion,
    Champion,
    Dossier,
    Entry,
    Lease,
    RegisteredVersion,
    Standing,
    State,
    VersionRecord,
    Waiting,
)
from windtunnel.core.contracts.recovery import Stage
from windtunnel.core.errors import ReleaseRefused, SourceMissing, WindtunnelError
from windtunnel.core.version import Version
from windtunnel.stages.approve import approved
from windtunnel.stages.recall import LEAVES
from windtunnel.stages.reconcile import look

log = logging.getLogger(__name__)

ON: Mapping[State, tuple[Stage, str]] = {
    "registered": ("shadow", "It waits for its rehearsal."),
    "rehearsed": ("shadow", "Its shadow was not judged: it is rehearsed and stands beside the champion anew."),
    "shadowed": ("shadow", "Its dossier was not written: it is rehearsed and stands beside the champion anew."),
    "awaiting-approval": ("approve", "It waits for a reviewer's answer."),
    "approved": ("rollout", "It waits for its rollout."),
    "releasing": ("rollout", "Its rollout has not ended: another run takes it over where SageMaker left it."),
}
"""Where the way goes on from each state on it, and what that means."""

WAY: tuple[State, ...] = ("allocated", *ON)

_YES: frozenset[State] = frozenset({"approved", "releasing", "live", "retired", "rolled-back"})
_NO: frozenset[State] = frozenset({"rejected", "expired"})


def resume(model: str) -> Standing:
    """Find what stands of a model, and what takes on each version that is on its way."""
    log.info("resume: %s", model)
    champion = ledger.live(model)
    agrees, endpoint = _endpoint(model)
    records = ledger.versions(model)
    lease = ledger.held(model)
    waiting = [_waiting(record, champion, lease) for record in records if record.state in WAY]
    standing = Standing(
        model=model,
        live=champion and champion.version,
        agrees=agrees,
        endpoint=endpoint,
        differences=tuple(_differences(model, records)),
        waiting=tuple(_in_turn(waiting)),
    )
    log.info("resume: %d of %d versions of %s are on their way", len(waiting), len(records), model)
    return standing


def _endpoint(model: str) -> tuple[bool | None, str]:
    """Whether the endpoint serves what the ledger says, and a sentence; a look that fails keeps nothing else from being found."""
    from botocore.exceptions import ClientError

    try:
        seen = look(model)
    except (WindtunnelError, ClientError) as error:
        return None, f"It could not be looked at: {error}"
    return (seen.agrees, seen.sentence) if seen else (None, "Nothing is in service.")


def _waiting(record: VersionRecord, champion: Champion | None, lease: Lease | None) -> Waiting:
    entries = ledger.history(record.model, record.version).entries
    newest = entries[-1]
    waiting = Waiting(
        model=record.model, version=record.version, state=record.state, since=newest.at, sentence="Nothing takes it on."
    )
    if why := _over(record, newest, champion):
        return waiting.model_copy(update={"sentence": why})
    stage, sentence = ON[record.state]
    try:
        made, judged_against = _made(record, entries)
    except (SourceMissing, ReleaseRefused) as lost:
        said = f"{lost} Nothing takes it on: ask for a retrain on newer data with `{record.model}_retrain`."
        return waiting.model_copy(update={"sentence": said})
    if judged_against != (in_service := champion and champion.version):
        said = (
            f"It was judged against {judged_against or 'nothing'}, and {in_service or 'nothing'} is in service now: the "
            f"evidence is about something else. Ask for a retrain with `{record.model}_retrain`."
        )
        return waiting.model_copy(update={"sentence": said})
    if stage == "rollout" and not registry.is_approved(registry_arn := str(record.package_arn)):
        said = f"`{registry_arn}` is not Approved in the Model Registry: a release of it is refused, as the differences say."
        return waiting.model_copy(update={"sentence": said})
    until = newest.at + timedelta(days=model_spec(record.model).approval.days)
    if stage == "approve" and until <= datetime.now(UTC):
        sentence = (
            f"Nobody answered until {until:%Y-%m-%d %H:%M} UTC: `{record.model}_approve` records that it expired."
        )
    given = {"stage": stage, "sentence": sentence, "made": made, "not_before": _not_before(record, lease)}
    return waiting.model_copy(update=given)


def _over(record: VersionRecord, newest: Entry, champion: Champion | None) -> str | None:
    """Why a version is not taken on, whatever was made of it; None: it may be."""
    model, version = record.model, record.version
    if record.state == "allocated":
        return (
            f"It has a number and is not registered. Ask for a retrain with `{model}_retrain`: the same data and "
            "parameters adopt what was trained, and keep the number."
        )
    if LEAVES in newest.evidence:
        return (
            f"A rollback to it by {newest.by} has not ended. If its run is lost, go on with it: "
            f"`python -m windtunnel rollback {model} --to {version} --because ...`."
        )
    if champion and Version.parse(champion.version) > Version.parse(version):
        return f"{champion.version} is in service, which is newer: it is not taken on."
    return None


def _made(
    record: VersionRecord, entries: Sequence[Entry]
) -> tuple[RegisteredVersion | Dossier | ApprovedVersion, str | None]:
    """What the stage before made of a version, and the champion that it was judged against.

    Raises:
        SourceMissing: Something that it is read from is gone.
        ReleaseRefused: Something that it is read from was changed.
    """
    registered, stage = registry.recorded(record), ON[record.state][0]
    if stage == "shadow":
        return registered, registered.gate.champion
    if stage == "approve":
        dossier = dossiers.read(registered, _newest(entries, "awaiting-approval").evidence)
        return dossier, dossier.champion
    yes = _newest(entries, "approved")
    asked = _newest(entries, "awaiting-approval", dossier_sha256=yes.evidence["dossier_sha256"])
    dossier = dossiers.read(registered, asked.evidence)
    return approved(dossier, yes), dossier.champion


def _newest(entries: Sequence[Entry], state: State, **evidence: str) -> Entry:
    """The newest entry of a state with this evidence; there is one behind every state that may follow it."""
    return next(
        entry for entry in reversed(entries) if entry.state == state and evidence.items() <= entry.evidence.items()
    )


def _not_before(record: VersionRecord, lease: Lease | None) -> datetime | None:
    """Until when a lost run keeps others from going on; a rollout of another version waits its turn by itself."""
    if lease is None or lease.until <= datetime.now(UTC):
        return None
    keeps = record.state == "releasing" or (ON[record.state][0] == "shadow" and lease.owner.startswith("shadow:"))
    return lease.until if keeps else None


def _in_turn(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Of several that go the same way one goes first: Airflow gives two events to one run, which grants the newest only."""
    found = list(waiting)
    first: dict[Stage, Waiting] = {}
    for one in found:
        if one.stage:
            first[one.stage] = max(first.get(one.stage, one), one, key=_turn)
    return [
        one.model_copy(update={"behind": first[one.stage].version})
        if one.stage and first[one.stage].version != one.version
        else one
        for one in found
    ]


def _turn(waiting: Waiting) -> tuple[bool, Version]:
    """A release that has begun is ended first; then the newest version."""
    return waiting.state == "releasing", Version.parse(waiting.version)


def _differences(model: str, records: Sequence[VersionRecord]) -> Iterable[str]:
    """What the registry says otherwise than the ledger, version by version."""
    known = [record for record in records if record.package_arn]
    said = registry.statuses(model) if known else {}
    for record in known:
        status = said.get(str(record.package_arn), "gone")
        if difference := _difference(record, status):
            yield difference
        if status != "gone" and record.state in ("live", *ON):
            try:
                registry.recorded(record)
            except (SourceMissing, ReleaseRefused) as wrong:
                yield str(wrong)


def _difference(record: VersionRecord, status: str) -> str | None:
    if status == (
        "Approved" if record.state in _YES else "Rejected" if record.state in _NO else "PendingManualApproval"
    ):
        return None
    entries = ledger.history(record.model, record.version).entries
    if status == "Rejected" and record.state not in _YES and any(entry.state == "expired" for entry in entries):
        return None  # asked about again after nobody had answered
    said = f"{record.version} is `{record.state}`, and its package `{record.package_arn}` is `{status}`."
    if record.state in _YES and status == "PendingManualApproval":
        yes = next((entry for entry in reversed(entries) if entry.state == "approved"), entries[-1])
        said += (
            f" The yes of {yes.by} of {yes.at:%Y-%m-%d %H:%M} UTC did not reach the registry, and a release asks for it: "
            "whoever may approve there sets the package to Approved."
        )
    return said
