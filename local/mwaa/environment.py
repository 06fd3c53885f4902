"""The Python environment of an MWAA worker: what the image brings, then requirements.txt as MWAA's own pip call.

Made once and kept under the digest of everything it was resolved to. Runs in the Airflow environment.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from local.fault import LocalFault
from local.place import ROOT
from local.venvs import alone, uv_path

IMAGE = ROOT / "local/mwaa/image.in"
INSTALL_SECONDS = 540
"""MWAA ends an installation after 9 minutes."""

KEPT = 2
"""Environments that stay, of 1.3 GB each: this one and the one before."""

_MARK = "installed.json"
_VERSION = "1"  # raise it to have every environment made again
_VARIABLES = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


class Resolved(NamedTuple):
    """Requirements with the constraints that they were resolved under, and what came of it."""

    requirements: Path
    constraints: tuple[Path, Path]
    "Airflow's, then MWAA's essential ones."
    pins: str
    "One `name==version` a line, of the image and the requirements together."

    @property
    def packages(self) -> int:
        """How many."""
        return len(self.pins.splitlines())

    @property
    def digest(self) -> str:
        """Of all that decides what is installed."""
        texts = [path.read_text(encoding="utf-8") for path in (self.requirements, *self.constraints)]
        return hashlib.sha256("\0".join([_VERSION, sys.version, self.pins, *texts]).encode()).hexdigest()


class Installed(NamedTuple):
    """An environment that was made."""

    folder: Path
    seconds: float
    "What pip took for the requirements, on the machine and at the time of the making."
    at: str
    fresh: bool
    "Whether it was made just now."

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"


def resolve(requirements: Path, constraints: tuple[Path, Path]) -> Resolved:
    """Find one version of everything, under both constraints files.

    Raises:
        LocalFault: There is none; or the requirements switch MWAA's constraints off.
    """
    for number, line in enumerate(requirements.read_text(encoding="utf-8").splitlines(), start=1):
        # MWAA's own expression, which takes a comment for a constraint too.
        if re.search(r"-c |--constraint ", line):
            raise LocalFault(
                f"Line {number} of `requirements.txt` is `{line}`. MWAA then leaves its own constraints out, even where the line "
                "is a comment. Allowed: pins, without a constraints file of their own. Remove the line."
            )
    return Resolved(requirements, constraints, _compiled((IMAGE, requirements), constraints))


def install(resolved: Resolved, folder: Path, limit_s: float = INSTALL_SECONDS) -> Installed:
    """The environment of these requirements, made unless it is there.

    Args:
        resolved: What to install.
        folder: Where environments are kept.
        limit_s: The longest that pip may take.

    Raises:
        LocalFault: pip refuses, takes too long, or leaves packages that do not fit together.
    """
    with alone(folder):
        target = folder / resolved.digest[:16]
        if (target / _MARK).exists() and (target / "bin" / "python").exists():
            os.utime(target / _MARK)
            return _installed(target, fresh=False)
        shutil.rmtree(target, ignore_errors=True)
        image = _compiled((IMAGE,), resolved.constraints)
        _uv("venv", "--quiet", "--python", sys.executable, str(target))
        _uv(
            "pip",
            "install",
            "--quiet",
            "--compile-bytecode",
            "--python",
            str(target / "bin/python"),
            "-r",
            "-",
            given=image,
        )
        seconds = _pip(target, resolved, limit_s)
        _uv("pip", "check", "--quiet", "--python", str(target / "bin/python"))
        made = {"seconds": round(seconds, 1), "at": datetime.now(UTC).isoformat(timespec="seconds")}
        (target / _MARK).write_text(json.dumps(made), encoding="utf-8")
        _forget_old(folder)
        return _installed(target, fresh=True)


def _pip(target: Path, resolved: Resolved, limit_s: float) -> float:
    """Run what MWAA runs; its seconds. Without a cache, as on a worker that has just started."""
    airflow, essential = map(str, resolved.constraints)
    command = [str(target / "bin/python"), "-m", "pip", "install", "--quiet", "--no-cache-dir"]
    command += [
        "--disable-pip-version-check",
        "--constraint",
        essential,
        "-r",
        str(resolved.requirements),
        "-c",
        airflow,
    ]
    began = time.monotonic()
    log = target / "pip.log"
    with log.open("wb") as output:
        pip = subprocess.Popen(command, env=_VARIABLES, stdout=output, stderr=output, start_new_session=True)
        try:
            code = pip.wait(limit_s)
        except BaseException as ended:
            os.killpg(pip.pid, signal.SIGKILL)  # also the compilers that it may have started
            pip.wait()
            if not isinstance(ended, subprocess.TimeoutExpired):
                raise
            raise LocalFault(
                f"Installing `requirements.txt` did not end within {limit_s:.0f} s, after which MWAA gives up and starts "
                f"without its packages. Remove requirements, or pin what pip searches for.\n{_errors(log)}"
            ) from None
    if code:
        raise LocalFault(_refused(_errors(log)))
    return time.monotonic() - began


def _compiled(inputs: tuple[Path, ...], constraints: tuple[Path, Path]) -> str:
    under = [word for path in constraints for word in ("--constraints", str(path))]
    options = ["--quiet", "--no-header", "--no-annotate", "--python", sys.executable]
    return _uv("pip", "compile", *map(str, inputs), *under, *options)


def _uv(*words: str, given: str = "") -> str:
    environment = {**_VARIABLES, "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run([str(uv_path()), *words], input=given, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise LocalFault(_refused(done.stderr.strip()))
    return done.stdout


def _refused(said: str) -> str:
    return (
        "`requirements.txt` cannot be installed under MWAA's constraints; MWAA would log this and start without any of its "
        f"packages:\n{said}\nAllowed: versions that the constraints allow, of packages that exist. Correct the line that is named."
    )


def _errors(log: Path) -> str:
    """The last lines of pip's log, without its remarks."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([line for line in lines if not line.startswith("WARNING")][-15:])


def _installed(target: Path, fresh: bool) -> Installed:
    made = json.loads((target / _MARK).read_text(encoding="utf-8"))
    return Installed(target, made["seconds"], made["at"], fresh)


def _forget_old(folder: Path) -> None:
    marks = sorted(folder.glob(f"*/{_MARK}"), key=lambda mark: mark.stat().st_mtime, reverse=True)
    for mark in marks[KEPT:]:
        shutil.rmtree(mark.parent, ignore_errors=True)
