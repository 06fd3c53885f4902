"""Which commits are on main: a record per commit that was deployed from there, in the bucket that only CI may write.

The pipeline cannot ask git. CI can, and writes the record with the bundle; the pipeline's role reads that bucket and
writes nothing there, so no task and no person can vouch for a commit of their own.
"""

from __future__ import annotations

import logging
import re

from windtunnel.aws import objects
from windtunnel.core.code import folder_sha256
from windtunnel.core.contracts import DeployedCommit
from windtunnel.core.errors import CommitAwaited, CommitRefused
from windtunnel.core.settings import settings

log = logging.getLogger(__name__)

_COMMIT = re.compile(r"[0-9a-f]{40}")


def address(bucket: str, commit: str) -> str:
    """Where the record of a commit lies."""
    return f"s3://{bucket}/commits/{commit}.json"


def record(bucket: str, deployed: DeployedCommit) -> str:
    """Write that a commit of main was deployed; a repeat is fine.

    Returns:
        The address.

    Raises:
        CommitConflict: Another record of the same commit stands there already.
    """
    return objects.put_json(address(bucket, deployed.commit), deployed.to_json())


def require(commit: str, model: str) -> None:
    """See that a commit is one of main, and that its folder of a model is the one deployed here.

    Raises:
        CommitAwaited: The folder deployed here is another one.
        CommitRefused: It is no commit, or none that was deployed here from main.
    """
    here = settings()
    if not _COMMIT.fullmatch(commit):
        raise CommitRefused(
            f"`{commit}` is no commit. Allowed: forty digits of 0-9 and a-f, as `git rev-parse HEAD` prints them, or none. Correct it."
        )
    if not here.code_bucket:
        raise CommitRefused(
            f"Commit `{commit}` cannot be looked up: `WINDTUNNEL_CODE_BUCKET` is empty, so nothing here says what is on main. "
            f"Allowed: no commit. Leave it out, and what is deployed, `{here.git_commit}`, is trained."
        )
    where = address(here.code_bucket, commit)
    found = objects.get_if_there(where)
    if found is None:
        raise CommitRefused(
            f"Commit `{commit}` was not deployed here from main: `{where}` does not exist. Allowed: a commit that CI deployed, or "
            "none. Merge it, wait for its deployment, and ask again; or leave it out, and what is deployed, "
            f"`{here.git_commit}`, is trained."
        )
    theirs, ours = DeployedCommit.model_validate_json(found[0]).folders.get(model), folder_sha256(model)
    if theirs != ours:
        raise CommitAwaited(
            f"`{model}` is not here as commit `{commit}` has it: its folder is `{ours[:12]}` here, with `{here.git_commit}` "
            f"deployed, and `{(theirs or 'none')[:12]}` there. If that deployment is under way, wait; if a later one changed the "
            "folder again, ask for its commit."
        )
    log.info("commits: %s is on main, and its folder of %s is the one deployed here", commit, model)
