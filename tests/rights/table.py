"""docs/rights.md as values: one row for each thing that somebody may or may not do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from local.place import ROOT
from windtunnel.orchestration.people import ACCESS

PAGE = ROOT / "docs" / "rights.md"
PEOPLE = ("admin", "dana", "sam", "rita", "vic", None)
"The columns, in order; None has not signed in."
LOCKED = "locked"
WORDS = {"yes", "no", "-"}
_CALL = re.compile(r"`(?P<method>[A-Z]+) (?P<path>/\S+)`(?: `(?P<body>.+)`)?")


class Row(NamedTuple):
    """One row.

    Attributes:
        section: A stage, `locked`, or any other heading.
        what: In plain words.
        method: Of HTTP.
        path: With words in braces for what differs from call to call, maybe with a query.
        body: JSON text, with the same words in braces; None if there is none.
        answers: By person, `yes`, `no` or `-`.
    """

    section: str
    what: str
    method: str
    path: str
    body: str | None
    answers: Mapping[str | None, str]

    @property
    def route(self) -> str:
        """Method and path, without a query."""
        return f"{self.method} {self.path.partition('?')[0]}"

    def call(self, values: Mapping[str, str]) -> tuple[str, str, Any]:
        """Method, path and body, with each word in braces replaced."""

        def filled(text: str) -> str:
            return re.sub(r"\{(\w+)\}", lambda word: values[word[1]], text)

        return self.method, filled(self.path), None if self.body is None else json.loads(filled(self.body))


def rows() -> list[Row]:
    """All rows, in the order of the page."""
    return list(_rows())


def _rows() -> Iterator[Row]:
    text = PAGE.read_text(encoding="utf-8").partition("<!-- rights: from here")[2].partition("<!-- rights: end")[0]
    section = ""
    for line in text.splitlines():
        if line.startswith("## "):
            section = _section(line.removeprefix("## "))
        elif line.startswith("|") and "`" in line:
            what, call, *words = (cell.strip() for cell in line.strip("|").split("|"))
            found = _CALL.fullmatch(call)
            assert found, f"No call in {call}"
            assert len(words) in (0, len(PEOPLE)), line
            assert set(words) <= WORDS, line
            given = dict(zip(PEOPLE, words, strict=False))
            yield Row(section, what, found["method"], found["path"], found["body"], given)


def _section(heading: str) -> str:
    stage = re.match(r"`(\w+)`", heading)
    if stage:
        assert stage[1] in ACCESS, heading
        return stage[1]
    return LOCKED if heading == "Locked DAGs" else heading
