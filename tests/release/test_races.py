"""Sixteen writers at once, again and again, against the embedded AWS: no version twice, none skipped, none reused.

The same race is run with an allocator that reads, adds one and writes without a condition. There the same test must
find versions that are used twice: so it is the conditions that keep them apart, and the test can see when they do not.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from botocore.config import Config

from tests import candidate
from tests.release import flight
from tests.release.flight import MODEL, moved
from windtunnel.aws import clients, ledger
from windtunnel.aws.ledger import table
from windtunnel.core.contracts import Entry, Gated, Lease, State
from windtunnel.core.errors import FenceLost, ReleaseRefused, VersionInvalid
from windtunnel.core.version import Version
from windtunnel.core.workkey import work_key

pytestmark = pytest.mark.usefixtures("lake_of_its_own", "a_client_each")
WRITERS = 16
RACES = int(os.environ.get("WINDTUNNEL_RACES", "250"))
"""The nightly lane runs a thousand. Without the conditions twenty find many duplicates, as the test below sees."""
type Race = Callable[[Sequence[Callable[[], Any]]], list[Any]]


@pytest.fixture
def a_client_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every thread has its own client, as every task has; it does without botocore's check of what we ask."""
    own = threading.local()
    monkeypatch.setattr(clients, "_CONFIG", clients._CONFIG.merge(Config(parameter_validation=False)))
    make = clients.client.__wrapped__  # type: ignore[attr-defined]

    def client(service: str) -> Any:
        if not hasattr(own, service):
            with making:
                setattr(own, service, make(service))
        return getattr(own, service)

    making = threading.Lock()  # boto3's default session may not be shared while it makes a client
    monkeypatch.setattr(table, "client", client)


@pytest.fixture
def race() -> Iterator[Race]:
    """Run sixteen calls that all begin at once."""
    start = threading.Barrier(WRITERS)

    def begin(call: Callable[[], Any]) -> Any:
        start.wait(60)
        return call()

    with ThreadPoolExecutor(WRITERS) as pool:

        def run(calls: Sequence[Callable[[], Any]]) -> list[Any]:
            assert len(calls) == WRITERS
            return [future.result() for future in [pool.submit(begin, call) for call in calls]]

        yield run


def works(number: int) -> int:
    """How many different works a race is about: mostly few, each wanted by several copies of a task, now and then all."""
    return WRITERS if number % 50 == 0 else 1 + number % 3


def wanted(number: int, work: int) -> Gated:
    """One of the works of a race."""
    plan = candidate.plan(work_key=work_key(race=number, work=work))
    return candidate.gated(evaluated=candidate.evaluated(plan=plan))


def raced(race: Race, allocate: Callable[[Gated], str], races: int) -> list[tuple[str, str]]:
    """What every writer got: work key and version, race after race."""
    got = []
    for number in range(races):
        gated = [wanted(number, writer % works(number)) for writer in range(WRITERS)]
        versions = race([partial(allocate, one) for one in gated])
        got += [(one.evaluated.plan.work_key, version) for one, version in zip(gated, versions, strict=True)]
    return got


def faults(got: Sequence[tuple[str, str]]) -> dict[str, int]:
    """How many works have more than one version, versions more than one work, and numbers no version at all."""
    pairs = set(got)
    autos = {Version.parse(version).auto for _, version in pairs}
    return {
        "works with several versions": sum(n > 1 for n in Counter(key for key, _ in pairs).values()),
        "versions used twice": sum(n > 1 for n in Counter(version for _, version in pairs).values()),
        "numbers skipped": max(autos) + 1 - len(autos),
    }


def naive(gated: Gated) -> str:
    """Read, add one, write, without a condition."""
    plan = gated.evaluated.plan
    counter, once = (MODEL, "counter"), (MODEL, f"once#{plan.work_key}")
    found = table.get([once, counter])
    if once in found:
        return str(found[once]["version"])
    auto = found[counter]["next"] if counter in found else 0
    version = str(Version(plan.tag, plan.revision, auto))
    writes = [table.put(counter, {"next": auto + 1}), table.put(once, {"version": version})]
    for write in writes:
        del write["Put"]["ConditionExpression"]
    assert table.commit(writes)
    return version


@pytest.mark.timeout(1500)
def test_races_give_no_duplicate_no_gap_and_no_second_version_of_a_work(race: Race) -> None:
    got = raced(race, ledger.allocate, RACES)
    assert len(got) == RACES * WRITERS
    assert faults(got) == {"works with several versions": 0, "versions used twice": 0, "numbers skipped": 0}
    records = ledger.versions(MODEL)
    assert [(record.work_key, record.version) for record in records] == sorted(
        set(got), key=lambda pair: Version.parse(pair[1])
    )
    entries = [Entry.from_json(item) for item in table.query(MODEL, "entry#")]
    assert [(entry.sequence, entry.version) for entry in entries] == [
        (at, record.version) for at, record in enumerate(records, start=1)
    ]


def test_without_the_conditions_the_same_race_finds_duplicates(race: Race) -> None:
    found = faults(raced(race, naive, 20))
    assert found["versions used twice"] > 0
    assert found["works with several versions"] > 0


def test_sixteen_owners_never_share_an_epoch(race: Race) -> None:
    for number in range(20):
        owners = [f"rollout:{number}-{writer // 2}" for writer in range(WRITERS)]  # each of them twice, as a twin is
        leases: list[Lease] = race([partial(ledger.take, MODEL, one, over=True) for one in owners])
        assert sorted(lease.epoch for lease in leases) == list(range(number * WRITERS + 1, (number + 1) * WRITERS + 1))


def test_of_opposite_decisions_at_once_one_stands(race: Race) -> None:
    answers: list[State] = ["approved", "rejected", "expired", "rehearsed"]

    def decide(version: str, state: State) -> Entry | None:
        try:
            return moved(version, state, by="rita")
        except VersionInvalid:
            return None

    for number in range(10):
        version = flight.allocated(f"Race {number}.")
        for state in flight.ON_THE_WAY[:-1]:
            moved(version, state)
        before = flight.states(version)
        wanted = [answers[writer % len(answers)] for writer in range(WRITERS)]
        made: list[Entry | None] = race([partial(decide, version, one) for one in wanted])
        after = flight.states(version)[len(before) :]
        assert {entry.state for entry in made if entry} == set(after)
        assert all(now in ledger.ALLOWED[then] for now, then in zip([before[-1], *after], after, strict=False))
        assert len({*after} & {"approved", "rejected"}) <= 1, "nobody says yes and no"


def test_of_sixteen_first_releases_at_once_one_goes_live(race: Race) -> None:
    versions = [flight.approved(f"Rollout {number}.") for number in range(WRITERS)]

    def roll_out(version: str) -> str | None:
        try:
            lease = ledger.take(MODEL, f"rollout:{version}", over=True)
            moved(version, "releasing", lease=lease)
            release = flight.release(version, lease, previous=None)
            return ledger.go_live(release, flight.proof(release)).version
        except (FenceLost, ReleaseRefused):
            return None

    (live,) = [version for version in race([partial(roll_out, one) for one in versions]) if version]
    champion = ledger.live(MODEL)
    assert champion is not None
    assert champion.version == live
    assert [record.version for record in ledger.versions(MODEL) if record.state == "live"] == [live]
