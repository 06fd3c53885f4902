"""Bundles of planted projects, and one environment of an MWAA worker for all tests: it takes minutes to make."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from local.mwaa import bundle, environment, layout
from local.mwaa.constraints import AIRFLOW, ESSENTIAL, given
from local.place import ROOT

Plant = Callable[[Mapping[str, str]], bundle.Bundle]

DAG = """from airflow.sdk import DAG
{0}
with DAG("{1}"):
    pass
"""


def git(folder: Path, *words: str) -> str:
    """Run git as somebody who has no settings; what it printed."""
    who = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who |= {f"GIT_{role}_{part}": "sam@example.org" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    return subprocess.run(
        ["git", *words], cwd=folder, env={**os.environ, **who}, check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(folder: Path) -> str:
    """Commit everything; the commit."""
    git(folder, "add", "-A")
    git(folder, "commit", "--allow-empty", "-qm", "As it is")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository of its own that holds what the bundle is made of, as it lies in this checkout."""
    folder = tmp_path / "project"
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "--", *bundle.SOURCES)
    for path in listed.splitlines():
        if (ROOT / path).exists():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, folder / path)
    git(folder, "init", "-q")
    commit(folder)
    return folder


@pytest.fixture
def plant(project: Path, tmp_path: Path) -> Plant:
    """Makes the bundle of this checkout with some files changed."""

    def change(files: Mapping[str, str]) -> bundle.Bundle:
        for path, text in files.items():
            (project / path).write_text(text)
        return bundle.make(project, commit(project), tmp_path / "bundle")

    return change


@pytest.fixture
def small(tmp_path: Path) -> Plant:
    """Makes a bundle that holds the given files and hardly more."""

    def make(files: Mapping[str, str]) -> bundle.Bundle:
        folder = tmp_path / "small"
        least = {
            "dags/.airflowignore": "windtunnel/\n",
            "dags/plain.py": DAG.format("", "plain"),
            "include/windtunnel/__init__.py": "",
            "plugins/.airflowignore": "pages/\n",
            bundle.REQUIREMENTS: "",
            bundle.STARTUP: (ROOT / bundle.STARTUP).read_text(),
        }
        for path, text in {**least, **files}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        git(folder, "init", "-q")
        return bundle.make(folder, commit(folder), tmp_path / "bundle")

    return make


@pytest.fixture(scope="session")
def constraints(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The two files of the MWAA image where they are given, else our lock's pins, which were resolved under them."""
    if os.environ.get(AIRFLOW.variable) or os.environ.get(ESSENTIAL.variable):
        fetched = tmp_path_factory.mktemp("given")
        return given(AIRFLOW, fetched), given(ESSENTIAL, fetched)
    pins = re.findall(r"^([\w.-]+==[^ \\;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    folder = tmp_path_factory.mktemp("constraints")
    files = folder / "airflow.txt", folder / "essential.txt"
    files[0].write_text("\n".join(pins) + "\n")
    files[1].write_text(
        "".join(f"{pin}\n" for pin in pins if pin.startswith(("apache-airflow==", "flask", "sqlalchemy==")))
    )
    return files


@pytest.fixture(scope="session")
def kept() -> Path:
    """Where `make preflight` keeps its environments by default; a test run finds those of the one before."""
    return ROOT / ".windtunnel" / "mwaa"


@pytest.fixture(scope="session")
def installed(constraints: tuple[Path, Path], kept: Path) -> environment.Installed:
    """The image and our requirements."""
    return environment.install(environment.resolve(ROOT / "requirements.txt", constraints), kept)


@pytest.fixture
def worker(installed: environment.Installed, tmp_path: Path) -> Callable[[bundle.Bundle], layout.Machine]:
    """Lays a bundle out where DAG files are parsed and tasks run."""
    return lambda made: layout.worker(made, tmp_path / "worker", installed.python, {})


@pytest.fixture
def web_server(installed: environment.Installed, tmp_path: Path) -> Callable[[bundle.Bundle], layout.Machine]:
    """Lays a bundle out where pages are served."""
    return lambda made: layout.web_server(made, tmp_path / "web", installed.python, {})
