"""The image by its Dockerfile, as far as that can be tried without Docker: what is copied is enough to run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.container.served import INCLUDE

PROGRAMS = ("train", "evaluate", "score", "serve")
DOCKERFILE = (INCLUDE / "model_image" / "Dockerfile").read_text()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The files the Dockerfile copies, where it copies them to."""
    for sources, target in re.findall(r"^COPY (.+) (\S+)$", DOCKERFILE, re.MULTILINE):
        place = tmp_path / target.lstrip("/")
        for source in sources.split():
            path = INCLUDE / source
            if path.is_dir():
                shutil.copytree(path, place)
            elif target.endswith("/"):
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place)
    return tmp_path / "opt" / "windtunnel"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_runs_with_what_is_copied(image: Path, tmp_path: Path, program: str) -> None:
    """With no input it comes as far as asking for it: every import has worked."""
    environment = {"PYTHONPATH": str(image), "SAGEMAKER_BASE_DIR": str(tmp_path / "ml"), "PATH": os.environ["PATH"]}
    code = "from windtunnel.core.catalog import model_estimator; model_estimator('flights')"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    ended = subprocess.run([sys.executable, str(image / "bin" / program)], env=environment, capture_output=True)
    assert ended.returncode == 1
    reason = (tmp_path / "ml" / "output" / "failure").read_text()
    assert re.match("HyperparameterInvalid|SettingInvalid|ArtefactInvalid", reason)


def test_programs_can_be_executed_and_found_on_the_path() -> None:
    assert "PATH=/opt/windtunnel/bin:" in DOCKERFILE
    for program in PROGRAMS:
        path = INCLUDE / "model_image" / program
        assert os.access(path, os.X_OK)
        assert path.read_text().startswith("#!/usr/bin/env python3\n")


def test_the_base_is_pinned_to_a_patch_version_and_packages_by_digest() -> None:
    assert re.search(r"^FROM python:3\.12\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE


def test_local_json_points_at_this_interpreter_and_package() -> None:
    local = json.loads((INCLUDE / "model_image" / "local.json").read_text())
    folder = INCLUDE / "model_image"
    assert (folder / local["environment"]["PYTHONPATH"][0]).resolve() == INCLUDE
    assert {path.name for path in (folder / local["programs"]).iterdir()} >= set(PROGRAMS)
    assert local["python"].endswith(".venvs/model_image/bin/python")
