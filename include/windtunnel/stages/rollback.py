"""rollback: the whole way back in one process, for a person at a shell when Airflow is away."""

from __future__ import annotations

import logging
import time
import uuid

from windtunnel.core.contracts import Proof
from windtunnel.core.settings import settings
from windtunnel.stages.deploy import deploy
from windtunnel.stages.prove import prove
from windtunnel.stages.recall import recall

log = logging.getLogger(__name__)


def rollback(model: str, version: str | None, by: str, why: str) -> Proof:
    """Bring an earlier version back, as the rollback DAG does, and wait for the proof.

    Args:
        model: Name of the model.
        version: What to bring back; None: the last good one.
        by: The person.
        why: On record with both versions.

    Raises:
        ReleaseRefused: There is nothing to go back to, or the endpoint does not serve it; the message says what it does.
    """
    log.info("rollback: %s to %s, asked by %s: %s", model, version or "the last good version", by, why)
    release = recall(model, version, by, why, owner=f"command:{uuid.uuid4().hex}")
    while deploy(release) is not None:
        time.sleep(settings().poll_seconds)
    proof = prove(release)
    log.info("rollback: %s serves %s", proof.endpoint, proof.version)
    return proof
