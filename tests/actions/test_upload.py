"""A bundle goes to the bucket of the code whole, and its commit is on record there only if it is on main."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from local.fault import LocalFault
from local.merged import MODELS
from local.upload import PINNED, upload
from tests.actions.conftest import Checkout
from windtunnel.aws import commits, objects
from windtunnel.core.code import folder_sha256
from windtunnel.core.errors import CommitRefused


def bundle(checkout: Checkout, commit: str, folder: Path, **files: str) -> Path:
    """A bundle as `make package` lays it out, of the models of a checkout and some other files."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(checkout.root / MODELS, folder / "dags/windtunnel/models")
    texts = {"dags/train.py": "train", **dict.fromkeys(PINNED.values(), "first"), **files}
    for path, text in texts.items():
        (folder / path).write_text(text)
    made = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in made.items()}
    (folder / "manifest.json").write_text(json.dumps({"commit": commit, "files": digests}))
    return folder


def there(code: str) -> set[str]:
    return {found.uri.removeprefix(f"s3://{code}/") for found in objects.listed(f"s3://{code}/")}


def test_a_commit_of_main_is_uploaded_whole_and_then_on_record(checkout: Checkout, code: str, tmp_path: Path) -> None:
    commit = checkout.git("rev-parse", "HEAD")
    made = bundle(checkout, commit, tmp_path / "bundle")
    versions = upload(made, code, checkout.root, "main")
    expected = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()} - {"manifest.json"}
    assert there(code) == expected | {f"commits/{commit}.json"}
    assert versions.keys() == PINNED.keys()
    assert all(versions.values())
    record = objects.get_json(commits.address(code, commit))
    assert record == {"commit": commit, "folders": {"flights": folder_sha256("flights")}}
    commits.require(commit, "flights")


def test_the_same_again_changes_nothing(checkout: Checkout, code: str, tmp_path: Path) -> None:
    made = bundle(checkout, checkout.git("rev-parse", "HEAD"), tmp_path / "bundle")
    assert upload(made, code, checkout.root, "main") == upload(made, code, checkout.root, "main")


def test_a_file_that_is_gone_goes_and_a_changed_one_has_a_new_version(
    checkout: Checkout, code: str, tmp_path: Path
) -> None:
    first = upload(
        bundle(checkout, checkout.git("rev-parse", "HEAD"), tmp_path / "one", **{"dags/old.py": "old"}),
        code,
        checkout.root,
        "main",
    )
    assert "dags/old.py" in there(code)
    commit = checkout.commit("Second", "README.md", "Second\n")
    second = upload(bundle(checkout, commit, tmp_path / "two", **{"plugins.zip": "other"}), code, checkout.root, "main")
    assert "dags/old.py" not in there(code)
    assert {name for name in PINNED if first[name] != second[name]} == {"PluginsVersion"}
    assert objects.get(f"s3://{code}/plugins.zip") == b"other"


def test_a_commit_of_a_branch_is_not_uploaded_and_the_pipeline_refuses_it(
    checkout: Checkout, code: str, tmp_path: Path
) -> None:
    checkout.git("switch", "--quiet", "--create", "draft")
    commit = checkout.commit("Draft", f"{MODELS}/flights/notes.txt", "Draft\n")
    with pytest.raises(LocalFault, match=f"Commit `{commit}` is not on `main`.*Merge it"):
        upload(bundle(checkout, commit, tmp_path / "bundle"), code, checkout.root, "main")
    assert there(code) == set()
    with pytest.raises(CommitRefused, match="was not deployed here from main"):
        commits.require(commit, "flights")

    checkout.git("switch", "--quiet", "main")
    checkout.git("-c", "user.name=sam", "merge", "--quiet", "--no-ff", "--no-edit", "draft")
    upload(bundle(checkout, commit, tmp_path / "bundle"), code, checkout.root, "main")
    assert f"commits/{commit}.json" in there(code)


def test_a_commit_that_git_does_not_have_is_refused_with_its_reason(
    checkout: Checkout, code: str, tmp_path: Path
) -> None:
    with pytest.raises(LocalFault, match="git says: fatal: Not a valid commit name"):
        upload(bundle(checkout, "f" * 40, tmp_path / "bundle"), code, checkout.root, "main")


def test_without_a_bundle_there_is_nothing_to_upload(checkout: Checkout, tmp_path: Path) -> None:
    with pytest.raises(LocalFault, match=r"holds no `manifest.json`.*Run `make package`"):
        upload(tmp_path, "code", checkout.root, "main")
