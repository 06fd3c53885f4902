"""The revisions of the models, on a copied tree: a folder that changed is refused with the command that raises it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from local import revisions
from local.fault import LocalFault
from local.place import ROOT
from local.revisions import MODELS, RECORD, declared, faults, raise_revision, read, read_at
from windtunnel.core import catalog
from windtunnel.core.code import folder_digest, folder_sha256

RAISE = "Run `make revision MODEL=flights`."


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with the flagship at revision 1.1, on record."""
    folder = tmp_path / MODELS / "flights"
    shutil.copytree(ROOT / MODELS / "flights", folder, ignore=shutil.ignore_patterns("__pycache__"))
    spec = folder / "spec.py"
    spec.write_text(re.sub(r"revision=\d+", "revision=1", re.sub(r"tag=\d+", "tag=1", spec.read_text())))
    assert faults(tmp_path, {}) == [f"Revision 1.1 of `flights` is not on record. {RAISE}"]
    raise_revision(tmp_path, "flights")
    assert declared(tmp_path, "flights") == (1, 1)
    assert faults(tmp_path, {}) == []
    return tmp_path


def change(tree: Path, before: str, after: str, file: str = "spec.py") -> None:
    path = tree / MODELS / "flights" / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def git(tree: Path, *words: str) -> None:
    who = ["-c", "user.name=sam", "-c", "user.email=sam@example.org"]
    subprocess.run(["git", *who, *words], cwd=tree, check=True, capture_output=True)


@pytest.fixture
def committed(tree: Path) -> Path:
    """The same, with its first commit."""
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "First")
    return tree


def test_a_changed_folder_is_refused_until_its_revision_is_raised(tree: Path) -> None:
    before = read(tree)
    change(tree, "quarantine_budget=0.02", "quarantine_budget=0.03")
    assert faults(tree, {}) == [f"The folder of `flights` changed, and its revision is still 1.1. {RAISE}"]
    assert raise_revision(tree, "flights").startswith("`flights` is at 1.2: its next versions are V1.2.0 and on.")
    assert declared(tree, "flights") == (1, 2)
    assert faults(tree, before) == []
    after = read(tree)["flights"]
    assert list(after) == ["1.1", "1.2"]
    assert after["1.1"] == before["flights"]["1.1"]
    assert after["1.2"] == folder_digest(tree / MODELS / "flights")


@pytest.mark.parametrize("file", ["estimator.py", "expectations.py", "table.csv"])
def test_every_file_of_the_folder_counts(tree: Path, file: str) -> None:
    path = tree / MODELS / "flights" / file
    path.write_text((path.read_text() if path.exists() else "") + "\n")
    assert faults(tree, {}) == [f"The folder of `flights` changed, and its revision is still 1.1. {RAISE}"]


def test_what_python_and_editors_leave_behind_does_not_count(tree: Path) -> None:
    folder = tree / MODELS / "flights"
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "spec.cpython-312.pyc").write_bytes(b"\0")
    (folder / ".spec.py.swp").write_bytes(b"\0")
    assert faults(tree, {}) == []


def test_only_the_number_in_the_spec_is_changed(tree: Path) -> None:
    path = tree / MODELS / "flights" / "spec.py"
    change(tree, "    revision=1,\n", "    revision=1,  # é revision=1, tag=1\n")
    before = path.read_text()
    raise_revision(tree, "flights")
    assert path.read_text() == before.replace("    revision=1,  #", "    revision=2,  #")


def test_nothing_is_raised_without_a_change(tree: Path) -> None:
    before = (tree / RECORD).read_bytes()
    assert raise_revision(tree, "flights") == "`flights` stays at 1.1: its folder is the one on record."
    assert (tree / RECORD).read_bytes() == before


def test_a_revision_never_goes_back(tree: Path) -> None:
    change(tree, "quarantine_budget=0.02", "quarantine_budget=0.03")
    raise_revision(tree, "flights")
    change(tree, "revision=2", "revision=1")
    change(tree, "quarantine_budget=0.03", "quarantine_budget=0.02")
    assert faults(tree, {}) == [f"`flights` went back to revision 1.1, and 1.2 is on record. {RAISE}"]
    raise_revision(tree, "flights")
    assert declared(tree, "flights") == (1, 3)
    assert faults(tree, {}) == []


def test_a_new_tag_starts_where_a_person_says(tree: Path) -> None:
    change(tree, "tag=1", "tag=2")
    assert faults(tree, {}) == [f"Revision 2.1 of `flights` is not on record. {RAISE}"]
    assert raise_revision(tree, "flights").startswith("`flights` is at 2.1: its next versions are V2.1.0 and on.")
    change(tree, "tag=2", "tag=1")
    with pytest.raises(LocalFault, match="A tag never goes back: write 2 or more"):
        raise_revision(tree, "flights")


def test_a_new_model_without_a_record_is_refused(tree: Path) -> None:
    shutil.copytree(tree / MODELS / "flights", tree / MODELS / "trains")
    assert faults(tree, {}) == ["Revision 1.1 of `trains` is not on record. Run `make revision MODEL=trains`."]
    raise_revision(tree, "trains")
    assert list(read(tree)) == ["flights", "trains"]
    assert faults(tree, {}) == []


def test_a_record_that_was_rewritten_is_refused(committed: Path) -> None:
    change(committed, "quarantine_budget=0.02", "quarantine_budget=0.03")
    record = read(committed)
    record["flights"]["1.1"] = folder_digest(committed / MODELS / "flights")
    (committed / RECORD).write_text(json.dumps(record))
    (found,) = faults(committed, read_at(committed, "HEAD"))
    assert "says another folder of `flights` 1.1 than the commit before" in found
    assert f"`git checkout HEAD -- {RECORD}`, then `make revision MODEL=flights`" in found


def test_a_record_that_was_thrown_away_is_refused(committed: Path) -> None:
    (committed / RECORD).unlink()
    assert len(faults(committed, read_at(committed, "HEAD"))) == 2
    raise_revision(committed, "flights")
    assert faults(committed, read_at(committed, "HEAD")) == [], "the folder had not changed"


def test_a_copy_without_its_history_is_judged_by_its_own_record(tree: Path) -> None:
    assert read_at(tree, "HEAD") == {}


def test_the_check_and_the_command_speak_for_themselves(
    committed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(revisions, "ROOT", committed)
    assert revisions.main(["--check"]) == 0
    change(committed, "quarantine_budget=0.02", "quarantine_budget=0.03")
    assert revisions.main(["--check"]) == 1
    assert RAISE in capsys.readouterr().err
    assert revisions.main(["flights"]) == 0
    assert revisions.main(["--check", "--since", "HEAD"]) == 0
    for words, sentence in (([], "MODEL is not given"), (["fligths"], "MODEL is `fligths`. Allowed: flights.")):
        with pytest.raises(LocalFault, match=sentence):
            revisions.main(words)


def test_a_revision_that_is_computed_is_refused(tree: Path) -> None:
    change(tree, "revision=1", "revision=0 + 1")
    with pytest.raises(LocalFault, match="as plain numbers"):
        declared(tree, "flights")


def test_the_digest_on_record_is_the_one_a_plan_carries(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "MODELS", tree / MODELS)
    assert folder_sha256("flights") == read(tree)["flights"]["1.1"]
