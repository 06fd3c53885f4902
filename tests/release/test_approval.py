"""A reviewer's answer on record, against the embedded AWS: bound to the bytes that were read, given once, by another."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import flown
from tests.release.dossiers import waiting
from windtunnel.aws import ledger, objects
from windtunnel.aws.clients import client
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Answer, Dossier, Entry
from windtunnel.core.errors import ReleaseRefused, VersionInvalid
from windtunnel.core.spec import Approval
from windtunnel.stages.approve import approve, expire, reject
from windtunnel.stages.present import ask_again, present

AT = datetime(2013, 5, 2, 12, tzinfo=UTC)
GOOD = Answer(by="rita", at=AT, note="I read it.")


@pytest.fixture(autouse=True)
def ledger_of_its_own(lake_of_its_own: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - comes first
    monkeypatch.setenv("WINDTUNNEL_LEDGER_TABLE", f"approval-{uuid.uuid4().hex[:12]}")
    flown.forget()
    ledger.ensure()


def entries(dossier: Dossier) -> tuple[Entry, ...]:
    return ledger.history("flights", dossier.registered.version).entries


def state(dossier: Dossier) -> str:
    return ledger.history("flights", dossier.registered.version).record.state


def package(dossier: Dossier) -> tuple[str, str]:
    found = client("sagemaker").describe_model_package(ModelPackageName=dossier.registered.package_arn)
    return found["ModelApprovalStatus"], found.get("ApprovalDescription", "")


@pytest.mark.parametrize(("say", "word"), [(approve, "approved"), (reject, "rejected")])
def test_an_answer_stands_in_the_ledger_and_in_the_registry(say: Callable[..., Any], word: str) -> None:
    dossier = waiting()
    first = say(dossier, GOOD)
    before = entries(dossier)
    assert (before[-1].state, before[-1].by, before[-1].why) == (word, "rita", "I read it.")
    assert before[-1].evidence["dossier_sha256"] == dossier.sha256
    assert package(dossier) == (
        word.capitalize(),
        f"{word.capitalize()} by rita at 2013-05-02 12:00:00+0000. Dossier {dossier.sha256}. I read it.",
    )
    # A task that is run twice reads the same answer and writes nothing new.
    assert say(dossier, GOOD) == first
    assert entries(dossier) == before


def test_an_answer_of_several_lines_is_whole_in_the_ledger_and_one_line_in_the_registry() -> None:
    dossier = waiting()
    reject(dossier, GOOD.model_copy(update={"note": "One month lacks a week.\n\nAsk again when it is whole.\t"}))
    assert entries(dossier)[-1].why == "One month lacks a week.\n\nAsk again when it is whole."
    assert package(dossier)[1].endswith(f"{dossier.sha256}. One month lacks a week. Ask again when it is whole.")


def test_an_approval_says_who_when_and_which_bytes() -> None:
    dossier = waiting()
    approved = approve(dossier, GOOD)
    assert (approved.approved_by, approved.approved_at, approved.note) == ("rita", AT, "I read it.")
    assert approved.dossier == dossier


@pytest.mark.parametrize("part", ["page", "document"])
def test_an_answer_about_other_bytes_is_refused(part: str) -> None:
    dossier = waiting()
    address = getattr(dossier, part)
    objects.put(address, objects.get(address) + b"<!-- better -->", content_type="text/html")
    with pytest.raises(ReleaseRefused, match="An answer is about the bytes that were read"):
        approve(dossier, GOOD)
    assert state(dossier) == "awaiting-approval"
    assert package(dossier)[0] == "PendingManualApproval"
    with pytest.raises(ReleaseRefused):
        present([dossier])


@pytest.mark.parametrize(
    ("dossier_of", "say", "answer", "rule"),
    [
        ({"requested_by": "sam"}, approve, Answer(by="sam", at=AT, note="Mine."), "Four eyes"),
        ({"requested_by": "sam"}, reject, Answer(by="sam", at=AT, note="Not mine."), "Four eyes"),
        ({}, reject, Answer(by="rita", at=AT), "A no needs a reason"),
        (
            {"answer": "reject", "forced_by": "sam", "forced_because": "The feed changed."},
            approve,
            Answer(by="rita", at=AT),
            "a yes needs a reason too",
        ),
    ],
)
def test_an_answer_that_breaks_a_rule_is_not_recorded(
    dossier_of: dict[str, Any], say: Callable[..., Any], answer: Answer, rule: str
) -> None:
    dossier = waiting(**dossier_of)
    with pytest.raises(ReleaseRefused, match=rule):
        say(dossier, answer)
    assert state(dossier) == "awaiting-approval"
    assert package(dossier)[0] == "PendingManualApproval"


def test_only_the_first_answer_counts() -> None:
    dossier = waiting()
    reject(dossier, GOOD)
    with pytest.raises(VersionInvalid, match="is `rejected` and cannot become `approved`"):
        approve(dossier, Answer(by="rudi", at=AT, note="I think otherwise."))
    assert (state(dossier), package(dossier)[0]) == ("rejected", "Rejected")


def test_a_question_expires_cleanly() -> None:
    dossier = waiting()
    expire(dossier, "Nobody answered within 14 days.")
    before = entries(dossier)
    expire(dossier, "Nobody answered within 14 days.")
    assert entries(dossier) == before
    assert (state(dossier), before[-1].by) == ("expired", "approve")
    status, sentence = package(dossier)
    assert status == "Rejected"
    assert sentence == f"Expired. Nobody answered within 14 days. Dossier {dossier.sha256}."
    assert ledger.live("flights") is None
    with pytest.raises(VersionInvalid):
        approve(dossier, GOOD)


def test_an_answer_in_the_last_second_is_not_overtaken_by_the_expiry() -> None:
    dossier = waiting()
    approve(dossier, GOOD)
    with pytest.raises(VersionInvalid):
        expire(dossier, "Nobody answered within 14 days.")
    assert (state(dossier), package(dossier)[0]) == ("approved", "Approved")


def test_a_dossier_that_waits_is_presented_until_its_time_is_over() -> None:
    dossier = waiting()
    assert present([dossier]) == (dossier, entries(dossier)[-1].at + timedelta(days=14))


def test_a_question_whose_time_is_over_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    dossier = waiting()
    spec = model_spec("flights").model_copy(update={"approval": Approval.model_construct(days=0)})
    monkeypatch.setattr("windtunnel.stages.present.model_spec", lambda _: spec)
    assert present([dossier]) is None
    assert state(dossier) == "expired"


def test_what_is_decided_is_not_asked_again() -> None:
    dossier = waiting()
    reject(dossier, GOOD)
    assert present([dossier]) is None


def test_the_newest_version_is_asked_about_and_older_ones_expire() -> None:
    older, newest = waiting(), waiting()
    for order in ([older, newest], [newest, older]):  # as for a task that is run twice
        assert (present(order) or (None,))[0] == newest
    assert (state(older), state(newest)) == ("expired", "awaiting-approval")


def test_an_older_one_that_was_decided_stays_so() -> None:
    older, newest = waiting(), waiting()
    approve(older, GOOD)
    assert (present([older, newest]) or (None,))[0] == newest
    assert state(older) == "approved"


def test_evidence_about_a_champion_of_yesterday_is_not_asked_about() -> None:
    dossier = waiting()
    stale = dossier.model_copy(update={"champion": "V1.1.7"})
    assert present([stale]) is None
    assert state(dossier) == "expired"
    assert "judged against V1.1.7; nothing is in service" in package(dossier)[1]


def test_a_question_that_is_asked_again_opens_with_the_rule_that_was_broken() -> None:
    dossier = waiting()
    again = ask_again(
        ask_again(dossier, "Four eyes: `sam` asked for it."), "A no needs a reason: [x](http://evil.example)."
    )
    first, rest = again.summary.split("\n\n", 1)
    assert first.startswith("> **Asked again: the last answer was not recorded.** A no needs a reason")
    assert "](" not in first
    assert rest == dossier.summary
    assert present([dossier, again]) == (again, entries(dossier)[-1].at + timedelta(days=14))
    assert approve(again, GOOD).dossier.sha256 == dossier.sha256
