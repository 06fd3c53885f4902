"""What the tests of the way to AWS share: a checkout with a main, and an empty bucket of the code."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest

from local.merged import MODELS
from local.place import ROOT


class Checkout(NamedTuple):
    """A repository of its own with a copy of the flagship's folder."""

    root: Path

    def git(self, *words: str) -> str:
        """Run git, and say what it answers."""
        who = ["-c", "user.name=sam", "-c", "user.email=sam@example.org"]
        done = subprocess.run(["git", *who, *words], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, message: str, path: str, text: str) -> str:
        """Write a file and commit it; its forty digits."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A repository whose `main` has one commit."""
    made = Checkout(tmp_path / "checkout")
    shutil.copytree(
        ROOT / MODELS / "flights", made.root / MODELS / "flights", ignore=shutil.ignore_patterns("__pycache__")
    )
    made.git("init", "--quiet", "--initial-branch", "main")
    made.commit("First", "README.md", "First\n")
    return made


@pytest.fixture
def code(lake_of_its_own: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:  # noqa: ARG001 - its endpoint
    """An empty bucket with versions, as MWAA wants it; the pipeline here reads it. Returns its name."""
    from windtunnel.aws.clients import client
    from windtunnel.core.settings import settings

    name = f"code-{uuid4().hex[:12]}"
    client("s3").create_bucket(Bucket=name)
    client("s3").put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    monkeypatch.setenv("WINDTUNNEL_CODE_BUCKET", name)
    settings.cache_clear()
    yield name
    settings.cache_clear()
