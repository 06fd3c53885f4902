"""The revisions of the models: `make revision MODEL=<name>` raises one, and `make check` sees that none was forgotten.

A model's folder decides what its versions are made of, and `revision` in its spec.py is the middle number of their
names. So one revision is one folder, for ever: the record keeps the digest of each. Runs in the Airflow environment.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from local.fault import LocalFault
from local.place import ROOT
from windtunnel.core.code import folder_digest

MODELS = Path("include/windtunnel/models")
RECORD = MODELS / "revisions.json"
type Record = dict[str, dict[str, str]]
"""Model -> `<tag>.<revision>` -> digest of its folder."""


class Revision(NamedTuple):
    """The first two numbers of a version; later ones are larger."""

    tag: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Revision:
        """From `1.2`."""
        tag, number = text.split(".")
        return cls(int(tag), int(number))

    def __str__(self) -> str:
        return f"{self.tag}.{self.number}"


def read(root: Path) -> Record:
    """The record of a tree."""
    path = root / RECORD
    return _parsed(path.read_bytes()) if path.exists() else {}


def read_at(root: Path, commit: str) -> Record:
    """The record as a commit has it; empty where git or the commit is not at hand, as in a copy without its history."""
    try:
        shown = subprocess.run(["git", "show", f"{commit}:./{RECORD}"], cwd=root, capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return {}
    return _parsed(shown.stdout)


def declared(root: Path, model: str) -> Revision:
    """The tag and the revision that a model's spec.py gives."""
    given = _numbers(root, model)
    return Revision(given["tag"].value, given["revision"].value)  # type: ignore[arg-type]


def faults(root: Path, committed: Record) -> list[str]:
    """What is wrong with the revisions of a tree, one sentence each.

    Args:
        root: The tree.
        committed: The record that its own must only add to.
    """
    record = read(root)
    rewritten = [
        f"`{RECORD}` says another folder of `{model}` {revision} than the commit before. What was recorded stays: "
        f"`git checkout HEAD -- {RECORD}`, then `make revision MODEL={model}`."
        for model, before in sorted(committed.items())
        for revision, digest in before.items()
        if record.get(model, {}).get(revision) != digest
    ]
    return rewritten + [fault for model in _models(root) if (fault := _fault(root, model, record.get(model, {})))]


def raise_revision(root: Path, model: str) -> str:
    """Record a model's folder under its revision, raising `revision` in spec.py when the one it gives is taken.

    Returns:
        What was done, one sentence.

    Raises:
        LocalFault: There is no such model, or its tag went back.
    """
    if model not in _models(root):
        raise LocalFault(f"MODEL is `{model}`. Allowed: {', '.join(_models(root))}. Give a folder of `{MODELS}`.")
    record = read(root)
    known, given = record.setdefault(model, {}), declared(root, model)
    newest = _newest(known)
    if not _fault(root, model, known):
        return f"`{model}` stays at {given}: its folder is the one on record."
    if newest and given.tag < newest.tag:
        raise LocalFault(
            f"`tag` of `{model}` is {given.tag}, and {newest} is on record. A tag never goes back: write {newest.tag} or more."
        )
    if newest and given <= newest:
        given = Revision(newest.tag, newest.number + 1)
        _write(root, model, given.number)
    known[str(given)] = folder_digest(root / MODELS / model)
    (root / RECORD).write_text(json.dumps(dict(sorted(record.items())), indent=2) + "\n", encoding="utf-8")
    return f"`{model}` is at {given}: its next versions are V{given}.0 and on. Commit its folder with `{RECORD}`."


def _fault(root: Path, model: str, known: dict[str, str]) -> str | None:
    given, newest = declared(root, model), _newest(known)
    mend = f"Run `make revision MODEL={model}`."
    if newest and given < newest:
        return f"`{model}` went back to revision {given}, and {newest} is on record. {mend}"
    if str(given) not in known:
        return f"Revision {given} of `{model}` is not on record. {mend}"
    if known[str(given)] != folder_digest(root / MODELS / model):
        return f"The folder of `{model}` changed, and its revision is still {given}. {mend}"
    return None


def _parsed(text: bytes) -> Record:
    record: Record = json.loads(text)
    return record


def _models(root: Path) -> list[str]:
    return sorted(path.parent.name for path in (root / MODELS).glob("*/spec.py"))


def _newest(known: dict[str, str]) -> Revision | None:
    return max(map(Revision.parse, known), default=None)


def _numbers(root: Path, model: str) -> dict[str, ast.Constant]:
    """The nodes of `tag` and `revision` in a spec.py, which is read and not run: it belongs to another tree."""
    path = root / MODELS / model / "spec.py"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ModelSpec":
            given = {word.arg: word.value for word in node.keywords if word.arg in ("tag", "revision")}
            numbers = {
                str(name): value
                for name, value in given.items()
                if isinstance(value, ast.Constant) and type(value.value) is int
            }
            if len(numbers) == 2:
                return numbers
    raise LocalFault(f"`{path}` must give `tag` and `revision` of its `ModelSpec(...)` as plain numbers.")


def _write(root: Path, model: str, revision: int) -> None:
    path, node = root / MODELS / model / "spec.py", _numbers(root, model)["revision"]
    lines = path.read_bytes().splitlines(keepends=True)
    line = lines[node.lineno - 1]  # offsets of the parser count bytes
    lines[node.lineno - 1] = line[: node.col_offset] + str(revision).encode() + line[node.end_col_offset :]
    path.write_bytes(b"".join(lines))


def main(words: Sequence[str] | None = None) -> int:
    """Raise a revision, or with `--check` print what is wrong; 1 if anything is."""
    parser = argparse.ArgumentParser(prog="python -m local.revisions", description=__doc__)
    parser.add_argument("model", nargs="?", help="The model whose revision is raised.")
    parser.add_argument("--check", action="store_true", help="Only name the models whose revision was forgotten.")
    parser.add_argument("--since", default="HEAD", help="The commit whose record may only be added to.")
    asked = parser.parse_args(words)
    if asked.check:
        found = faults(ROOT, read_at(ROOT, asked.since))
        print("\n".join(found), end="\n" * bool(found), file=sys.stderr)
        return 1 if found else 0
    if not asked.model:
        raise LocalFault("MODEL is not given. Run `make revision MODEL=flights`.")
    print(raise_revision(ROOT, asked.model))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LocalFault as fault:
        sys.exit(str(fault))
