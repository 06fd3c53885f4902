"""What is rebuilt of every version on its way, against the embedded AWS: what its stage returned, and the next one takes it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.release import released
from tests.release.dossiers import waiting
from tests.release.made import gated
from windtunnel.aws import ledger, objects, registry
from windtunnel.aws.clients import client
from windtunnel.core import catalog
from windtunnel.core.contracts import Answer, Champion, Contract, Dossier, RegisteredVersion, Standing, Waiting
from windtunnel.core.settings import settings
from windtunnel.models.flights import spec as flights
from windtunnel.stages.approve import approve, expire, reject
from windtunnel.stages.present import present
from windtunnel.stages.recall import LEAVES
from windtunnel.stages.register import register
from windtunnel.stages.resume import resume

pytestmark = pytest.mark.usefixtures("lake_of_its_own")
YES = Answer(by="rita", at=datetime(2013, 5, 2, 12, 0, 1, 250_000, tzinfo=UTC), note="I read *it*.\nAll of it.")


def found(version: str) -> Waiting:
    """What is found of a version on its way."""
    (one,) = [one for one in resume("flights").waiting if one.version == version]
    return one


def same(rebuilt: Contract | None, made: Contract | None) -> bool:
    """Whether two contracts are the same JSON."""
    assert rebuilt is not None
    assert made is not None
    return _bytes(rebuilt) == _bytes(made)


def _bytes(made: Contract) -> str:
    return json.dumps(made.to_json(), sort_keys=True)


def made_of(reason: str, **gate: Any) -> RegisteredVersion:
    """One more registered version."""
    made = register(gated(reason, **gate))
    assert made is not None
    return made


def live(reason: str) -> Champion:
    """One more version, judged against nothing, and in service by the ledger."""
    return released.record_live(released.say_yes(made_of(reason)))


def rewrite(address: str, body: bytes) -> None:
    objects.put(address, body, content_type="text/plain")


def _folder(version: str) -> str:
    return settings().uri("versions", "flights", version)


def test_nothing_is_on_its_way_where_all_is_decided() -> None:
    assert resume("flights") == Standing(
        model="flights", live=None, agrees=None, endpoint="Nothing is in service.", differences=(), waiting=()
    )
    reject(waiting(), YES)
    expire(waiting(), "Nobody answered within 14 days.")
    assert resume("flights").waiting == ()


@pytest.mark.parametrize("state", ["registered", "rehearsed", "shadowed"])
def test_a_registered_version_goes_to_its_shadow(state: Any) -> None:
    made = made_of("New data.")
    for reached in ("rehearsed", "shadowed")[: ("registered", "rehearsed", "shadowed").index(state)]:
        ledger.move("flights", made.version, reached, by="shadow:lost", why="It flies.")  # type: ignore[arg-type]
    one = found(made.version)
    assert (one.state, one.stage, one.behind, one.not_before) == (state, "shadow", None, None)
    assert same(one.made, made)


def test_a_dossier_goes_to_the_reviewers_and_they_are_asked() -> None:
    dossier = waiting()
    one = found(dossier.registered.version)
    assert (one.state, one.stage, one.sentence) == ("awaiting-approval", "approve", "It waits for a reviewer's answer.")
    assert same(one.made, dossier)
    assert isinstance(one.made, Dossier)
    asked = present([one.made])
    assert asked is not None
    assert asked[0] == dossier


@pytest.mark.parametrize("note", [YES.note, "", "  "], ids=["note", "none", "blank"])
def test_an_approval_goes_to_its_rollout(note: str) -> None:
    made = approve(waiting(), YES.model_copy(update={"note": note.strip()}))
    one = found(made.registered.version)
    assert (one.state, one.stage) == ("approved", "rollout")
    assert same(one.made, made)


def test_an_answer_is_about_the_dossier_that_was_read() -> None:
    """A cleared run of `shadow` wrote another dossier between the question and the answer."""
    dossier = waiting()
    other = {"dossier": "s3://b/x.html", "dossier_sha256": "0" * 64, "dossier_document": "s3://b/x.json"}
    version = dossier.registered.version
    ledger.move("flights", version, "awaiting-approval", by="document", why="It flies.", evidence=other)
    yes = approve(dossier, YES)
    assert same(found(version).made, yes)


def test_a_question_whose_time_is_over_expires_in_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    dossier = waiting()
    usual = flights.SPEC
    late = usual.model_copy(update={"approval": usual.approval.model_copy(update={"days": 0})})
    monkeypatch.setattr(flights, "SPEC", late)
    catalog.model_spec.cache_clear()
    try:
        one = found(dossier.registered.version)
        assert "`flights_approve` records that it expired" in one.sentence
        assert present([dossier]) is None
    finally:
        monkeypatch.undo()
        catalog.model_spec.cache_clear()


def test_what_only_has_its_number_asks_for_a_retrain() -> None:
    version = ledger.allocate(gated("New data."))
    one = found(version)
    assert (one.state, one.stage, one.made) == ("allocated", None, None)
    assert "`flights_retrain`" in one.sentence
    assert made_of("New data.").version == version, "the same work keeps its number"


def test_of_several_the_newest_goes_first_and_a_release_that_has_begun_before_it() -> None:
    first, second = made_of("First.").version, made_of("Second.").version
    asked = waiting(tag=2)
    assert {one.version: one.behind for one in resume("flights").waiting} == {
        first: second,
        second: None,
        asked.registered.version: None,
    }
    older, yes = approve(asked, YES), approve(waiting(tag=3), YES)
    assert found(older.registered.version).behind == yes.registered.version
    lease = ledger.take("flights", "rollout:lost")
    version = older.registered.version
    ledger.move("flights", version, "releasing", by="rita", why="Yes.", evidence={"e": "1"}, lease=lease)
    assert (found(version).behind, found(yes.registered.version).behind) == (None, version)
    assert found(version).not_before == ledger.held("flights").until  # type: ignore[union-attr]
    ledger.give_back(lease)
    assert found(version).not_before is None
    assert same(found(version).made, older)


def test_a_shadow_waits_until_the_lost_one_has_let_go() -> None:
    version = made_of("New data.").version
    lease = ledger.take("flights", "shadow:lost", seconds=500)
    assert found(version).not_before == lease.until
    ledger.give_back(lease)
    ledger.take("flights", "rollout:other")
    assert found(version).not_before is None, "`mirror` waits its turn by itself"


def test_what_was_judged_against_another_champion_is_left() -> None:
    asked, yes = waiting(tag=2), approve(waiting(tag=2), YES)
    live("The first.")
    late = made_of("Compared with another.", champion="V1.0.9").version
    for version in (asked.registered.version, yes.registered.version, late):
        one = found(version)
        assert (one.stage, one.made) == (None, None)
        assert "is in service now: the evidence is about something else" in one.sentence


def test_what_is_older_than_the_champion_is_left() -> None:
    old = made_of("Old.").version
    champion = live("Newer.")
    one = found(old)
    assert (one.stage, one.sentence) == (None, f"{champion.version} is in service, which is newer: it is not taken on.")


def test_a_rollback_is_gone_on_with_by_its_own_command() -> None:
    version = approve(waiting(), YES).registered.version
    lease, said = ledger.take("flights", "rollback:lost"), {LEAVES: "V1.1.9", "endpoint_config": "config"}
    ledger.move("flights", version, "releasing", by="ada", why="Back.", evidence=said, lease=lease)
    one = found(version)
    assert one.stage is None
    assert f"`python -m windtunnel rollback flights --to {version} --because ...`" in one.sentence


@pytest.mark.parametrize("part", ["page", "document"])
def test_a_dossier_with_other_bytes_is_not_put_before_anybody(part: str) -> None:
    dossier = waiting()
    rewrite(getattr(dossier, part), objects.get(getattr(dossier, part)) + b" ")
    one = found(dossier.registered.version)
    assert (one.stage, one.made) == (None, None)
    assert "ask for a retrain" in one.sentence


@pytest.mark.parametrize("part", ["page", "document"])
def test_a_dossier_that_is_gone_cannot_be_rebuilt(part: str) -> None:
    dossier = waiting()
    bucket, key = objects.split(getattr(dossier, part))
    client("s3").delete_object(Bucket=bucket, Key=key)
    assert found(dossier.registered.version).stage is None


def test_a_document_of_another_release_is_not_guessed_at() -> None:
    dossier = waiting()
    rewrite(dossier.document, b'{"evidence": "of another form"}')
    assert "written by another release of windtunnel" in found(dossier.registered.version).sentence


def test_the_registry_and_the_ledger_are_compared() -> None:
    yes, asked = approve(waiting(tag=2), YES), waiting(tag=3)
    assert resume("flights").differences == ()
    registry.decide(asked.registered.package_arn, approved=True, sentence="By hand.")
    (said,) = resume("flights").differences
    assert said.startswith(f"{asked.registered.version} is `awaiting-approval`, and its package")
    assert said.endswith("is `Approved`.")

    arn = yes.registered.package_arn
    client("sagemaker").update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="PendingManualApproval", ApprovalDescription="Never heard of it."
    )
    one = found(yes.registered.version)
    assert (one.stage, one.made) == (None, None)
    assert f"`{arn}` is not Approved" in one.sentence
    assert any("whoever may approve there sets the package to Approved" in d for d in resume("flights").differences)


def test_a_record_of_something_else_is_no_record() -> None:
    first, other = made_of("First."), made_of("Second.")
    address = objects.get(f"{_folder(other.version)}/record.json")
    rewrite(f"{_folder(first.version)}/record.json", address)
    one = found(first.version)
    assert (one.stage, one.made) == (None, None)
    assert "says that it is" in one.sentence
    assert one.sentence.partition(" Nothing takes it on")[0] in resume("flights").differences

    client("sagemaker").delete_model_package(ModelPackageName=other.package_arn)
    assert found(other.version).stage is None
    assert any("is `gone`" in difference for difference in resume("flights").differences)
