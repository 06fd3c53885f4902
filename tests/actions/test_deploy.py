"""The first job of `deploy`, run as GitHub runs it: a commit that is not on main goes nowhere."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from local.place import ROOT
from local.workflows import WORKFLOWS
from tests.actions.conftest import Checkout

DEPLOY = yaml.safe_load((ROOT / WORKFLOWS / "deploy.yml").read_text(encoding="utf-8"))


@pytest.fixture
def origin(checkout: Checkout) -> Checkout:
    """A checkout that knows its main as `origin/main`, and has a branch beside it."""
    checkout.git("update-ref", "refs/remotes/origin/main", "main")
    checkout.git("switch", "--quiet", "--create", "draft")
    checkout.commit("Draft", "README.md", "Draft\n")
    return checkout


def chosen(checkout: Checkout, commit: str, output: Path) -> subprocess.CompletedProcess[str]:
    """Run the step that chooses the commit."""
    output.touch()
    _, step = DEPLOY["jobs"]["commit"]["steps"]
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=checkout.root,
        env={"PATH": "/usr/bin:/bin", "COMMIT": commit, "GITHUB_OUTPUT": str(output)},
        capture_output=True,
        text=True,
    )


def test_a_commit_of_main_goes_on(origin: Checkout, tmp_path: Path) -> None:
    commit = origin.git("rev-parse", "main")
    assert chosen(origin, commit, tmp_path / "output").returncode == 0
    assert (tmp_path / "output").read_text() == f"commit={commit}\n"


@pytest.mark.parametrize("word", ["draft", "main", "f" * 40, "", "a1b2c3", "{main}\nx={main}", "$(id)"])
def test_anything_else_is_refused(origin: Checkout, tmp_path: Path, word: str) -> None:
    commit = (
        origin.git("rev-parse", "draft") if word == "draft" else word.replace("{main}", origin.git("rev-parse", "main"))
    )
    done = chosen(origin, commit, tmp_path / "output")
    assert done.returncode == 1
    assert "is not on main. Allowed: forty digits of a commit of main. Merge it first." in done.stdout
    assert (tmp_path / "output").read_text() == ""


def test_every_later_job_takes_the_commit_that_was_chosen_and_waits_for_it() -> None:
    for name, job in DEPLOY["jobs"].items():
        if name != "commit":
            assert "commit" in job["needs"], name
    assert DEPLOY["jobs"]["commit"]["if"] == "github.ref == 'refs/heads/main'"


def test_the_deployment_touches_the_one_stack_that_its_role_may_change() -> None:
    asked = [step["run"] for step in DEPLOY["jobs"]["deploy"]["steps"] if "make deploy" in step.get("run", "")]
    assert len(asked) == 1
    assert " ONLY=airflow " in asked[0]
