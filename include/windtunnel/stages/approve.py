"""approve: a reviewer's answer -> on record with the version."""

from __future__ import annotations

import logging

from windtunnel.aws import registry
from windtunnel.core.contracts import Answer, ApprovedVersion, RegisteredVersion

log = logging.getLogger(__name__)


def approve(registered: RegisteredVersion, answer: Answer) -> ApprovedVersion:
    """Record a yes: the version may be rolled out."""
    log.info("approve: %s by %s", registered.package_arn, answer.by)
    registry.decide(registered.package_arn, approved=True, sentence=_sentence("Approved", answer))
    approved = ApprovedVersion(registered=registered, approved_by=answer.by, approved_at=answer.at)
    log.info("approve: %s is approved, rollout starts by itself", registered.package_arn)
    return approved


def reject(registered: RegisteredVersion, answer: Answer) -> RegisteredVersion:
    """Record a no: the version stays where it is, and what is in service stays in service."""
    log.info("reject: %s by %s", registered.package_arn, answer.by)
    registry.decide(registered.package_arn, approved=False, sentence=_sentence("Rejected", answer))
    log.info("reject: %s is rejected", registered.package_arn)
    return registered


def _sentence(what: str, answer: Answer) -> str:
    return f"{what} by {answer.by} at {answer.at:%Y-%m-%d %H:%M:%S%z}." + (f" {answer.note}" if answer.note else "")
