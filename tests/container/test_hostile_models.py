"""The loader of models, against folders made to do harm: refused, nothing written, nothing executed, in bounded time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.container.served import INCLUDE
from tests.hostile_models import HARMLESS, HOSTILE, Spoil

ROOT = INCLUDE.parent
SECONDS = 60


def loaded(folder: Path) -> dict[str, Any]:
    """How the loader fared with a folder in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.container.confined", str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{INCLUDE}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert ended.returncode == 0, f"the server would have died with {ended.returncode}: {ended.stderr[-500:]}"
    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return said


def names(folder: Path) -> dict[str, tuple[int, int]]:
    """All that lies in a folder, with size and time of the last change; it may hold files larger than the disk."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")
    }


@pytest.fixture
def model(base: Path, tmp_path: Path) -> Path:
    """A copy of the good folder."""
    return Path(shutil.copytree(base / "model", tmp_path / "model"))


def test_there_are_enough() -> None:
    assert len(HOSTILE) >= 15


@pytest.mark.parametrize("spoil", HOSTILE.values(), ids=HOSTILE.keys())
def test_it_is_refused_and_does_nothing(model: Path, spoil: Spoil) -> None:
    spoil(model)
    before = names(model.parent)
    said = loaded(model)
    assert said["ended"] == "refused", said
    assert not said["touched"]
    assert names(model.parent) == before
    assert 40 < len(said["told"]) < 1500


@pytest.mark.parametrize("spoil", HARMLESS.values(), ids=HARMLESS.keys())
def test_a_good_model_is_loaded_in_the_same_bounds(model: Path, spoil: Spoil) -> None:
    spoil(model)
    before = names(model.parent)
    said = loaded(model)
    assert said["ended"] == "loaded", said
    assert not said["touched"]
    assert names(model.parent) == before
