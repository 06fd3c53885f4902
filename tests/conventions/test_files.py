"""House rules that need no judgement: sizes, docstrings, names, who imports what. Each failure names file and remedy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from local.place import ROOT

DRAWERS = {"utils", "util", "common", "helpers", "helper", "misc", "lib", "shared"}


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns], cwd=ROOT, text=True
    )
    return sorted(ROOT / line for line in listed.splitlines() if (ROOT / line).is_file())


PYTHON = _tracked("*.py")
PROGRAMS = [path for path in PYTHON if path.relative_to(ROOT).parts[0] not in {"tests", "bench"}]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _most_lines(path: Path) -> int:
    top = path.relative_to(ROOT).parts[0]
    return {"dags": 120, "tests": 500, "bench": 500}.get(top, 300)


def test_the_list_of_files_is_not_empty() -> None:
    assert len(PYTHON) > 50


@pytest.mark.parametrize("path", PYTHON, ids=_name)
def test_a_file_is_short_enough_to_be_read_at_once(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= _most_lines(path), f"{_name(path)} has {lines} lines; split it by the nouns it owns"


@pytest.mark.parametrize("path", PROGRAMS, ids=_name)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree), f"{_name(path)}: begin with a docstring of one line or more"


@pytest.mark.parametrize("path", PYTHON, ids=_name)
def test_no_drawer_for_everything(path: Path) -> None:
    words = {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}
    assert not words & DRAWERS, f"{_name(path)}: name it after the noun it owns"


# A DAG's page is the docstring of its file.
@pytest.mark.parametrize("path", [path for path in PROGRAMS if not _name(path).startswith("dags/")], ids=_name)
def test_public_functions_and_classes_have_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and node.name != "main"
        and not ast.get_docstring(node)
        and not any(isinstance(word, ast.Name) and word.id == "overload" for word in node.decorator_list)
    ]
    assert not silent, f"{_name(path)}: {silent} say nothing of what they do, take, return and raise"


@pytest.mark.parametrize("path", PYTHON, ids=_name)
def test_nothing_is_left_to_be_done(path: Path) -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X:")
    text = path.read_text(encoding="utf-8")
    assert not [word for word in words if word in text], f"{_name(path)}: do it, or leave it out"


@pytest.mark.parametrize("path", [path for path in PYTHON if "windtunnel/core/" in _name(path)], ids=_name)
def test_core_imports_the_standard_library_and_pydantic(path: Path) -> None:
    allowed = sys.stdlib_module_names | {"pydantic", "windtunnel"}
    found = {name.split(".")[0] for name in _imports(path)}
    assert found <= allowed, (
        f"{_name(path)} imports {sorted(found - allowed)}; core is read at every parse, on every machine"
    )
    ours = {
        name for name in _imports(path) if name.startswith("windtunnel.") and not name.startswith("windtunnel.core")
    }
    assert not ours, f"{_name(path)} imports {sorted(ours)}; core knows nothing above it"


@pytest.mark.parametrize("path", [path for path in PYTHON if _name(path).startswith("plugins/")], ids=_name)
def test_pages_import_nothing_of_ours(path: Path) -> None:
    ours = {name for name in _imports(path) if name.split(".")[0] in {"windtunnel", "localaws"}}
    assert not ours, f"{_name(path)} imports {sorted(ours)}; MWAA's API server has no DAG folder"


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found
