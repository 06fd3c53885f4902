"""How a program gets its `/opt/ml`.

`env` is the supported contract, on any system: `SAGEMAKER_BASE_DIR` names the folder, as in AWS's own toolkits, and
`/opt/ml` in commands and environment is rewritten to it. `bwrap` mounts the folder at a real `/opt/ml` where
bubblewrap works; it catches hard-coded paths. Neither is a security boundary: programs run as you, with your files.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Mode = Literal["auto", "env", "bwrap"]
ROOT = "/opt/ml"


class SandboxUnavailable(RuntimeError):
    """The sandbox that was asked for does not work on this machine."""


@dataclass(frozen=True)
class Sandbox:
    """The way chosen at start: `env` or `bwrap`."""

    mode: Literal["env", "bwrap"]

    @classmethod
    def choose(cls, wanted: Mode) -> Sandbox:
        """The wanted sandbox; `auto` takes bwrap if a trial run works, else env.

        Raises:
            SandboxUnavailable: bwrap was asked for and does not work here.
        """
        if wanted == "env":
            return cls("env")
        if _bwrap_works():
            return cls("bwrap")
        if wanted == "bwrap":
            raise SandboxUnavailable("`--sandbox bwrap`: bubblewrap is absent or may not mount here. Use `env`.")
        return cls("env")

    def base(self, folder: Path) -> str:
        """Where the program finds the folder."""
        return ROOT if self.mode == "bwrap" else str(folder)

    def wrapped(
        self, folder: Path, command: Sequence[str], environment: dict[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        """Command and environment of a program whose `/opt/ml` is `folder`."""
        base = self.base(folder)
        if self.mode == "bwrap":
            return [*_bwrap(folder), *command], {**environment, "SAGEMAKER_BASE_DIR": base}
        return (
            [_relocated(word, base) for word in command],
            {name: _relocated(value, base) for name, value in environment.items()} | {"SAGEMAKER_BASE_DIR": base},
        )


def _relocated(word: str, base: str) -> str:
    """`/opt/ml/x` and `--model=/opt/ml/x` below the base; `/opt/mlflow` is something else and stays."""
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    if value == ROOT or value.startswith(ROOT + "/"):
        value = base + value.removeprefix(ROOT)
    return option + equals + value


def _bwrap(folder: Path) -> list[str]:
    # `/opt` is hidden by an empty one and its folders bound back: bwrap cannot make `/opt/ml` in a folder of root's.
    others = [str(path) for path in sorted(Path("/opt").glob("*")) if path.is_dir() and path.name != "ml"]
    binds = [word for path in others for word in ("--bind", path, path)]
    # In full: the program's PATH, by which it would be looked up, is the image's.
    bwrap = shutil.which("bwrap") or "bwrap"
    return [bwrap, "--dev-bind", "/", "/", "--tmpfs", "/opt", *binds, "--bind", str(folder), ROOT, "--"]


def _bwrap_works() -> bool:
    if shutil.which("bwrap") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        trial = subprocess.run([*_bwrap(Path(folder)), "test", "-d", ROOT], capture_output=True, timeout=20)
    return trial.returncode == 0
