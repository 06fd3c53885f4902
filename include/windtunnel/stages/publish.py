"""publish: audited branch -> dataset version. From this moment on, and not before, others see the rows."""

from __future__ import annotations

import logging

from windtunnel.aws import publication
from windtunnel.core.contracts import AuditedBranch, DatasetVersion

log = logging.getLogger(__name__)


def publish(audited: AuditedBranch) -> DatasetVersion:
    """Move main to an audited branch and tag it `d<N>`, in one commit.

    Returns:
        The version; the same one when this branch was published before, by whomever.

    Raises:
        SourceMissing: The branch is gone and was never published.
        CommitConflict: Others kept committing to the table.
    """
    loaded = audited.loaded
    log.info("publish: %s, branch %s, snapshot %s", loaded.table, loaded.branch, loaded.snapshot_id)
    version = publication.publish(loaded.table, loaded.snapshot_id, loaded.branch, loaded.window)
    log.info(
        "publish: %s is dataset version %s, snapshot %s: %d rows, %d in quarantine",
        version.window,
        version.tag,
        version.snapshot_id,
        version.rows,
        version.quarantined,
    )
    return version
