"""What happens to a version, one conditional transaction each: from an allowed state, in sequence, under the fence."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from windtunnel.aws.ledger import journal, leases, table
from windtunnel.aws.ledger.journal import Head
from windtunnel.core.contracts import Champion, Entry, Lease, Proof, Release, State, VersionRecord
from windtunnel.core.errors import FenceLost, ReleaseRefused, VersionInvalid, quoted
from windtunnel.core.marks import shared_write

log = logging.getLogger(__name__)

ALLOWED: Mapping[State, frozenset[State]] = {
    "allocated": frozenset(),
    "registered": frozenset({"allocated"}),
    # Again after it stopped, or while nobody has decided: a cleared run brings newer evidence.
    "rehearsed": frozenset({"registered", "rehearsed", "shadowed", "stopped", "awaiting-approval", "expired"}),
    "shadowed": frozenset({"rehearsed", "shadowed"}),
    "stopped": frozenset({"registered", "rehearsed", "shadowed", "stopped"}),
    "awaiting-approval": frozenset({"rehearsed", "shadowed", "awaiting-approval", "expired"}),
    "approved": frozenset({"awaiting-approval"}),
    "rejected": frozenset({"awaiting-approval"}),
    "expired": frozenset({"awaiting-approval"}),
    # From `releasing` itself: another task takes a release over.
    "releasing": frozenset({"approved", "retired", "rolled-back", "releasing"}),
    "live": frozenset({"releasing"}),
    "rolled-back": frozenset({"releasing", "live"}),
    "retired": frozenset({"live"}),
}
"""State -> the states it may be reached from."""

_BY = {"allocated": "allocate", "live": "go_live", "retired": "go_live", "rolled-back": "go_live or fell_back"}
"""The states that change more than a version, and what writes them."""


@dataclass(frozen=True)
class Step:
    """One version's way into one state."""

    version: str
    state: State
    by: str
    why: str
    evidence: dict[str, str] = field(default_factory=dict)
    package_arn: str | None = None
    after: frozenset[State] | None = None
    "Which of the allowed states it comes from here; None: any."

    @property
    def allowed(self) -> frozenset[State]:
        """The states it may come from."""
        return ALLOWED[self.state] if self.after is None else ALLOWED[self.state] & self.after


@dataclass(frozen=True)
class _Seen:
    """What the ledger said when a transaction was made ready."""

    head: Head
    records: dict[str, VersionRecord]

    def record(self, version: str) -> VersionRecord:
        try:
            return self.records[version]
        except KeyError:
            raise VersionInvalid(
                f"The ledger knows no version `{version}` of `{self.head.model}`. "
                f"`python -m windtunnel versions {self.head.model}` lists those it knows."
            ) from None

    def require(self, step: Step) -> None:
        state = self.record(step.version).state
        if state not in step.allowed:
            raise VersionInvalid(
                f"`{step.version}` of `{self.head.model}` is `{state}` and cannot become `{step.state}`, which comes after "
                f"{quoted(step.allowed)}. `python -m windtunnel history {self.head.model} {step.version}` "
                "says who brought it there and why."
            )


def move(
    model: str,
    version: str,
    state: State,
    *,
    by: str,
    why: str,
    evidence: dict[str, str] | None = None,
    lease: Lease | None = None,
    package_arn: str | None = None,
) -> Entry:
    """Bring a version into a state, from one of the states that may come before it.

    A move with the same state, `by` and `evidence` as the version's newest entry is that entry, worded as it was. So is
    one that was made before and cannot be made any more, because the version has moved on since.

    Args:
        model: Name of the model.
        version: `V1.2.14`.
        state: Where to; `live`, `retired` and `rolled-back` have functions of their own.
        by: A person, or `<stage>:<dag run id>`.
        why: A sentence.
        evidence: Name -> address or digest.
        lease: The fence of a release; required for `releasing`.
        package_arn: From now on the version's package in the registry.

    Raises:
        VersionInvalid: No such version, or the state is not reached from where it is.
        FenceLost: Someone else took the lease over.
        CommitConflict: Others kept winning; run it again.
    """
    if state in _BY:
        raise VersionInvalid(f"`{state}` is not reached by `move` but by `ledger.{_BY[state]}`.")
    if state == "releasing" and lease is None:
        raise FenceLost(f"`{version}` of `{model}` cannot be released without a lease. Call `ledger.take` first.")
    step = Step(version, state, by, why, evidence or {}, package_arn)
    return _make(model, [step], lease, lambda: shared_write("ledger.move"))


def go_live(release: Release, proof: Proof) -> Entry:
    """Record that a version is in service, and that the one before it is not any more.

    The one before becomes `retired`, or `rolled-back` where it was brought out of service by a rollback.

    Returns:
        The entry of the version that went live.

    Raises:
        ReleaseRefused: Something else is in service than the release began with.
        FenceLost: Someone else took the lease over.
        VersionInvalid: The version is not `releasing`.
    """
    registered = release.registered
    evidence = {
        "endpoint": proof.endpoint,
        "endpoint_config": proof.endpoint_config,
        "package_arn": proof.package_arn,
        "artefact_sha256": registered.evaluated.artefact_sha256,
    }
    steps = [Step(registered.version, "live", release.by, release.why, evidence)]
    if release.previous:
        left: State = "rolled-back" if release.rollback else "retired"
        why = f"{registered.version} is in its place: {release.why}"
        steps.insert(0, Step(release.previous.version, left, release.by, why, after=frozenset({"live"})))
    return _make(registered.model, steps, leases.of(release), lambda: shared_write("ledger.go-live"), release)


def fell_back(release: Release, reason: str) -> Entry:
    """Record that a release did not get there: its version is `rolled-back`, and what was in service still is.

    Raises:
        FenceLost: Someone else took the lease over.
        VersionInvalid: The version is not `releasing`.
    """
    evidence = {"endpoint_config": release.endpoint_config}
    after: frozenset[State] = frozenset({"releasing"})
    step = Step(release.registered.version, "rolled-back", release.by, reason, evidence, after=after)
    return _make(release.registered.model, [step], leases.of(release), lambda: shared_write("ledger.fall-back"))


type _Mark = Callable[[], AbstractContextManager[None]]


def _make(model: str, steps: Sequence[Step], lease: Lease | None, mark: _Mark, release: Release | None = None) -> Entry:
    entry = table.settle(model, lambda: _attempt(model, steps, lease, mark, release))
    log.info("ledger: %d of %s: %s is %s by %s", entry.sequence, model, entry.version, entry.state, entry.by)
    return entry


def _attempt(
    model: str, steps: Sequence[Step], lease: Lease | None, mark: _Mark, release: Release | None
) -> Entry | None:
    last = steps[-1]
    versions = {step.version: (model, table.version_key(step.version)) for step in steps}
    found = table.get([journal.key(model), leases.key(model), *versions.values()])
    if lease:
        leases.require(lease, found.get(leases.key(model)))
    seen = _Seen(
        Head.of(model, found.get(journal.key(model))),
        {version: VersionRecord.from_json(found[key]) for version, key in versions.items() if key in found},
    )
    if made := _made_before(seen.record(last.version), last):
        return made
    champion = seen.head.champion
    if release:
        champion = _crowned(seen.head, release, last)
    for step in steps:
        seen.require(step)
    at = champion.live_since if release and champion else seen.head.now()
    entries = [
        seen.head.entry(
            at,
            after,
            version=step.version,
            state=step.state,
            by=step.by,
            why=step.why,
            epoch=lease and lease.epoch,
            evidence=step.evidence,
        )
        for after, step in enumerate(steps)
    ]
    writes = [_rewritten(seen.record(step.version), step) for step in steps]
    writes += seen.head.append(entries, champion)
    if lease:
        writes.append(table.check(leases.key(model), {"epoch": [lease.epoch]}))
    if release and champion:
        writes.append(journal.put_champion(champion, entries[-1].sequence))
    with mark():
        return entries[-1] if table.commit(writes) else None


def _made_before(record: VersionRecord, step: Step) -> Entry | None:
    """The entry of the same step, if it is the newest of its version, or one it has moved on from.

    A version goes into service and out of it more than once: there only the newest entry is the same step.
    """
    entries = journal.of_version(record.model, record.version)
    same = journal.newest(entries, step.state, step.by, step.evidence)
    moved_on = step.state not in _BY and record.state not in step.allowed
    return same if same == entries[-1] or moved_on else None


def _crowned(head: Head, release: Release, step: Step) -> Champion:
    """The champion that a release makes, when what it began with is still in service."""
    found, wanted = (champion and champion.version for champion in (head.champion, release.previous))
    if found != wanted:
        raise ReleaseRefused(
            f"`{found or 'nothing'}` is in service of `{head.model}`, and this release of `{step.version}` began over "
            f"`{wanted or 'nothing'}`. The ledger was not changed: clear the run from its first task."
        )
    registered, plan = release.registered, release.registered.evaluated.plan
    return Champion(
        model=registered.model,
        version=registered.version,
        package_arn=registered.package_arn,
        model_data=registered.evaluated.model_data,
        artefact_sha256=registered.evaluated.artefact_sha256,
        train=plan.train,
        holdout=plan.holdout,
        endpoint_config=step.evidence["endpoint_config"],
        live_since=head.now(),
    )


def _rewritten(record: VersionRecord, step: Step) -> table.Write:
    """The write of a version's record in its new state, under the condition that the old one allows it."""
    changed = {"state": step.state, **({"package_arn": step.package_arn} if step.package_arn else {})}
    key = (record.model, table.version_key(record.version))
    return table.put(key, record.model_copy(update=changed).to_json(), {"state": sorted(step.allowed)})
