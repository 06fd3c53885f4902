"""Nothing here may run or unpack at will what a file from elsewhere says: ruff's rules, tried, and what ruff cannot say."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from local.place import ROOT
from tests.conventions.test_files import PYTHON

BANNED: dict[str, dict[str, str]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "ruff"
]["lint"]["flake8-tidy-imports"]["banned-api"]
METHODS = {"extractall", "to_pickle"}
UNPACKERS = {"tarfile", "zipfile"}
RULES = "TID251,S202,S301,S302"
ALLOWED = {"tests/forked.py"}
"""Holds pickles of its own child, on a pipe that nobody else has."""


def reported(source: str, at: str = "include/windtunnel/ml/planted.py") -> set[str]:
    """The rules that the project's ruff finds broken in a file of this text, were it there."""
    ended = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "json", "--stdin-filename", at, "-"],
        input=source,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert ended.returncode in (0, 1), ended.stderr
    return {found["code"] for found in json.loads(ended.stdout)}


def unsaid(source: str) -> list[str]:
    """What ruff has no rule for: methods of whatever object, the argument `allow_pickle`, modules named by a text."""
    tree = ast.parse(source)
    unpacks = bool(_imported(tree) & UNPACKERS)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (node.attr in METHODS or (unpacks and node.attr == "extract")):
            found.append(f"line {node.lineno}: `{node.attr}`")
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and not _is(node.value, False):
            found.append(f"line {node.value.lineno}: `allow_pickle`")
        if isinstance(node, ast.Call) and _called(node) in {"__import__", "import_module"}:
            names = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            found += [f"line {node.lineno}: `{name}`" for name in names if name.split(".")[0] in BANNED]
    return found


def _imported(tree: ast.Module) -> set[str]:
    plain = {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
    return plain | {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def _is(value: ast.expr, constant: object) -> bool:
    return isinstance(value, ast.Constant) and value.value is constant


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@pytest.mark.parametrize("banned", BANNED)
def test_ruff_reports_every_banned_name_however_it_is_imported(banned: str) -> None:
    module, _, name = banned.rpartition(".")
    used = (
        [f"import {banned}\n", f"import {banned} as kept\n", f"from {banned} import load\n"]
        if not module
        else [f"from {module} import {name}\n", f"import {module} as kept\n\nkept.{name}(b'')\n"]
    )
    silent = [source for source in used if "TID251" not in reported(source)]
    assert not silent, f"pyproject.toml bans `{banned}`, and ruff lets pass {silent}"


def test_nothing_was_taken_off_the_list() -> None:
    modules = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
    names = {"pandas.read_pickle", "pandas.to_pickle", "numpy.load", "torch.load", "shutil.unpack_archive"}
    assert modules | names <= BANNED.keys(), "pyproject.toml, banned-api"


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        pytest.param("import pickle\n\npickle.loads(b'')\n", "S301", id="pickle.loads"),
        pytest.param("import dill\n\ndill.load(None)\n", "S301", id="dill.load"),
        pytest.param("import shelve\n\nshelve.open('a')\n", "S301", id="shelve.open"),
        pytest.param("import marshal\n\nmarshal.loads(b'')\n", "S302", id="marshal.loads"),
        pytest.param("import tarfile\n\ntarfile.open('a').extractall()\n", "S202", id="extractall"),
        pytest.param("import torch\n\ntorch.load('a', weights_only=True)\n", "TID251", id="torch.load"),
        pytest.param("import numpy as np\n\nnp.load('a', allow_pickle=True)\n", "TID251", id="numpy.load"),
        pytest.param("import importlib\nfrom pickle import loads as read\n", "TID251", id="another name"),
        pytest.param("def late():\n    import joblib\n\n    return joblib\n", "TID251", id="inside a function"),
    ],
)
def test_ruff_reports_the_call(source: str, rule: str) -> None:
    assert rule in reported(source)


@pytest.mark.parametrize(
    "top", ["dags/a.py", "include/localaws/a.py", "plugins/a.py", "local/a.py", "tests/a.py", "bench/a.py"]
)
def test_no_folder_is_exempt(top: str) -> None:
    assert {"TID251", "S301"} <= reported("import pickle\n\npickle.loads(b'')\n", at=top)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("import tarfile\ntarfile.open('a').extractall(filter='data')", id="extractall of tarfile"),
        pytest.param("import tarfile\ntarfile.open('a').extract('b')", id="extract of tarfile"),
        pytest.param("import zipfile\nzipfile.ZipFile('a').extractall()", id="extractall of zipfile"),
        pytest.param("from zipfile import ZipFile\nZipFile('a').extract('b')", id="extract of zipfile"),
        pytest.param("def f(archive):\n    archive.extractall('.')", id="extractall of something"),
        pytest.param("import tarfile\nunpack = tarfile.TarFile.extractall", id="extractall not called"),
        pytest.param("def f(frame):\n    frame.to_pickle('a')", id="to_pickle"),
        pytest.param("f(allow_pickle=True)", id="allow_pickle"),
        pytest.param("f(allow_pickle=yes)", id="allow_pickle by a variable"),
        pytest.param("__import__('pickle')", id="__import__"),
        pytest.param("import importlib\nimportlib.import_module('joblib.numpy_pickle')", id="import_module"),
    ],
)
def test_what_ruff_cannot_say_is_found(source: str) -> None:
    assert unsaid(source)


CLEAN = '''"""Reads a model as it should be."""

import json
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd

from windtunnel.ml.archive import unpack


def read(folder: Path) -> pd.DataFrame:
    """A frame."""
    with tarfile.open(folder / "a.tar") as archive:
        names = archive.getnames()
    unpack(folder / "a.tar.gz", folder, {name: 1 for name in names})
    values = np.frombuffer((folder / "a").read_bytes())
    return pd.read_parquet(folder / json.loads("{}")["name"]).assign(value=values)
'''


def test_a_clean_file_is_not_reported() -> None:
    assert not reported(CLEAN) & set(RULES.split(","))
    assert not unsaid(CLEAN)


def test_a_column_of_texts_may_be_searched() -> None:
    assert not unsaid("def f(column):\n    return column.str.extract('a')")


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_does_what_ruff_cannot_say(path: Path) -> None:
    found = unsaid(path.read_text(encoding="utf-8"))
    assert not found, f"{path.relative_to(ROOT)}: {found}. Archives go through `unpack`, data through Parquet or JSON"


def test_no_exception_but_the_one_that_is_known() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--ignore-noqa", "--select", RULES, "--output-format", "json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    files = {str(Path(found["filename"]).relative_to(ROOT)) for found in json.loads(ended.stdout)}
    assert files == ALLOWED
