"""Work keys: the digest of everything a piece of work is made of. The same work has the same key, names and outputs."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def work_key(**parts: Any) -> str:
    """Hex digest (64 characters) of named parts, each of JSON types; their order does not matter."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
