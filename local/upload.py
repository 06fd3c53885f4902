"""`make upload`: a bundle of `make package` in the bucket that MWAA reads, and the record that its commit is on main.

The record is written last, so a commit that has one is here whole. Whoever may write into that bucket is CI alone: this is
how the pipeline, which cannot ask git, knows which commits are on main. Runs in the Airflow environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from local.fault import LocalFault
from local.place import ROOT
from windtunnel.aws import commits, objects
from windtunnel.aws.clients import client
from windtunnel.core.code import folder_digest
from windtunnel.core.contracts import DeployedCommit

BUNDLE = ROOT / "build" / "mwaa"
MODELS = Path("dags/windtunnel/models")
PINNED = {
    "RequirementsVersion": "requirements.txt",
    "PluginsVersion": "plugins.zip",
    "StartupVersion": "startup.sh",
}
"""What MWAA takes by its version in S3: parameter of the Airflow stack -> file."""


def upload(folder: Path, bucket: str, root: Path = ROOT, main: str = "origin/main") -> dict[str, str]:
    """Upload a bundle, and record its commit as one of main.

    A pinned file with the same bytes keeps its version, so MWAA need not be changed for it.

    Args:
        folder: The bundle.
        bucket: The bucket of the code.
        root: A checkout with the history of main.
        main: What git calls main there.

    Returns:
        Parameters of the Airflow stack: the versions of the pinned files.

    Raises:
        LocalFault: There is no bundle, or its commit is not on main.
    """
    commit, digests = _manifest(folder)
    require_on_main(root, commit, main)
    there = {found.uri for found in objects.listed(f"s3://{bucket}/dags/")}
    code = {f"s3://{bucket}/{path}": folder / path for path in digests if path.startswith("dags/")}
    for uri, path in code.items():
        objects.upload(path, uri)
    for uri in sorted(there - code.keys()):
        client("s3").delete_object(Bucket=bucket, Key=objects.split(uri)[1])
    versions = {name: _version(bucket, path, folder / path) for name, path in PINNED.items()}
    folders = {path.parent.name: folder_digest(path.parent) for path in sorted((folder / MODELS).glob("*/spec.py"))}
    commits.record(bucket, DeployedCommit(commit=commit, folders=folders))
    return versions


def require_on_main(root: Path, commit: str, main: str = "origin/main") -> None:
    """See that a commit is on main.

    Raises:
        LocalFault: It is not, or the history is not at hand.
    """
    asked = subprocess.run(
        ["git", "merge-base", "--is-ancestor", commit, main], cwd=root, capture_output=True, text=True
    )
    if asked.returncode:
        why = f" git says: {asked.stderr.strip()}." if asked.returncode > 1 else ""
        raise LocalFault(
            f"Commit `{commit}` is not on `{main}`.{why} Allowed: a commit of main, in a checkout with its history. Merge it, "
            "`git fetch origin main`, and deploy what main has then."
        )


def _manifest(folder: Path) -> tuple[str, dict[str, str]]:
    """The commit of a bundle, and the digest of each of its files."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LocalFault(f"`{folder}` holds no `manifest.json`, so there is no bundle. Run `make package`.") from None
    return manifest["commit"], manifest["files"]


def _version(bucket: str, key: str, path: Path) -> str:
    """The version of a file in the bucket; a new one only where its bytes changed."""
    uri, s3 = f"s3://{bucket}/{key}", client("s3")
    there = objects.get_if_there(uri)
    if there is None or there[0] != path.read_bytes():
        objects.upload(path, uri)
    return str(s3.head_object(Bucket=bucket, Key=key)["VersionId"])


def main() -> None:
    """Upload `build/mwaa` to the bucket `BUCKET`, and print the parameters for `make deploy SET=`."""
    bucket = os.environ.get("BUCKET", "")
    if not bucket:
        raise LocalFault("BUCKET is empty. Give the output `CodeBucket` of the stacks: `make upload BUCKET=<name>`.")
    versions = upload(BUNDLE, bucket)
    print(" ".join(f"{name}={version}" for name, version in versions.items()))


if __name__ == "__main__":
    try:
        main()
    except LocalFault as fault:
        sys.exit(str(fault))
