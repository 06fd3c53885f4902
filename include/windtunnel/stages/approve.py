"""approve: a reviewer's answer -> on record with the version."""

from __future__ import annotations

import logging
from datetime import datetime

from windtunnel.aws import registry
from windtunnel.core.contracts import ApprovedVersion, RegisteredVersion

log = logging.getLogger(__name__)


def approve(registered: RegisteredVersion, *, by: str, at: datetime, note: str) -> ApprovedVersion:
    """Record a yes: the version may be rolled out."""
    log.info("approve: %s by %s", registered.package_arn, by)
    registry.decide(registered.package_arn, approved=True, sentence=_sentence("Approved", by, at, note))
    approved = ApprovedVersion(registered=registered, approved_by=by, approved_at=at)
    log.info("approve: %s is approved, rollout starts by itself", registered.package_arn)
    return approved


def reject(registered: RegisteredVersion, *, by: str, at: datetime, note: str) -> RegisteredVersion:
    """Record a no: the version stays where it is, and what is in service stays in service."""
    log.info("reject: %s by %s", registered.package_arn, by)
    registry.decide(registered.package_arn, approved=False, sentence=_sentence("Rejected", by, at, note))
    log.info("reject: %s is rejected", registered.package_arn)
    return registered


def _sentence(answer: str, by: str, at: datetime, note: str) -> str:
    return f"{answer} by {by} at {at:%Y-%m-%d %H:%M:%S%z}." + (f" {note}" if note else "")
