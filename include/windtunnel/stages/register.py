"""register: a candidate that the gate lets on -> a version in the ledger and in the Model Registry, waiting for a person."""

from __future__ import annotations

import logging

from windtunnel.aws import ledger, registry
from windtunnel.core.approval import NOBODY
from windtunnel.core.contracts import Gated, RegisteredVersion

log = logging.getLogger(__name__)


def register(gated: Gated) -> RegisteredVersion | None:
    """Give a candidate its version and put it into the registry with all that it is made of.

    May be repeated after a crash at any point: the same work has one version and one package. New data and a verdict may
    ask for the same work at the same time; the one that came first sends the version on.

    Returns:
        The version, or None where the gate does not let the candidate on, or the other one sends it on.

    Raises:
        RevisionStale: The model's folder changed and its revision did not.
        CommitConflict: Others kept winning; run it again.
    """
    model, gate = gated.evaluated.plan.model, gated.gate
    log.info("register: %s, the gate says %s", gated.evaluated.plan.job_name, gate.answer)
    if not gate.goes_on:
        log.info("register: nothing to do, %s. %s", gate.answer, gate.sentence)
        return None
    version = ledger.allocate(gated)
    registered = registry.register(gated, version)
    ledger.move(
        model,
        version,
        "registered",
        by=registered.gate.forced_by or registered.evaluated.plan.requested_by,
        why=registered.gate.sentence,
        evidence={"package_arn": registered.package_arn, "gate": registered.gate.report},
        package_arn=registered.package_arn,
    )
    log.info("register: %s of %s is %s", version, model, registered.package_arn)
    first, asked = registered.evaluated.plan.requested_by, gated.evaluated.plan.requested_by
    if first != asked and {first, asked} <= set(NOBODY):
        log.info("register: nothing to do, `%s` asked for the same work first and sends it on", first)
        return None
    return registered
