"""The bundle: whole, the same bytes wherever it is made, and of commits alone."""

from __future__ import annotations

import json
import os
import time
import zipfile
from pathlib import Path

import pytest

from local.fault import LocalFault
from local.mwaa import bundle
from local.package import package
from tests.package.conftest import Plant, git


def bodies(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def made(project: Path, tmp_path: Path) -> bundle.Bundle:
    return package(project, "", tmp_path / "mwaa")


def test_the_same_commit_gives_the_same_bytes_elsewhere_later_and_with_other_settings(
    project: Path, made: bundle.Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "somewhere" / "else"
    git(tmp_path, "clone", "-q", "--config", "core.autocrlf=true", str(project), str(other))
    assert b"\r\n" in (other / "dags" / "train.py").read_bytes()
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    before = os.umask(0o077)
    try:
        again = bundle.make(other, bundle.resolve(other, "HEAD"), tmp_path / "again")
    finally:
        os.umask(before)
        monkeypatch.undo()
        time.tzset()
    assert bodies(again.folder) == bodies(made.folder)
    assert again.digest == made.digest


def test_another_commit_gives_another_digest(made: bundle.Bundle, plant: Plant, project: Path) -> None:
    changed = plant({"dags/train.py": (project / "dags/train.py").read_text() + "\n"})
    assert changed.digest != made.digest
    assert {path for path in made.digests if made.digests[path] != changed.digests[path]} == {
        "dags/train.py",
        bundle.COMMIT,
    }


def test_it_holds_what_mwaa_runs_and_nothing_else(project: Path, made: bundle.Bundle) -> None:
    files = bodies(made.folder)
    package_files = {
        str(path.relative_to(project / "include")) for path in (project / "include").rglob("*") if path.is_file()
    }
    dag_files = {str(path.relative_to(project)) for path in (project / "dags").iterdir()}
    assert "windtunnel/orchestration/assets.py" in package_files
    assert files.keys() == {
        *(f"dags/{path}" for path in package_files),
        *dag_files,
        bundle.COMMIT,
        bundle.PLUGINS,
        bundle.REQUIREMENTS,
        "startup.sh",
        bundle.MANIFEST,
    }
    with zipfile.ZipFile(made.folder / bundle.PLUGINS) as archive:
        assert archive.testzip() is None
        pages = {
            str(path.relative_to(project / "plugins")) for path in (project / "plugins").rglob("*") if path.is_file()
        }
        assert set(archive.namelist()) == pages
        assert archive.read("windtunnel_plugin.py") == (project / "plugins/windtunnel_plugin.py").read_bytes()


def test_it_says_which_commit_it_is_of(project: Path, made: bundle.Bundle) -> None:
    head = git(project, "rev-parse", "HEAD")
    assert json.loads((made.folder / bundle.MANIFEST).read_text())["commit"] == head
    assert (made.folder / bundle.COMMIT).read_text() == f"{head}\n"


@pytest.mark.parametrize("path", ["dags/train.py", "dags/new.py", "include/windtunnel/core/new.py", "requirements.txt"])
def test_what_is_not_committed_is_refused_unless_a_commit_is_named(path: str, project: Path, tmp_path: Path) -> None:
    head = package(project, "", tmp_path / "mwaa")
    with (project / path).open("a") as file:
        file.write("# an edit\n")
    with pytest.raises(LocalFault, match=f"`{path}` would not be in the bundle"):
        package(project, "", tmp_path / "mwaa")
    assert package(project, "HEAD", tmp_path / "mwaa").digest == head.digest


def test_a_file_outside_of_the_bundle_may_differ(project: Path, tmp_path: Path) -> None:
    (project / "notes.md").write_text("Mine.\n")
    assert package(project, "", tmp_path / "mwaa").commit == git(project, "rev-parse", "HEAD")


@pytest.mark.parametrize("word", ["no-such-commit", "--all", "HEAD^{tree}"])
def test_what_is_no_commit_is_refused(word: str, project: Path, tmp_path: Path) -> None:
    with pytest.raises(LocalFault, match="COMMIT is"):
        package(project, word, tmp_path / "mwaa")


def test_a_checkout_without_its_history_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "bare").mkdir()
    for word in ("", "HEAD"):
        with pytest.raises(LocalFault, match="a checkout with its history"):
            package(tmp_path / "bare", word, tmp_path / "mwaa")


def test_a_link_is_refused(project: Path, plant: Plant) -> None:
    (project / "dags" / "again.py").symlink_to("train.py")
    with pytest.raises(LocalFault, match=r"`dags/again.py` is a link"):
        plant({})


def test_an_older_bundle_leaves_nothing_behind(made: bundle.Bundle, project: Path, plant: Plant) -> None:
    (project / "dags" / "deliver.py").unlink()
    newer = bundle.make(project, plant({}).commit, made.folder)
    assert not (newer.folder / "dags" / "deliver.py").exists()
    assert bundle.read(newer.folder) == newer


@pytest.mark.parametrize("path", ["dags/train.py", "dags/new.py", bundle.PLUGINS])
def test_a_bundle_that_was_edited_is_refused(path: str, made: bundle.Bundle) -> None:
    assert bundle.read(made.folder) == made
    with (made.folder / path).open("ab") as file:
        file.write(b" ")
    with pytest.raises(LocalFault, match=f"differs from its manifest in `{path}`"):
        bundle.read(made.folder)


def test_a_bundle_that_lacks_a_file_is_refused(made: bundle.Bundle, tmp_path: Path) -> None:
    (made.folder / "startup.sh").unlink()
    with pytest.raises(LocalFault, match=r"differs from its manifest in `startup.sh`"):
        bundle.read(made.folder)
    with pytest.raises(LocalFault, match="there is no bundle"):
        bundle.read(tmp_path / "nothing")


def test_an_archive_does_not_depend_on_the_order_of_its_files() -> None:
    files = {"b/two.txt": b"2", "a.txt": b"1"}
    assert bundle.archive(files) == bundle.archive(dict(reversed(files.items())))
