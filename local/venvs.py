"""The Python environments, made from their hashed locks; several, because they pin different versions.

An environment counts as made once its mark is written, which is the last step: one that was interrupted, or whose lock
or interpreter changed, is made again from nothing. uv links files from its cache, so that takes seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterable, Iterator

from local import interpreter
from local.fault import LocalFault
from local.place import ROOT

UV_LOCK = Path("local/uv.lock.txt")
LOCKS: dict[str, Path] = {
    "airflow": Path("requirements.lock"),
    "model_image": Path("include/model_image/requirements-dev.lock"),
    "localaws": Path("include/localaws/requirements.lock"),
}
EXTRA: dict[str, Path] = {"infra": Path("infra/requirements.lock"), "actions": Path(".github/requirements.lock")}
"""Made only by what uses them."""

_MARK = "installed"
_VERSION = "1"  # raise it to have every environment made again


def setup(root: Path = ROOT, names: Iterable[str] = tuple(LOCKS)) -> None:
    """Make what is missing or stale of some environments; a second call takes milliseconds.

    Raises:
        LocalFault: No Python 3.12, no venv module, or a lock that cannot be installed.
    """
    with alone(root / ".venvs"):
        stale = [name for name in names if not _fresh(root, name)]
        if not stale:
            return
        began = time.monotonic()
        python = interpreter.installed()
        uv = _uv(root, python or Path(sys.executable))
        python = python or interpreter.fetched(uv, root / ".venvs" / "python")
        print(f"Python 3.12: {python}", flush=True)
        with ThreadPoolExecutor(len(stale)) as pool:
            for name, seconds in pool.map(lambda name: _make(root, name, uv, python), stale):
                print(f"Environment {name} made in {seconds:.0f} s", flush=True)
        print(f"Set up in {time.monotonic() - began:.0f} s", flush=True)


def uv_path(root: Path = ROOT) -> Path:
    """Where the project's own uv lies once `setup` has run."""
    return root / ".venvs" / "uv" / "bin" / "uv"


def _fresh(root: Path, name: str) -> bool:
    folder = root / ".venvs" / name
    try:
        # A link to an interpreter that was removed since does not exist.
        return (folder / _MARK).read_text() == _digest(root, name) and (folder / "bin" / "python").exists()
    except FileNotFoundError:
        return False


def _digest(root: Path, name: str) -> str:
    # The path is part of it: scripts in an environment name their interpreter, so a moved checkout is made again.
    pins = [line for line in (root / _lock(name)).read_text().splitlines() if not line.startswith("#")]
    return hashlib.sha256("\n".join([_VERSION, str(root), *pins]).encode()).hexdigest()


def _lock(name: str) -> Path:
    return {**LOCKS, **EXTRA}[name]


def _make(root: Path, name: str, uv: Path, python: Path | None) -> tuple[str, float]:
    began = time.monotonic()
    folder = root / ".venvs" / name
    shutil.rmtree(str(folder), ignore_errors=True)
    environment = {
        **os.environ,
        "UV_PYTHON_DOWNLOADS": "never",
    }  # the interpreter is given; uv must not look for another
    inside = str(folder / "bin" / "python")
    _run([str(uv), "venv", "--quiet", "--python", str(python), str(folder)], root, environment)
    _run(
        [
            str(uv),
            "pip",
            "install",
            "--quiet",
            "--python",
            inside,
            "--require-hashes",
            "--compile-bytecode",
            "-r",
            str(_lock(name)),
        ],
        root,
        environment,
    )
    (folder / _MARK).write_text(_digest(root, name))
    return name, time.monotonic() - began


def _uv(root: Path, python: Path) -> Path:
    """Uv at the pinned version, in an environment of its own."""
    lock = (root / UV_LOCK).read_text()
    folder = root / ".venvs" / "uv"
    mark = folder / _MARK
    if mark.exists() and mark.read_text() == lock and uv_path(root).exists():
        return uv_path(root)
    print("Installing uv ...", flush=True)
    shutil.rmtree(str(folder), ignore_errors=True)
    made = _quietly([str(python), "-m", "venv", str(folder)], root)
    if made.returncode:
        raise LocalFault(
            f"`{python} -m venv` failed: {made.stdout.strip()[-400:]}\nDebian and Ubuntu ship it apart: `apt install python3-venv`. "
            "Then run the command again."
        )
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(UV_LOCK)]
    done = _quietly(pip, root)
    if done.returncode:
        raise LocalFault(f"uv cannot be installed:\n{done.stdout.strip()[-1500:]}")
    mark.write_text(lock)
    return uv_path(root)


def _run(command: list[str], root: Path, environment: dict[str, str]) -> None:
    done = _quietly(command, root, environment)
    if done.returncode:
        raise LocalFault("`{}` failed:\n{}".format(" ".join(command), done.stdout.strip()[-3000:]))


def _quietly(
    command: list[str], root: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=str(root),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One set-up at a time per folder; the next one waits and then finds everything made."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
