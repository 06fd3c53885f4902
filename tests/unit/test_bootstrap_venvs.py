"""Making the environments: what is fresh stays, what is broken, half-made or stale is made again."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from local import venvs
from local.fault import LocalFault
from local.place import ROOT

NAMES = tuple(venvs.LOCKS)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with empty locks, so that nothing is downloaded, and with the project's own uv."""
    for lock in (venvs.UV_LOCK, *venvs.LOCKS.values()):
        (tmp_path / lock).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / lock).write_text("")
    shutil.copy(ROOT / venvs.UV_LOCK, tmp_path / venvs.UV_LOCK)
    (tmp_path / ".venvs").mkdir()
    (tmp_path / ".venvs" / "uv").symlink_to(ROOT / ".venvs" / "uv")
    return tmp_path


def _made(checkout: Path) -> dict[str, int]:
    """When each environment was made."""
    return {name: (checkout / ".venvs" / name / "installed").stat().st_mtime_ns for name in NAMES}


def test_three_environments_are_made_once(checkout: Path) -> None:
    venvs.setup(checkout)
    first = _made(checkout)
    for name in NAMES:
        python = checkout / ".venvs" / name / "bin" / "python"
        version = subprocess.check_output([python, "-c", "import sys; print(sys.version_info[:2])"], text=True)
        assert version.strip() == "(3, 12)"
    venvs.setup(checkout)
    assert _made(checkout) == first


def test_only_the_environment_whose_lock_changed_is_made_again(checkout: Path) -> None:
    venvs.setup(checkout)
    first = _made(checkout)
    with (checkout / venvs.LOCKS["localaws"]).open("a") as lock:
        lock.write("# a comment changes nothing\n")
    venvs.setup(checkout)
    assert _made(checkout) == first
    with (checkout / venvs.LOCKS["localaws"]).open("a") as lock:
        lock.write("\n")
    venvs.setup(checkout)
    assert {name for name in NAMES if _made(checkout)[name] != first[name]} == {"localaws"}


@pytest.mark.parametrize("damage", ["no mark", "no interpreter"])
def test_a_damaged_environment_is_made_again(checkout: Path, damage: str) -> None:
    venvs.setup(checkout)
    folder = checkout / ".venvs" / "model_image"
    (folder / "left over").write_text("from before")
    if damage == "no mark":  # interrupted while it was made
        (folder / "installed").unlink()
    else:  # the interpreter it links to was removed
        (folder / "bin" / "python").unlink()
        (folder / "bin" / "python").symlink_to("/nowhere/python3.12")
    venvs.setup(checkout)
    assert not (folder / "left over").exists()
    assert (folder / "bin" / "python").exists()


def test_a_lock_without_hashes_is_refused(checkout: Path) -> None:
    (checkout / venvs.LOCKS["airflow"]).write_text("six==1.17.0\n")
    with pytest.raises(LocalFault, match="hash"):
        venvs.setup(checkout)
    assert not (checkout / ".venvs" / "airflow" / "installed").exists()


def test_a_python_without_venv_is_told_what_to_install(checkout: Path, tmp_path: Path) -> None:
    (checkout / ".venvs" / "uv").unlink()
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\necho 'ensurepip is not available'; exit 1\n")
    python.chmod(0o755)
    with pytest.raises(LocalFault, match="apt install python3-venv") as refused:
        venvs._uv(checkout, python)
    assert "ensurepip is not available" in str(refused.value)


def test_an_extra_environment_is_made_for_whoever_names_it(checkout: Path) -> None:
    (checkout / venvs.EXTRA["infra"]).parent.mkdir()
    (checkout / venvs.EXTRA["infra"]).write_text("")
    venvs.setup(checkout, names=("infra",))
    made = {path.name for path in (checkout / ".venvs").iterdir() if (path / "installed").exists()}
    assert made == {"infra", "uv"}
