"""Versions are numbered here: the same work has one number for ever, and no number is skipped or used twice."""

from __future__ import annotations

import logging

from windtunnel.aws.ledger import journal, table
from windtunnel.aws.ledger.journal import Head
from windtunnel.core.contracts import Gated, TrainingPlan, VersionRecord
from windtunnel.core.errors import RevisionStale
from windtunnel.core.marks import shared_write
from windtunnel.core.version import Version

log = logging.getLogger(__name__)


def allocate(gated: Gated) -> str:
    """Number a candidate: `V<tag>.<revision>.<auto>`, with `auto` the next one of that revision.

    The same work key asked for again gets the version it has, whatever became of it.

    Args:
        gated: A candidate that goes on.

    Raises:
        RevisionStale: Versions of this revision were made of another folder.
        CommitConflict: Others kept winning; run it again.
    """
    plan = gated.evaluated.plan
    version = table.settle(plan.model, lambda: _attempt(gated))
    log.info("ledger: work %s of %s is %s", plan.work_key[:16], plan.model, version)
    return version


def _attempt(gated: Gated) -> str | None:
    plan = gated.evaluated.plan
    once = (plan.model, f"once#{plan.work_key}")
    counted = (plan.model, f"counter#{plan.tag:06d}.{plan.revision:06d}")
    found = table.get([once, counted, journal.key(plan.model)])
    if once in found:
        return str(found[once]["version"])
    counter = found.get(counted)
    if counter and counter["folder_sha256"] != plan.folder_sha256:
        raise _stale(plan)
    auto = counter["next"] if counter else 0
    version = str(Version(plan.tag, plan.revision, auto))
    head = Head.of(plan.model, found.get(journal.key(plan.model)))
    record = _record(gated, version, head)
    entry = head.entry(
        at=record.created_at,
        version=version,
        state=record.state,
        by=gated.gate.forced_by or plan.requested_by,
        why=_why(gated),
        epoch=None,
        evidence=_evidence(gated),
    )
    sort, said = table.version_key(version), {"version": version}
    writes = [
        table.put(once, said),
        table.put(
            counted,
            {"next": auto + 1, "folder_sha256": plan.folder_sha256},
            {"next": [auto], "folder_sha256": [plan.folder_sha256]} if counter else None,
        ),
        table.put((plan.model, sort), record.to_json()),
        table.put((by_snapshot(plan.model, plan.dataset.snapshot_id), sort), said),
        table.put((by_image(plan.model, plan.image), sort), said),
        *head.append([entry], head.champion),
    ]
    with shared_write("ledger.allocate"):
        return version if table.commit(writes) else None


def by_snapshot(model: str, snapshot_id: str) -> str:
    """Partition of the versions of a snapshot."""
    return f"{model}#snapshot#{snapshot_id}"


def by_image(model: str, image: str) -> str:
    """Partition of the versions of an image."""
    return f"{model}#image#{image}"


def _record(gated: Gated, version: str, head: Head) -> VersionRecord:
    plan = gated.evaluated.plan
    return VersionRecord(
        model=plan.model,
        version=version,
        state="allocated",
        work_key=plan.work_key,
        package_arn=None,
        dataset_tag=plan.dataset.tag,
        snapshot_id=plan.dataset.snapshot_id,
        table=plan.dataset.table,
        code_sha256=plan.code_sha256,
        git_commit=plan.git_commit,
        image=plan.image,
        artefact_sha256=gated.evaluated.artefact_sha256,
        requested_by=plan.requested_by,
        reason=plan.reason,
        created_at=head.now(),
    )


def _why(gated: Gated) -> str:
    gate = gated.gate
    forced = f" Forced by {gate.forced_by}: {gate.forced_because}" if gate.forced_by else ""
    return f"{gated.evaluated.plan.reason} {gate.sentence}{forced}"


def _evidence(gated: Gated) -> dict[str, str]:
    plan = gated.evaluated.plan
    return {
        "work_key": plan.work_key,
        "folder_sha256": plan.folder_sha256,
        "model_data": gated.evaluated.model_data,
        "artefact_sha256": gated.evaluated.artefact_sha256,
        "evaluation": gated.evaluated.evaluation,
        "gate": gated.gate.report,
    }


def _stale(plan: TrainingPlan) -> RevisionStale:
    return RevisionStale(
        f"The folder of `{plan.model}` differs from the one that versions `V{plan.tag}.{plan.revision}.*` were made of. "
        f"Raise its revision with `make revision MODEL={plan.model}`, deploy, and train again."
    )
