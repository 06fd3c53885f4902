"""The ledger against a model of it, in any order that Hypothesis thinks of: they agree after every step, or it is a bug.

The model is plain Python in one thread: lists, and the arrows between the states written down once more.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.release import flight
from tests.release.flight import MODEL
from tests.release.made import gated
from windtunnel.aws import ledger
from windtunnel.aws.clients import client
from windtunnel.aws.ledger import table
from windtunnel.core import settings as core
from windtunnel.core.contracts import Entry, Lease, State
from windtunnel.core.errors import FenceLost, LeaseHeld, ReleaseRefused, VersionInvalid

ARROWS: dict[State, str] = {
    "allocated": "registered",
    "registered": "rehearsed stopped",
    "rehearsed": "rehearsed shadowed stopped awaiting-approval",
    "shadowed": "rehearsed shadowed stopped awaiting-approval",
    "stopped": "rehearsed stopped",
    "awaiting-approval": "rehearsed awaiting-approval approved rejected expired",
    "expired": "rehearsed awaiting-approval",
    "rejected": "",
    "approved": "releasing",
    "releasing": "releasing live rolled-back",
    "live": "retired rolled-back",
    "retired": "releasing",
    "rolled-back": "releasing",
}
UNFENCED: list[State] = [
    state for state in ARROWS if state not in ("allocated", "releasing", "live", "retired", "rolled-back")
]
REACHED: Counter[str] = Counter()
"""What the steps came to, so that a machine that only ever stands still is noticed."""
picks = st.integers(min_value=0, max_value=10**6)
works = st.integers(min_value=0, max_value=3)


class Said(NamedTuple):
    """What the model remembers of an entry."""

    sequence: int
    version: str
    state: State
    by: str


class Model:
    """What the ledger should say."""

    def __init__(self) -> None:
        self.entries: list[Said] = []
        self.works: dict[int, str] = {}
        self.reigns: list[str] = []
        self.leases: list[Lease] = []
        self.free = True

    def of(self, version: str) -> list[Said]:
        return [said for said in self.entries if said.version == version]

    def state(self, version: str) -> State:
        return self.of(version)[-1].state

    def say(self, version: str, state: State, by: str) -> Said:
        self.entries.append(Said(len(self.entries) + 1, version, state, by))
        return self.entries[-1]

    @property
    def champion(self) -> str | None:
        return self.reigns[-1] if self.reigns else None

    def last_good(self) -> str | None:
        for version in reversed(self.reigns):
            standing = [said.state for said in self.of(version) if said.state != "releasing"]
            if version != self.champion and standing[-1] == "retired":
                return version
        return None

    def move(self, version: str, state: State, by: str, *, fenced_out: bool) -> Said | type[Exception]:
        if fenced_out:
            return FenceLost
        same = [said for said in self.of(version) if (said.state, said.by) == (state, by)]
        if same and same[-1] == self.of(version)[-1]:
            return same[-1]
        if state in ARROWS[self.state(version)].split():
            return self.say(version, state, by)
        return same[-1] if same else VersionInvalid

    def go_live(self, version: str, previous: str | None, by: str, *, rollback: bool) -> Said | type[Exception]:
        if self.of(version)[-1][2:] == ("live", by):
            return self.of(version)[-1]
        if previous != self.champion:
            return ReleaseRefused
        if self.state(version) != "releasing":
            return VersionInvalid
        if previous:
            self.say(previous, "rolled-back" if rollback else "retired", by)
        self.reigns.append(version)
        return self.say(version, "live", by)

    def fell_back(self, version: str, by: str) -> Said | type[Exception]:
        newest = self.of(version)[-1]
        if newest[2:] == ("rolled-back", f"{by} of it"):
            return newest
        return self.say(version, "rolled-back", f"{by} of it") if newest.state == "releasing" else VersionInvalid


class LedgerMachine(RuleBasedStateMachine):
    """Every rule does the same to the ledger and to the model."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setenv("WINDTUNNEL_LEDGER_TABLE", f"machine-{uuid.uuid4().hex[:12]}")
        core.settings.cache_clear()
        ledger.ensure()
        self.model = Model()

    def teardown(self) -> None:
        client("dynamodb").delete_table(TableName=core.settings().ledger_table)
        self.patch.undo()
        core.settings.cache_clear()

    def version(self, pick: int) -> str:
        known = sorted(self.model.works.values())
        return known[pick % len(known)]

    def lease(self, pick: int) -> Lease:
        """Mostly the newest."""
        return self.model.leases[-1 if pick % 4 else pick // 4 % len(self.model.leases)]

    def overtaken(self, lease: Lease) -> bool:
        return lease.epoch != len(self.model.leases)

    def agree(self, wanted: Said | type[Exception], call: Callable[[], Entry]) -> None:
        REACHED[wanted.state if isinstance(wanted, Said) else wanted.__name__] += 1
        if isinstance(wanted, Said):
            made = call()
            assert (made.sequence, made.version, made.state) == wanted[:3]
        else:
            with pytest.raises(wanted):
                call()

    @rule(work=works)
    def allocate(self, work: int) -> None:
        if work not in self.model.works:
            version = f"V1.1.{len(self.model.works)}"
            self.model.works[work] = version
            self.model.say(version, "allocated", "sam")
        assert ledger.allocate(gated(f"Work {work}.")) == self.model.works[work]

    @precondition(lambda self: self.model.works)
    @rule(pick=picks, state=st.sampled_from(UNFENCED), by=st.sampled_from(["sam", "rita"]))
    def move_anywhere(self, pick: int, state: State, by: str) -> None:
        version = self.version(pick)
        wanted = self.model.move(version, state, by, fenced_out=False)
        self.agree(wanted, lambda: flight.moved(version, state, by=by))

    @precondition(lambda self: self.model.works)
    @rule(pick=picks, arrow=picks)
    def move_along(self, pick: int, arrow: int) -> None:
        arrows = [state for state in UNFENCED if state in ARROWS[self.model.state(self.version(pick))].split()]
        if arrows:
            self.move_anywhere(pick, arrows[arrow % len(arrows)], "sam")

    @rule(work=works)
    def fly(self, work: int) -> None:
        """All the way from a number to a release under way, where it may."""
        self.allocate(work)
        pick = sorted(self.model.works.values()).index(self.model.works[work])
        for state in flight.ON_THE_WAY:
            if state in ARROWS[self.model.state(self.version(pick))].split():
                self.move_anywhere(pick, state, "sam")
        self.take("rollout:1", over=True)
        self.begin(pick, 1, "rita")

    @rule(work=works)
    def fly_live(self, work: int) -> None:
        """And into service, where one that began over something else is refused first."""
        self.fly(work)
        pick = sorted(self.model.works.values()).index(self.model.works[work])
        if self.model.champion:
            self.go_live(pick, 1, late=True, rollback=False)
        self.go_live(pick, 1, late=False, rollback=False)

    @precondition(lambda self: self.model.works and self.model.leases)
    @rule(pick=picks, which=picks, by=st.sampled_from(["sam", "rita"]))
    def begin(self, pick: int, which: int, by: str) -> None:
        version, lease = self.version(pick), self.lease(which)
        wanted = self.model.move(version, "releasing", by, fenced_out=self.overtaken(lease))
        self.agree(wanted, lambda: flight.moved(version, "releasing", by=by, lease=lease))
        self.look()

    @rule(owner=st.sampled_from(["rollout:1", "rollout:2", "shadow:1"]), over=st.booleans())
    def take(self, owner: str, over: bool) -> None:
        held = bool(self.model.leases) and not self.model.free and self.model.leases[-1].owner != owner
        if held and not over:
            with pytest.raises(LeaseHeld):
                ledger.take(MODEL, owner, seconds=3600)
            return
        lease = ledger.take(MODEL, owner, seconds=3600, over=over)
        assert lease.epoch == len(self.model.leases) + 1
        self.model.leases.append(lease)
        self.model.free = False

    @precondition(lambda self: self.model.leases)
    @rule(which=picks)
    def give_back(self, which: int) -> None:
        lease = self.lease(which)
        ledger.give_back(lease)
        self.model.free = self.model.free or not self.overtaken(lease)

    @precondition(lambda self: self.model.works and self.model.leases)
    @rule(pick=picks, which=picks, late=st.booleans(), rollback=st.booleans())
    def go_live(self, pick: int, which: int, late: bool, rollback: bool) -> None:
        version, lease = self.version(pick), self.lease(which)
        previous = None if late else ledger.live(MODEL)
        release = flight.release(version, lease, previous=previous, rollback=rollback)
        wanted: Any = FenceLost
        if not self.overtaken(lease):
            over = previous.version if previous else None
            wanted = self.model.go_live(version, over, "rita", rollback=rollback)
        self.agree(wanted, lambda: ledger.go_live(release, flight.proof(release)))
        self.look()

    @precondition(lambda self: self.model.works and self.model.leases)
    @rule(pick=picks, which=picks)
    def fall_back(self, pick: int, which: int) -> None:
        version, lease = self.version(pick), self.lease(which)
        release = flight.release(version, lease)
        wanted: Any = FenceLost if self.overtaken(lease) else self.model.fell_back(version, "rita")
        self.agree(wanted, lambda: ledger.fell_back(release, "No."))
        self.look()

    @invariant()
    def the_journal_is_the_same(self) -> None:
        found = [Entry.from_json(item) for item in table.query(MODEL, "entry#")]
        assert [(e.sequence, e.version, e.state) for e in found] == [said[:3] for said in self.model.entries]
        assert [e.at for e in found] == sorted(e.at for e in found)

    def look(self) -> None:
        """What is and was in service is the same, and every version stands where its history ends."""
        found = {record.version: record.state for record in ledger.versions(MODEL)}
        assert found == {version: self.model.state(version) for version in self.model.works.values()}
        live, good = ledger.live(MODEL), ledger.last_good(MODEL)
        assert (live and live.version) == self.model.champion
        assert (good and good.version) == self.model.last_good()
        assert live is None or ledger.live_at(MODEL, live.live_since) == live
        assert list(found.values()).count("live") == bool(live)


def test_the_arrows_are_those_of_the_ledger() -> None:
    assert {(now, after) for now, arrows in ARROWS.items() for after in arrows.split()} == {
        (now, after) for after, before in ledger.ALLOWED.items() for now in before
    }


@pytest.mark.usefixtures("lake_of_its_own")
def test_the_ledger_and_its_model_agree() -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=22,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )
    assert {"releasing", "rolled-back", "FenceLost", "ReleaseRefused", "VersionInvalid"} <= REACHED.keys(), REACHED
    assert REACHED["live"] >= 5, REACHED
