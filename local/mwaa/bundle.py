"""The bundle: what MWAA takes of a commit, byte for byte the same wherever and whenever it is made.

```
dags/                 the DAG files; windtunnel/ inside, since MWAA puts this folder on sys.path and no other of ours
dags/windtunnel/commit.txt   the commit, which each version records
plugins.zip           the pages
requirements.txt      what MWAA's workers install
startup.sh            what MWAA's machines run before Airflow
manifest.json         the commit, and the SHA-256 of each file above
```

Files are read from git's objects: neither an edit that was not committed, nor the settings of git, nor the clock of the
machine has a say. Runs in the Airflow environment.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from local.fault import LocalFault

PACKAGE = "include/windtunnel/"
STARTUP = "local/mwaa/startup.sh"
REQUIREMENTS = "requirements.txt"
SOURCES = ("dags", PACKAGE.rstrip("/"), "plugins", REQUIREMENTS, STARTUP)
"""The paths of the repository that a bundle is made of."""

COMMIT = "dags/windtunnel/commit.txt"
PLUGINS = "plugins.zip"
MANIFEST = "manifest.json"
NO_YEAR = (1980, 1, 1, 0, 0, 0)
"""The first day that a zip archive can name."""


class Bundle(NamedTuple):
    """A bundle that was made, and is as it was made."""

    folder: Path
    commit: str
    digests: dict[str, str]
    "Path in the bundle -> SHA-256."

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, and so of everything."""
        return hashlib.sha256((self.folder / MANIFEST).read_bytes()).hexdigest()


def make(root: Path, commit: str, folder: Path) -> Bundle:
    """Write the bundle of a commit, in place of the one that is there.

    Args:
        root: The checkout.
        commit: Its full name, as `resolve` gives it.
        folder: Where to; taken over whole.

    Raises:
        LocalFault: The commit holds something that is no plain file.
    """
    contents = _contents(_files(root, commit), commit)
    digests = {path: hashlib.sha256(body).hexdigest() for path, body in sorted(contents.items())}
    contents[MANIFEST] = (json.dumps({"commit": commit, "files": digests}, indent=2) + "\n").encode()
    half = folder.with_name(folder.name + ".half")
    shutil.rmtree(half, ignore_errors=True)
    for path, body in contents.items():
        (half / path).parent.mkdir(parents=True, exist_ok=True)
        (half / path).write_bytes(body)
    shutil.rmtree(folder, ignore_errors=True)
    half.rename(folder)
    return Bundle(folder, commit, digests)


def read(folder: Path) -> Bundle:
    """A bundle, seen to be as it was made.

    Raises:
        LocalFault: There is none, or a file is missing, changed or new.
    """
    again = "Run `make package` again."
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LocalFault(f"`{folder}` holds no `{MANIFEST}`, so there is no bundle. {again}") from None
    bundle = Bundle(folder, manifest["commit"], manifest["files"])
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
    wrong = sorted(there ^ bundle.digests.keys())
    wrong += [
        path
        for path, digest in bundle.digests.items()
        if path in there and hashlib.sha256((folder / path).read_bytes()).hexdigest() != digest
    ]
    if wrong:
        raise LocalFault(
            f"`{folder}` differs from its manifest in {_named(wrong)}. A bundle is never edited: change the code, commit. {again}"
        )
    return bundle


def resolve(root: Path, word: str) -> str:
    """The full name of a commit.

    Raises:
        LocalFault: It is none, or there is no git.
    """
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}").decode().strip()
    except (FileNotFoundError, subprocess.CalledProcessError):
        raise LocalFault(
            f"COMMIT is `{word}`, which git does not know here. Allowed: a commit, a tag or a branch of this checkout, "
            "and a checkout with its history. Run `make package COMMIT=HEAD`."
        ) from None


def require_committed(root: Path) -> None:
    """See that what is on disk is what HEAD holds.

    Raises:
        LocalFault: A file that the bundle is made of was changed, added or removed since.
    """
    listed = _git(root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *SOURCES).decode()
    changed = [entry[3:] for entry in listed.split("\0") if entry]
    if changed:
        raise LocalFault(
            f"{_named(changed)} would not be in the bundle as on disk: it is made of commits alone, so that a version can "
            "name the code that made it. Commit first, or give the commit that is meant: `make package COMMIT=HEAD`."
        )


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip archive whose bytes depend on the names and bytes of its files alone."""
    made = io.BytesIO()
    # Stored, not deflated: versions of zlib compress the same bytes differently.
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as target:
        for path, body in sorted(files.items()):
            entry = zipfile.ZipInfo(path, NO_YEAR)
            entry.create_system = 3  # Unix, on every machine
            entry.external_attr = 0o644 << 16
            target.writestr(entry, body)
    return made.getvalue()


def _contents(files: Mapping[str, bytes], commit: str) -> dict[str, bytes]:
    """The files of the bundle, out of those of the repository."""
    inside = {path: body for path, body in files.items() if path.startswith("dags/")}
    inside |= {
        f"dags/windtunnel/{path.removeprefix(PACKAGE)}": body
        for path, body in files.items()
        if path.startswith(PACKAGE)
    }
    pages = {path.removeprefix("plugins/"): body for path, body in files.items() if path.startswith("plugins/")}
    return {
        **inside,
        COMMIT: f"{commit}\n".encode(),
        PLUGINS: archive(pages),
        REQUIREMENTS: files[REQUIREMENTS],
        "startup.sh": files[STARTUP],
    }


def _files(root: Path, commit: str) -> dict[str, bytes]:
    """Path -> bytes of the files of a commit that a bundle is made of."""
    listed = _git(root, "ls-tree", "-r", "-z", "--full-tree", commit, "--", *SOURCES).decode()
    names: dict[str, str] = {}
    for entry in filter(None, listed.split("\0")):
        about, path = entry.split("\t", 1)
        mode, _, name = about.split()
        if mode not in ("100644", "100755"):
            raise LocalFault(
                f"`{path}` is a link or a submodule, which S3 cannot hold. Allowed: plain files. Replace it by what it names."
            )
        names[path] = name
    missing = [
        source for source in SOURCES if not any(path == source or path.startswith(f"{source}/") for path in names)
    ]
    if missing:
        raise LocalFault(
            f"Commit {commit[:12]} has no {_named(missing)}: it is older than `make package`. Give a newer one."
        )
    return dict(zip(names, _blobs(root, names.values()), strict=True))


def _blobs(root: Path, names: Iterable[str]) -> list[bytes]:
    """The bytes of objects, as git keeps them: without the line endings or filters of a work tree."""
    asked = "".join(f"{name}\n" for name in names).encode()
    answer = io.BytesIO(_git(root, "cat-file", "--batch", given=asked))
    bodies = []
    while header := answer.readline():
        bodies.append(answer.read(int(header.split()[2])))
        answer.readline()
    return bodies


def _git(root: Path, *words: str, given: bytes = b"") -> bytes:
    return subprocess.run(["git", *words], cwd=root, input=given, capture_output=True, check=True).stdout


def _named(paths: list[str]) -> str:
    named = ", ".join(f"`{path}`" for path in paths[:10])
    return named if len(paths) <= 10 else f"{named} and {len(paths) - 10} more"
