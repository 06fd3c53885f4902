"""The project's documents as tests see them: their files, links and code blocks."""

from __future__ import annotations

import re
from pathlib import Path

from local.place import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_TITLED = re.compile(r'^```python title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|\b(?:href|src|srcset)=\"([^\"]+)\"")


def programs(document: Path) -> dict[str, str]:
    """The Python files that a document shows whole: title of the block -> text."""
    return dict(_TITLED.findall(document.read_text(encoding="utf-8")))


def links(document: Path) -> list[str]:
    """Targets of the links and pictures of a document, those in code left out."""
    text = _CODE.sub("", document.read_text(encoding="utf-8"))
    return [inline or attribute for inline, attribute in _LINK.findall(text)]


def first_column(document: Path, heading: str) -> list[str]:
    """The names in backticks in the first column of the table that starts with a heading cell."""
    lines = document.read_text(encoding="utf-8").splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    cells = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells += re.findall(r"`([^`]+)`", line.split("|")[1])
    return cells
