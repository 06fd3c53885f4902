"""The hashed locks: written by `make lock`, and seen to be fresh by `make check` without a network.

Each lock begins with the digest of what it was made from, so an input that changed without its lock is noticed. Runs
in the Airflow environment.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

from local.fault import LocalFault
from local.mwaa import constraints
from local.place import ROOT, place
from local.venvs import UV_LOCK, uv_path

GROUPS = ("local", "flights", "dev")


class Lock(NamedTuple):
    """A lock file and the files it is made from."""

    path: Path
    inputs: tuple[Path, ...]
    groups: tuple[str, ...] = ()
    constrained: bool = False
    "Whether it is resolved under MWAA's constraints."

    def digest(self, root: Path) -> str:
        """Of everything that decides what is in the lock, beside the registry."""
        parts = [(root / path).read_text(encoding="utf-8") for path in self.inputs]
        if self.groups:
            groups = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
            parts.append(json.dumps({name: groups[name] for name in self.groups}, sort_keys=True))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def head(self, root: Path) -> str:
        """The first line of the lock when it is fresh."""
        return f"# Written by `make lock`. Inputs: {self.digest(root)}"

    def fresh(self, root: Path) -> bool:
        """Whether the lock was made from its inputs as they are now."""
        return (root / self.path).read_text(encoding="utf-8").partition("\n")[0] == self.head(root)

    def write(self, root: Path, uv: Path, python: Path) -> None:
        """Resolve anew, keeping every version that still fits.

        Raises:
            LocalFault: The lock needs MWAA's constraints file and it is not given.
        """
        groups = [word for group in self.groups for word in ("--group", group)]
        under = (
            ["--constraints", str(constraints.given(constraints.AIRFLOW, place().home / "mwaa"))]
            if self.constrained
            else []
        )
        options = ["--quiet", "--generate-hashes", "--no-annotate", "--no-header", "--python", str(python)]
        subprocess.run(
            [
                str(uv),
                "pip",
                "compile",
                *map(str, self.inputs[:1]),
                *groups,
                *under,
                *options,
                "-o",
                str(self.path),
            ],
            cwd=root,
            env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
            check=True,
        )
        body = (root / self.path).read_text(encoding="utf-8")
        (root / self.path).write_text(f"{self.head(root)}\n{body}", encoding="utf-8")


_IMAGE = Path("include/model_image")
LOCKS = (
    Lock(
        Path("requirements.lock"),
        (Path("requirements.txt"),),
        groups=GROUPS,
        constrained=True,
    ),
    Lock(_IMAGE / "requirements.lock", (_IMAGE / "requirements.in",)),
    Lock(_IMAGE / "requirements-dev.lock", (_IMAGE / "requirements-dev.in", _IMAGE / "requirements.in")),
    Lock(Path("include/localaws/requirements.lock"), (Path("include/localaws/requirements.in"),)),
    Lock(Path("infra/requirements.lock"), (Path("infra/requirements.in"),)),
    Lock(Path(".github/requirements.lock"), (Path(".github/requirements.in"),)),
    Lock(UV_LOCK, (Path("local/uv.in"),)),
)


def main(check: bool) -> int:
    """Write the stale locks, or with `check` only name them; 1 if there are any."""
    stale = [lock for lock in LOCKS if not lock.fresh(ROOT)]
    for lock in stale:
        if check:
            print(f"`{lock.path}` was not made from its inputs as they are now. Run `make lock`.", file=sys.stderr)
        else:
            print(f"Writing {lock.path} ...", flush=True)
            lock.write(ROOT, uv_path(), Path(sys.executable))
    return 1 if check and stale else 0


if __name__ == "__main__":
    try:
        sys.exit(main("--check" in sys.argv[1:]))
    except LocalFault as fault:
        sys.exit(str(fault))
