"""Which constraints `.ci/run` has the bundle proved under, and that it says so; `make` itself is left out here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.place import ROOT

BESIDE = ("../shared/constraints/mwaa-3.3.1.txt", "../shared/constraints/mwaa-3.3.1-essential.txt")
OURS = "our lock's pins"
MWAAS = "MWAA's own constraints, {0} and {1}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout in which everything that `.ci/run` calls is there, and does nothing but say what it was given."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    for path in ("bin/make", "bin/chromium", "bin/curl", ".venvs/airflow/bin/python"):
        program = folder / path
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text('#!/bin/bash\necho "$* under <$CONSTRAINTS> <$ESSENTIAL>"\n')
        program.chmod(0o755)
    return folder


def said(project: Path, **given: str) -> str:
    """What a run prints that is given these variables."""
    path = os.pathsep.join([str(project / "bin"), os.environ["PATH"]])
    known = {name: value for name, value in os.environ.items() if name not in ("CONSTRAINTS", "ESSENTIAL")}
    done = subprocess.run(
        [project / ".ci" / "run"], env={**known, "PATH": path, **given}, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.mark.parametrize(
    ("there", "given", "constraints", "words"),
    [
        ((), {}, ("", ""), OURS),
        (BESIDE, {}, BESIDE, MWAAS),
        (BESIDE[:1], {}, ("", ""), OURS),
        ((), {"CONSTRAINTS": "a.txt", "ESSENTIAL": "b.txt"}, ("a.txt", "b.txt"), MWAAS),
        (BESIDE, {"CONSTRAINTS": "a.txt", "ESSENTIAL": "b.txt"}, ("a.txt", "b.txt"), MWAAS),
        (BESIDE, {"CONSTRAINTS": "a.txt"}, ("a.txt", ""), MWAAS),
    ],
    ids=["none", "beside the project", "one alone", "given", "given goes first", "half given, which the tests refuse"],
)
def test_the_tests_are_given_what_there_is(
    project: Path, there: tuple[str, ...], given: dict[str, str], constraints: tuple[str, str], words: str
) -> None:
    for path in there:
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text("pandas==3.0.5\n")
    text = said(project, **given)
    assert f"test under <{constraints[0]}> <{constraints[1]}>" in text.splitlines()
    assert words.format(*constraints) in text
    assert "\n== Green\n" in text
