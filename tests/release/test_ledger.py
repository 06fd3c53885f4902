"""The ledger, against the embedded AWS: what it answers, what it refuses, and that a lost reply changes neither."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from botocore.config import Config

from tests import flown
from tests.release import flight
from tests.release.flight import MODEL, allocated, approved, back, live, moved, proof, released, states
from tests.release.made import IMAGE, gated
from windtunnel.aws import clients, ledger, objects
from windtunnel.core.contracts import Champion, Entry, State
from windtunnel.core.errors import (
    CommitConflict,
    FenceLost,
    ReleaseRefused,
    RevisionStale,
    SettingInvalid,
    VersionInvalid,
)
from windtunnel.core.settings import settings

pytestmark = pytest.mark.usefixtures("lake_of_its_own")
STATES: tuple[State, ...] = get_args(State)


def entries() -> list[Entry]:
    """All entries of the model, from their own listing."""
    return [Entry.from_json(objects.get_json(address)) for address in ledger.export(MODEL)]


@pytest.fixture
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that do not try again, so that a lost reply reaches the ledger."""
    monkeypatch.setattr(clients, "_CONFIG", Config(retries={"total_max_attempts": 1}))
    flown.forget()


# What it answers


def test_a_way_from_a_number_into_service_is_in_the_history() -> None:
    version = approved("The whole way.")
    release = released(version, "rollout:1")
    made = ledger.go_live(release, proof(release))
    history = ledger.history(MODEL, version)
    assert [entry.state for entry in history.entries] == ["allocated", *flight.ON_THE_WAY, "releasing", "live"]
    assert [entry.sequence for entry in history.entries] == list(range(1, 9))
    assert history.record.state == "live"
    assert history.entries[-1] == made
    assert (made.by, made.why, made.epoch) == ("rita", "I read it.", 1)
    assert made.evidence["endpoint_config"] == release.endpoint_config
    assert history.entries[0].evidence["artefact_sha256"] == history.record.artefact_sha256


def test_nothing_is_in_service_before_the_first_release() -> None:
    assert ledger.live(MODEL) is None
    assert ledger.live_at(MODEL, datetime.now(UTC)) is None
    assert ledger.last_good(MODEL) is None
    assert ledger.versions(MODEL) == []
    assert ledger.export(MODEL) == []


def test_the_champion_carries_what_a_challenger_and_a_rollback_need() -> None:
    version = approved("In service.")
    champion = flight.brought_live(released(version, "rollout:1"))
    made = flight.registered(version)
    plan = made.evaluated.plan
    assert champion == Champion(
        model=MODEL,
        version=version,
        package_arn=made.package_arn,
        model_data=made.evaluated.model_data,
        artefact_sha256=made.evaluated.artefact_sha256,
        train=plan.train,
        holdout=plan.holdout,
        endpoint_config=f"config-{version}",
        live_since=ledger.history(MODEL, version).entries[-1].at,
    )


def test_what_was_live_at_any_time() -> None:
    first, second = live("First."), live("Second.")
    third = back(first.version)
    moments = [
        (first.live_since - timedelta(microseconds=1), None),
        (first.live_since, first),
        (second.live_since - timedelta(microseconds=1), first),
        (second.live_since, second),
        (third.live_since, third),
        (third.live_since + timedelta(days=365), third),
    ]
    assert [ledger.live_at(MODEL, moment) for moment, _ in moments] == [champion for _, champion in moments]
    elsewhere = second.live_since.astimezone().replace(tzinfo=None).astimezone(UTC)
    assert ledger.live_at(MODEL, elsewhere) == second
    assert ledger.live_at(MODEL, second.live_since.replace(tzinfo=None)) == second, "without a zone it is UTC"


def test_a_newer_version_retires_the_one_before() -> None:
    first, second = live("First."), live("Second.")
    assert states(first.version)[-2:] == ["live", "retired"]
    assert states(second.version)[-1] == "live"
    assert ledger.live(MODEL) == second
    assert ledger.last_good(MODEL) == first


def test_a_rollback_turns_back_the_one_before() -> None:
    first, second = live("First."), live("Second.")
    again = back(first.version)
    assert again.version == first.version
    assert again.live_since > second.live_since
    assert states(second.version)[-1] == "rolled-back"
    assert states(first.version)[-3:] == ["retired", "releasing", "live"]
    assert ledger.last_good(MODEL) is None, "the only other one was turned back"


def test_the_last_good_one_skips_those_that_were_turned_back() -> None:
    first, second, third = live("First."), live("Second."), live("Third.")
    assert ledger.last_good(MODEL) == second
    back(second.version)
    assert ledger.last_good(MODEL) == first
    fourth = live("Fourth.")
    good = ledger.last_good(MODEL)
    assert good is not None
    assert good.version == second.version
    assert good.live_since > third.live_since, "as it was in service last"
    assert fourth == ledger.live(MODEL)


def test_a_rollback_that_is_taken_up_again_finds_the_same_last_good_one() -> None:
    first, _ = live("First."), live("Second.")
    released(first.version, "rollback:1", rollback=True)
    assert ledger.last_good(MODEL) == first


def test_a_release_that_fell_back_leaves_the_champion() -> None:
    champion = live("First.")
    release = released(approved("Second."), "rollout:2")
    made = ledger.fell_back(release, "The alarm `5xx` rang.")
    assert (made.state, made.why, made.epoch) == ("rolled-back", "The alarm `5xx` rang.", release.epoch)
    assert ledger.fell_back(release, "Said in other words.") == made
    assert ledger.live(MODEL) == champion
    assert ledger.last_good(MODEL) is None


def test_snapshot_and_image_lead_to_their_versions() -> None:
    versions = [allocated(reason) for reason in ("One.", "Two.", "Three.")]
    moved(versions[1], "registered")
    snapshot = gated("One.").evaluated.plan.dataset.snapshot_id
    for found in (ledger.versions(MODEL), ledger.of_snapshot(MODEL, snapshot), ledger.of_image(MODEL, IMAGE)):
        assert [record.version for record in found] == versions
        assert [record.state for record in found] == ["allocated", "registered", "allocated"]
    assert ledger.of_snapshot(MODEL, "1") == []
    assert ledger.of_image(MODEL, "another:1") == []


def test_ten_versions_stand_in_the_order_of_their_numbers() -> None:
    made = [allocated(f"Number {number}.") for number in range(11)]
    assert made[-1] == "V1.1.10"
    assert [record.version for record in ledger.versions(MODEL)] == made


def test_a_registered_version_has_its_package() -> None:
    version = allocated()
    moved(version, "registered", package_arn="arn:aws:sagemaker:us-east-1:000000000000:model-package/flights/1")
    moved(version, "rehearsed")
    assert ledger.history(MODEL, version).record.package_arn == (
        "arn:aws:sagemaker:us-east-1:000000000000:model-package/flights/1"
    )


def test_the_export_has_every_entry_once() -> None:
    first = live("First.")
    addresses = ledger.export(MODEL)
    assert addresses == [settings().uri("ledger", MODEL, f"{number:010d}.json") for number in range(1, 9)]
    whole = [Entry.from_json(objects.get_json(address)) for address in addresses]
    assert whole == list(ledger.history(MODEL, first.version).entries)
    live("Second.")
    assert ledger.export(MODEL)[:8] == addresses
    assert [entry.sequence for entry in entries()] == list(range(1, 18))


def test_an_export_that_somebody_wrote_over_is_not_written_again() -> None:
    allocated()
    address = settings().uri("ledger", MODEL, f"{1:010d}.json")
    objects.put(address, b"{}", content_type="application/json")
    ledger.export(MODEL)
    assert objects.get(address) == b"{}"


def test_time_never_runs_back_between_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    from windtunnel.aws.ledger import journal

    class Late(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) - timedelta(hours=1)

    first = allocated("By a clock that is right.")
    monkeypatch.setattr(journal, "datetime", Late)
    moved(first, "registered")
    early, late = ledger.history(MODEL, first).entries
    assert late.at == early.at


# What it refuses


def test_every_way_that_the_table_does_not_allow_is_refused() -> None:
    """Every state against every other: a version is brought into the first, and the second is asked for."""
    by_move = [state for state in STATES if state not in ("allocated", "live", "retired", "rolled-back")]
    lease = ledger.take(MODEL, "test:1")
    for number, (now, wanted) in enumerate(itertools.product(by_move, by_move)):
        version = allocated(f"{number}")
        for state in way_to(now):
            moved(version, state, lease=lease)
        before = states(version)
        if now in ledger.ALLOWED[wanted]:
            moved(version, wanted, by="rita", lease=lease)
            assert states(version) == [*before, wanted]
        else:
            with pytest.raises(VersionInvalid, match=f"is `{now}` and cannot become `{wanted}`"):
                moved(version, wanted, by="rita", lease=lease)
            assert states(version) == before


def way_to(state: State) -> list[State]:
    """The shortest way from a number to a state."""
    ways: dict[State, list[State]] = {"allocated": []}
    while state not in ways:
        reached = {after: [*ways[before], after] for after in STATES for before in ledger.ALLOWED[after] & ways.keys()}
        ways = reached | ways
    return ways[state]


@pytest.mark.parametrize("state", ["allocated", "live", "retired", "rolled-back"])
def test_states_that_change_more_than_a_version_are_not_moved_to(state: State) -> None:
    version = allocated()
    with pytest.raises(VersionInvalid, match="is not reached by `move`"):
        moved(version, state)


def test_a_version_that_nobody_allocated_is_refused() -> None:
    allocated()
    with pytest.raises(VersionInvalid, match=r"knows no version `V1\.1\.7`"):
        moved("V1.1.7", "registered")
    with pytest.raises(VersionInvalid, match=r"Those it knows: `V1\.1\.0`"):
        ledger.history(MODEL, "V1.1.7")
    with pytest.raises(VersionInvalid, match="is not a version"):
        ledger.history(MODEL, "newest")


def test_a_decision_of_someone_else_is_not_the_same_move() -> None:
    version = approved()
    assert moved(version, "approved") == ledger.history(MODEL, version).entries[-1]
    for other in ({"by": "rita"}, {"evidence": {"dossier_sha256": "other"}}):
        with pytest.raises(VersionInvalid, match="is `approved` and cannot become `approved`"):
            moved(version, "approved", **other)
    with pytest.raises(VersionInvalid, match="is `approved` and cannot become `rejected`"):
        moved(version, "rejected")


def test_a_task_that_is_cleared_later_finds_its_move() -> None:
    version = allocated()
    made = moved(version, "registered")
    moved(version, "rehearsed")
    assert moved(version, "registered", why="Said in other words.") == made
    assert states(version) == ["allocated", "registered", "rehearsed"]


def test_a_question_that_expired_can_be_asked_again() -> None:
    version = allocated()
    for state in ("registered", "rehearsed", "awaiting-approval", "expired", "awaiting-approval", "approved"):
        moved(version, state)
    assert states(version)[-3:] == ["expired", "awaiting-approval", "approved"]


def test_another_folder_under_the_same_revision_is_refused() -> None:
    allocated()
    candidate = gated("Changed.").evaluated
    changed = candidate.model_copy(update={"plan": candidate.plan.model_copy(update={"folder_sha256": "e" * 64})})
    with pytest.raises(RevisionStale, match=r"versions `V1\.1\.\*` were made of.*`make revision MODEL=flights`"):
        ledger.allocate(gated("Changed.").model_copy(update={"evaluated": changed}))
    raised = changed.model_copy(update={"plan": changed.plan.model_copy(update={"revision": 2})})
    assert ledger.allocate(gated("Changed.").model_copy(update={"evaluated": raised})) == "V1.2.0"
    assert [entry.sequence for entry in entries()] == [1, 2], "a refusal leaves no gap"


def test_a_release_over_another_champion_is_refused() -> None:
    release = released(approved("First."), "rollout:1", previous=None)
    champion = flight.brought_live(release)
    late = released(approved("Second."), "rollout:2", previous=None)
    with pytest.raises(ReleaseRefused, match=rf"`{champion.version}` is in service.*began over `nothing`"):
        ledger.go_live(late, proof(late))
    assert ledger.live(MODEL) == champion
    assert states(late.registered.version)[-1] == "releasing"


def test_nothing_goes_live_that_is_not_being_released() -> None:
    version = approved()
    release = flight.release(version, ledger.take(MODEL, "rollout:1"))
    with pytest.raises(VersionInvalid, match="is `approved` and cannot become `live`"):
        ledger.go_live(release, proof(release))
    with pytest.raises(VersionInvalid, match="is `approved` and cannot become `rolled-back`"):
        ledger.fell_back(release, "No.")
    assert ledger.live(MODEL) is None


def test_a_version_in_service_does_not_fall_back() -> None:
    release = released(approved(), "rollout:1")
    ledger.go_live(release, proof(release))
    with pytest.raises(
        VersionInvalid, match="is `live` and cannot become `rolled-back`, which comes after `releasing`"
    ):
        ledger.fell_back(release, "A copy of the task that came late.")
    assert ledger.live(MODEL) is not None


def test_a_release_needs_a_fence() -> None:
    version = approved()
    with pytest.raises(FenceLost, match="without a lease"):
        moved(version, "releasing")


def test_a_ledger_without_a_table_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDTUNNEL_LEDGER_TABLE", "nowhere")
    settings.cache_clear()
    for ask in (ledger.live, ledger.versions):
        with pytest.raises(SettingInvalid, match="`WINDTUNNEL_LEDGER_TABLE` is `nowhere`"):
            ask(MODEL)


# What it survives


@pytest.mark.usefixtures("one_try")
@pytest.mark.parametrize("fault", ["drop_reply", "throttle"])
@pytest.mark.parametrize("write", ["allocate", "move", "take", "keep", "go_live", "fell_back"])
def test_a_write_whose_reply_is_lost_takes_effect_once(
    fault: str, write: str, misbehave: Callable[..., Callable[[], int]]
) -> None:
    live("First.")
    version = approved("Second.")
    release = released(version, "rollout:2")
    lease = ledger.lease_of(release)
    number = len(entries())
    calls: dict[str, tuple[Callable[[], Any], int]] = {
        "allocate": (lambda: ledger.allocate(gated("Third.")), 1),
        "move": (lambda: moved(version, "releasing", by="rita", lease=lease), 1),
        "take": (lambda: ledger.take(MODEL, "rollout:2"), 0),
        "keep": (lambda: ledger.keep(lease, 60), 0),
        "go_live": (lambda: ledger.go_live(release, proof(release)), 2),
        "fell_back": (lambda: ledger.fell_back(release, "No."), 1),
    }
    call, more = calls[write]
    struck = misbehave(kind=fault, operation="dynamodb:TransactWriteItems", times=3)
    made = call()
    assert struck() == (1 if fault == "drop_reply" else 3)
    assert [entry.sequence for entry in entries()] == list(range(1, number + more + 1))
    if write == "take":
        assert made.epoch == release.epoch + 1
        ledger.check(made)
    else:
        ledger.check(lease)


@pytest.mark.usefixtures("one_try")
def test_a_ledger_that_never_answers_is_a_conflict_in_the_end(
    misbehave: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from windtunnel.aws.ledger import table

    version = allocated()
    monkeypatch.setattr(table, "CONTENTION_SECONDS", 0.5)
    misbehave(kind="throttle", operation="dynamodb:TransactWriteItems", times=1000)
    with pytest.raises(CommitConflict, match="Run this again"):
        moved(version, "registered")
    assert states(version) == ["allocated"]
