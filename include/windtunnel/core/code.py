"""The digest of the code that a model is made of."""

from __future__ import annotations

import hashlib
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
PARTS = ("core", "ml", "serving")


def code_sha256(model: str) -> str:
    """Digest over the sources that decide what a model becomes: its folder and what trains and serves it."""
    digest = hashlib.sha256()
    for part in (*PARTS, f"models/{model}"):
        for path in sorted((PACKAGE / part).rglob("*.py")):
            digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
