"""Publishing when things go wrong: a killed process, a lost reply, a throttled call, a twin, a neighbour."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from windtunnel.aws import lake, objects, publication, tables
from windtunnel.aws.clients import client
from windtunnel.core.contracts import DatasetVersion
from windtunnel.core.errors import SourceMissing
from windtunnel.core.window import Window

SCHEMA = pa.schema([("id", pa.string()), ("at", pa.timestamp("us"))])
JANUARY, FEBRUARY, MARCH = (Window.month(f"2020-0{month}") for month in (1, 2, 3))


class Killed(BaseException):
    """Stands for a kill -9: nothing may catch it."""


def _stage(month: Window, work: str, rows: int = 3) -> tuple[str, str, Window]:
    """What `load` does; returns the arguments of `publish` after the table's name."""
    name = _name()
    tables.make_table(name, SCHEMA, "at")
    at = datetime(month.start.year, month.start.month, 15)  # noqa: DTZ001 - event times have no zone
    table = pa.table({"id": [f"{work} {number}" for number in range(rows)], "at": [at] * rows}, schema=SCHEMA)
    said = {
        "model": "things",
        "window-start": str(month.start),
        "window-end": str(month.end),
        "work-key": work,
        "rows": str(rows),
        "quarantined": "0",
        "report": "s3://nowhere/audit.html",
    }
    files = tables.write(name, table, month)
    snapshot = publication.stage(name, f"audit-{work}", files, month, {month.label: work}, said)
    return str(snapshot.snapshot_id), f"audit-{work}", month


def _ingest(month: Window, work: str, rows: int = 3) -> DatasetVersion:
    return publication.publish(_name(), *_stage(month, work, rows))


def _name() -> str:
    return lake.table_name("things")


def _ids(version: DatasetVersion, window: Window) -> list[str]:
    return sorted(lake.rows(version.table, version.snapshot_id, window)["id"].to_pylist())


def _whole(tags: int) -> DatasetVersion:
    """The current version, after checking that the table is in order: tags in a row, no branch, no unknown file."""
    table = lake.table(_name())
    assert sorted(table.refs()) == sorted(["main", *(f"d{number}" for number in range(1, tags + 1))])
    tagged = [ref.snapshot_id for name, ref in table.refs().items() if name != "main"]
    assert len(set(tagged)) == tags
    return lake.current("things")


@contextmanager
def _kill(at: int, event: str) -> Iterator[list[str]]:
    """Dies at the n-th call of AWS (0: never): before it is sent, or after it took effect."""
    calls: list[str] = []

    def count(**given: Any) -> None:
        calls.append(str(given.get("event_name")))
        if len(calls) == at:
            raise Killed

    services = [client("s3").meta.events, client("glue").meta.events]
    for events in services:
        events.register(f"{event}.*.*", count)
    try:
        yield calls
    finally:
        for events in services:
            events.unregister(f"{event}.*.*", count)


@pytest.mark.parametrize("event", ["before-send", "after-call"])
def test_killed_at_any_call_and_run_again_it_ends_the_same(event: str) -> None:
    _ingest(FEBRUARY, "before")
    with _kill(0, event) as calls:
        _ingest(JANUARY, "undisturbed")
    assert len(calls) >= 8
    for at in range(1, len(calls) + 1):
        with pytest.raises(Killed), _kill(at, event):
            _ingest(JANUARY, f"killed at {at}")
        version = _ingest(JANUARY, f"killed at {at}")
        assert version == _whole(tags=2 + at)
        assert _ids(version, JANUARY) == [f"killed at {at} {number}" for number in range(3)]
        assert len(_ids(version, FEBRUARY)) == 3


@pytest.mark.parametrize(
    ("operation", "times"),
    [("glue:UpdateTable", 1), ("glue:UpdateTable", 3), ("glue:CreateTable", 1), ("s3:PutObject", 4)],
)
def test_a_lost_reply_is_recognised_as_our_own_commit(
    misbehave: Callable[..., None], operation: str, times: int
) -> None:
    misbehave(kind="drop_reply", operation=operation, times=times)
    version = _ingest(JANUARY, "work")
    assert version == _whole(tags=1)
    assert _ids(version, JANUARY) == ["work 0", "work 1", "work 2"]
    assert len(_parquet()) == 1


def test_a_lost_reply_of_the_quarantine_keeps_the_rows_it_committed(misbehave: Callable[..., None]) -> None:
    name = _name()
    tables.make_table(name, SCHEMA, "at")
    rows = pa.table({"id": ["x"], "at": [datetime(2020, 1, 5)]}, schema=SCHEMA)  # noqa: DTZ001 - as above
    misbehave(kind="drop_reply", operation="glue:UpdateTable", times=1)
    snapshot = publication.overwrite(name, tables.write(name, rows, JANUARY), JANUARY, {"2020-01": "work"})
    assert lake.rows(name, str(snapshot.snapshot_id), JANUARY)["id"].to_pylist() == ["x"]
    again = publication.overwrite(name, tables.write(name, rows, JANUARY), JANUARY, {"2020-01": "work"})
    assert again.snapshot_id == snapshot.snapshot_id
    assert len(_parquet()) == 1


def test_throttled_calls_are_repeated(misbehave: Callable[..., None]) -> None:
    misbehave(kind="throttle", operation="glue:*", times=3)
    assert _ingest(JANUARY, "work") == _whole(tags=1)


def test_when_main_moved_the_audited_files_themselves_are_published_on_it() -> None:
    january, february = _stage(JANUARY, "one"), _stage(FEBRUARY, "two")
    audited = lake.files(_name(), february[0], FEBRUARY)
    publication.publish(_name(), *january)
    version = publication.publish(_name(), *february)
    assert version.snapshot_id != february[0]
    assert lake.files(_name(), version.snapshot_id, FEBRUARY) == audited
    assert (len(_ids(version, JANUARY)), len(_ids(version, FEBRUARY))) == (3, 3)
    assert publication.publish(_name(), *february) == version == _whole(tags=2)


def test_of_two_publications_of_a_month_the_later_holds_it_alone() -> None:
    old, new = _stage(JANUARY, "old", rows=5), _stage(JANUARY, "new", rows=2)
    first = publication.publish(_name(), *old)
    second = publication.publish(_name(), *new)
    assert (_ids(second, JANUARY), len(_ids(first, JANUARY))) == (["new 0", "new 1"], 5)
    assert publication.publish(_name(), *old) == first, "published already: a late twin must not publish it again"
    assert _whole(tags=2) == second


def test_a_twin_that_comes_late_finds_the_work_published() -> None:
    published = _ingest(JANUARY, "work")
    assert _stage(JANUARY, "work")[0] == published.snapshot_id
    assert _whole(tags=1) == published
    assert len(_parquet()) == 1


def test_writers_at_once_lose_nothing_and_share_no_tag() -> None:
    months = list(Window.parse("2020-01", "2020-07").months())
    _stage(JANUARY, "first, so that the table is there")
    versions = _at_once([partial(_ingest, month, month.label) for month in months])
    publication.drop_branch(_name(), "audit-first, so that the table is there")
    assert {version.tag for version in versions} == {f"d{number}" for number in range(1, 7)}
    current = _whole(tags=6)
    assert [len(_ids(current, month)) for month in months] == [3] * 6
    for version in versions:
        assert _ids(version, version.window) == [f"{version.window.label} {number}" for number in range(3)]


def test_the_same_work_at_once_is_one_version() -> None:
    versions = _at_once([partial(_ingest, MARCH, "work")] * 4)
    assert versions == [_whole(tags=1)] * 4
    assert _ids(versions[0], MARCH) == ["work 0", "work 1", "work 2"]
    assert len(_parquet()) == 1


def test_a_dropped_branch_cannot_be_published_and_can_be_made_anew() -> None:
    staged = _stage(JANUARY, "work")
    publication.drop_branch(_name(), staged[1])
    publication.drop_branch(_name(), staged[1])
    with pytest.raises(SourceMissing, match=r"never published: it was rejected or swept. Run `ingest`"):
        publication.publish(_name(), *staged)
    assert _ingest(JANUARY, "work") == _whole(tags=1)


def test_a_table_gets_the_columns_that_its_model_got() -> None:
    _ingest(JANUARY, "work")
    wider = SCHEMA.append(pa.field("size", pa.int64()))
    tables.make_table(_name(), wider, "at")
    tables.make_table(_name(), wider, "at")
    assert lake.table(_name()).schema().column_names == ["id", "at", "size"]
    version = _ingest(FEBRUARY, "more")
    rows = lake.rows(version.table, version.snapshot_id, Window.parse("2020-01", "2020-03"), ["size"])
    assert rows["size"].null_count == 6


def _at_once(calls: list[Callable[[], DatasetVersion]]) -> list[DatasetVersion]:
    barrier, made, faults = threading.Barrier(len(calls)), [], []

    def run(call: Callable[[], DatasetVersion]) -> None:
        barrier.wait()
        try:
            made.append(call())
        except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
            faults.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    return made


def _parquet() -> list[str]:
    return [uri for uri in objects.keys(f"{lake.table(_name()).location()}/data/") if uri.endswith(".parquet")]
