"""Finds a Python 3.12 that works: given, on PATH, from pyenv, or fetched by uv.

A name on PATH proves nothing: pyenv's `python3.12` shim exists and ends with 127 when another version is selected, and
uv stumbles over it too. So each candidate is run, and uv is always given the path of one that answered.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, Mapping

from local.fault import LocalFault

WANTED = "3.12"
_ASK = "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.executable)"


def installed(given: Mapping[str, str] = os.environ) -> Path | None:
    """A working Python 3.12 of this machine, or None.

    Raises:
        LocalFault: `WINDTUNNEL_PYTHON` is set and is not a Python 3.12.
    """
    asked_for = given.get("WINDTUNNEL_PYTHON")
    if asked_for:
        found = answering(Path(asked_for))
        if found is None:
            raise LocalFault(
                f"`WINDTUNNEL_PYTHON` is `{asked_for}`, which does not answer as Python 3.12. "
                "Allowed: the path of a Python 3.12. Correct or unset it."
            )
        return found
    return next((found for found in map(answering, _candidates(given)) if found), None)


def answering(candidate: Path) -> Path | None:
    """The real path of an interpreter that runs and is 3.12, else None."""
    try:
        asked = subprocess.run(
            [str(candidate), "-c", _ASK], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except OSError:
        return None
    version, _, path = asked.stdout.strip().partition("\n")
    return Path(path) if asked.returncode == 0 and version == WANTED else None


def fetched(uv: Path, folder: Path, given: Mapping[str, str] = os.environ) -> Path:
    """A Python 3.12 fetched by uv into a folder of the project.

    Raises:
        LocalFault: Fetching is forbidden by `UV_PYTHON_DOWNLOADS`, or failed.
    """
    searched = "Searched: `WINDTUNNEL_PYTHON`, PATH, pyenv's versions."
    remedy = (
        "Install Python 3.12 (`apt install python3.12`, `brew install python@3.12`, `pyenv install 3.12`) "
        "or set `WINDTUNNEL_PYTHON` to the path of one."
    )
    if given.get("UV_PYTHON_DOWNLOADS", "automatic") in ("never", "manual", "false"):
        raise LocalFault(
            "no Python 3.12: none found, and `UV_PYTHON_DOWNLOADS` is `{}`, so none is fetched. Allowed: Python 3.12 "
            "of any patch level. {} {} Or unset `UV_PYTHON_DOWNLOADS`.".format(
                given["UV_PYTHON_DOWNLOADS"], searched, remedy
            )
        )
    print("No Python 3.12 on this machine: uv fetches one ...", flush=True)
    environment = {**given, "UV_PYTHON_INSTALL_DIR": str(folder)}
    done = subprocess.run(
        [str(uv), "python", "install", "--no-bin", "3.12"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    found = next((path for path in map(answering, sorted(folder.glob("*/bin/python3.12"))) if path), None)
    if found is None:
        raise LocalFault(
            f"no Python 3.12: none found, and uv could not fetch one:\n{done.stdout.strip()}\n{searched} {remedy}"
        )
    return found


def _candidates(given: Mapping[str, str]) -> Iterator[Path]:
    yield Path(sys.executable)
    for folder in given.get("PATH", "").split(os.pathsep):
        for name in ("python3.12", "python3", "python"):
            candidate = Path(folder) / name
            if candidate.is_file():
                yield candidate
    for root in _pyenv_roots(given):
        # The newest patch level first: 3.12.10 after 3.12.9.
        yield from sorted(root.glob("versions/3.12*/bin/python3.12"), key=_patch, reverse=True)


def _pyenv_roots(given: Mapping[str, str]) -> list[Path]:
    roots = [Path(given["PYENV_ROOT"])] if given.get("PYENV_ROOT") else []
    pyenv = shutil.which("pyenv", path=given.get("PATH"))
    if pyenv and not roots:
        asked = subprocess.run([pyenv, "root"], stdout=subprocess.PIPE, text=True)
        roots += [Path(asked.stdout.strip())] if asked.returncode == 0 else []
    return [*roots, Path(given.get("HOME", "/")) / ".pyenv"]


def _patch(path: Path) -> int:
    last = path.parts[-3].rpartition(".")[2]
    return int(last) if last.isdigit() else -1
