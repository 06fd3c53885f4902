"""A version that waits for an answer, with a real dossier, without a lake: for tests of what comes after it."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from tests import candidate, evidence
from tests.release import made
from windtunnel.aws import dossiers, ledger
from windtunnel.core.contracts import Dossier, Shadowed, State
from windtunnel.core.settings import settings
from windtunnel.core.workkey import work_key
from windtunnel.ml import dossier
from windtunnel.stages.register import register

BEFORE: tuple[State, ...] = ("rehearsed", "shadowed")


def waiting(requested_by: str = "ingest", *, tag: int = 1, **gate: Any) -> Dossier:
    """A new version of its own, documented and before the reviewers.

    Args:
        requested_by: Who asked for it.
        tag: Generation of the model.
        gate: Fields of the gate's answer, such as `forced_by`.
    """
    key = work_key(nonce=uuid.uuid4().hex)
    plan = candidate.plan(
        requested_by=requested_by,
        tag=tag,
        image=made.IMAGE,
        work_key=key,
        job_name=f"flights-{key[:16]}",
        reason=f"Work {key[:8]}.",
    )
    data = settings().uri("jobs", plan.job_name, "output", "model.tar.gz")
    gated = candidate.gated(evaluated=candidate.evaluated(plan=plan, model_data=data), gate=candidate.gate(**gate))
    version = register(gated)
    assert version is not None
    for state in BEFORE:
        ledger.move("flights", version.version, state, by="test", why="It flies.")
    return put(evidence.shadowed(rehearsed=evidence.rehearsed(registered=version)))


def put(found: Shadowed) -> Dossier:
    """Document what was found about a version, and put it before the reviewers."""
    version, champion = found.rehearsed.registered, ledger.live("flights")
    document = dossier.write(evidence.evidence(shadowed=found), evidence.SPEC)
    page, body = dossier.render(document), document.bytes()
    page_address, document_address = dossiers.put("flights", page, body)
    written = Dossier(
        registered=version,
        champion=champion and champion.version,
        page=page_address,
        sha256=hashlib.sha256(page).hexdigest(),
        document=document_address,
        document_sha256=hashlib.sha256(body).hexdigest(),
        summary=dossier.summary(document, dossiers.link(page_address)),
    )
    said = {"dossier": written.page, "dossier_sha256": written.sha256, "dossier_document": written.document}
    ledger.move("flights", version.version, "awaiting-approval", by="document", why=document.headline, evidence=said)
    return written
