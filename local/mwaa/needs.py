"""What tasks import: read from the sources of a bundle, since most of it stands in functions that no parse runs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

type Need = tuple[str, tuple[str, ...], str]
"""A module, names out of it, and the file and line that import them."""

ROOTS = ("*.py", "windtunnel/stages/*.py", "windtunnel/models/*/spec.py", "windtunnel/models/*/expectations.py")
"""Where tasks begin. An estimator is built in the model image, which has packages of its own."""


def needs(dags: Path) -> list[Need]:
    """Every import that a task may come to, in functions too, of ours and of others; the standard library left out.

    Args:
        dags: The DAG folder of a bundle, with the package inside.
    """
    found: dict[tuple[str, tuple[str, ...]], str] = {}
    seen: set[Path] = set()
    waiting = [path for pattern in ROOTS for path in sorted(dags.glob(pattern))]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for module, names, line in _imports(ast.parse(path.read_text(encoding="utf-8"))):
            if module.partition(".")[0] in sys.stdlib_module_names:
                continue
            found.setdefault((module, names), f"{path.relative_to(dags)}:{line}")
            waiting += [
                file for name in (module, *(f"{module}.{name}" for name in names)) for file in _files(dags, name)
            ]
    return sorted((module, names, where) for (module, names), where in found.items())


def _imports(tree: ast.AST) -> Iterator[tuple[str, tuple[str, ...], int]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from ((name.name, (), node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, tuple(name.name for name in node.names), node.lineno
        yield from _imports(node)


def _files(dags: Path, module: str) -> Iterator[Path]:
    """The file of a module of ours, and those of the packages above it, which Python runs first."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        base = dags.joinpath(*parts[:end])
        yield from (path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file())
