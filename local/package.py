"""`make package`: the bundle for MWAA of one commit, in `build/mwaa`. Runs in the Airflow environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from local.fault import LocalFault
from local.mwaa import bundle
from local.place import ROOT

FOLDER = ROOT / "build" / "mwaa"


def package(root: Path, word: str, folder: Path) -> bundle.Bundle:
    """Make the bundle of a commit, or of HEAD where none is named.

    Raises:
        LocalFault: There is no such commit; or none is named and files differ from HEAD.
    """
    commit = bundle.resolve(root, word or "HEAD")
    if not word:
        bundle.require_committed(root)
    made = bundle.make(root, commit, folder)
    kept = [path for path in made.digests if path.startswith("dags/")]
    print(
        f"Bundle of commit {made.commit[:12]} in {folder}: {len(kept)} files in dags/, "
        f"{', '.join(sorted(made.digests.keys() - set(kept)))}. Its digest is {made.digest}.",
        flush=True,
    )
    return made


if __name__ == "__main__":
    try:
        package(ROOT, os.environ.get("COMMIT", ""), FOLDER)
    except LocalFault as fault:
        sys.exit(str(fault))
