"""Who may answer, and with what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests import candidate
from windtunnel.core.approval import Choice, askers, broken_rule
from windtunnel.core.contracts import Answer, RegisteredVersion


def version(asked_by: str, forced_by: str | None = None) -> RegisteredVersion:
    forced: dict[str, Any] = (
        {"answer": "reject", "forced_by": forced_by, "forced_because": "Why not."} if forced_by else {}
    )
    asked = candidate.evaluated(plan=candidate.plan(requested_by=asked_by))
    return candidate.registered(evaluated=asked, gate=candidate.gate(**forced))


def answer(by: str, note: str = "") -> Answer:
    return Answer(by=by, at=datetime(2013, 5, 1, tzinfo=UTC), note=note)


@pytest.mark.parametrize(
    ("asked_by", "forced_by", "by", "choice", "note", "rule"),
    [
        ("ingest", None, "rita", "yes", "", None),
        ("sam", None, "rita", "yes", "", None),
        ("sam", None, "sam", "yes", "It is good.", "Four eyes"),
        ("sam", None, "sam", "no", "It is bad.", "Four eyes"),
        ("sam", None, " SAM", "yes", "It is good.", "Four eyes"),
        ("ingest", None, "ingest", "yes", "", None),
        ("unknown", None, "unknown", "yes", "", None),
        ("ingest", None, "rita", "no", "", "A no needs a reason"),
        ("ingest", None, "rita", "no", " \n ", "A no needs a reason"),
        ("ingest", None, "rita", "no", "It is slow.", None),
        ("sam", "sam", "rita", "yes", "", "a yes needs a reason too"),
        ("sam", "sam", "rita", "yes", "The feed did change.", None),
        ("ingest", "ada", "ada", "yes", "I know.", "Four eyes"),
    ],
)
def test_an_answer_keeps_the_rules_or_is_told_which_it_breaks(
    asked_by: str, forced_by: str | None, by: str, choice: Choice, note: str, rule: str | None
) -> None:
    found = broken_rule(version(asked_by, forced_by), choice, answer(by, note))
    assert (found is None) if rule is None else (rule in (found or ""))


def test_data_is_nobody() -> None:
    assert askers(version("ingest")) == ()
    assert askers(version("sam", "sam")) == ("sam",)
    assert askers(version("sam", "ada")) == ("sam", "ada")
