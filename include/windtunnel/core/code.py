"""The digest of the code that a model is made of."""

from __future__ import annotations

import hashlib
from pathlib import Path

from windtunnel.core import catalog

PACKAGE = Path(__file__).parents[1]
PARTS = ("core", "ml", "serving")
RULES = ("ml/raw.py", "ml/schema.py", "ml/expectations.py")


def code_sha256(model: str) -> str:
    """Digest over the sources that decide what a model becomes: its folder and what trains and serves it."""
    digest = hashlib.sha256()
    for part in (*PARTS, f"models/{model}"):
        for path in sorted((PACKAGE / part).rglob("*.py")):
            digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def folder_sha256(model: str) -> str:
    """Digest over a model's own folder: what a person changes, and raises `revision` for."""
    return folder_digest(catalog.MODELS / model)


def folder_digest(folder: Path) -> str:
    """Digest over the names and bytes of a folder's files, without those that Python or an editor leave behind."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in inside.parts):
            digest.update(inside.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def rules_sha256(model: str) -> str:
    """Digest over the sources that decide which rows a dataset has, and what is in them."""
    digest = hashlib.sha256()
    folder = catalog.MODELS / model
    for path in (*(PACKAGE / rule for rule in RULES), folder / "spec.py", folder / "expectations.py"):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
