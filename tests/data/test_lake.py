"""Readers get exactly the files and rows of the snapshot they name."""

from __future__ import annotations

import gc
import threading

import pyarrow as pa
import pytest

from tests.data.journey import drop, ingest, trip
from windtunnel.aws import lake, objects
from windtunnel.aws.clients import client
from windtunnel.core.contracts import DatasetVersion
from windtunnel.core.errors import SourceMissing, WindowInvalid
from windtunnel.core.settings import settings
from windtunnel.core.window import Window

YEAR = Window.parse("2020-01", "2021-01")


@pytest.fixture
def version(trips: str) -> DatasetVersion:
    """January, February and April of trips, 28 of each, one a day."""
    for month in ("2020-01", "2020-02", "2020-04"):
        drop(month, [trip(month, at) for at in range(28)])
    ingest(trips, Window.parse("2020-01", "2020-03"))
    return ingest(trips, Window.month("2020-04"))


def test_files_are_the_snapshots_own_oldest_first(version: DatasetVersion) -> None:
    files = lake.files(version.table, version.snapshot_id, YEAR)
    assert [file.rows for file in files] == [28, 28, 28]
    assert [uri.split("_month=")[1][:7] for uri, _, _ in files] == ["2020-01", "2020-02", "2020-04"]
    assert all(len(objects.get(file.uri)) == file.size_bytes for file in files)
    assert all(file.uri.startswith(f"s3://{settings().bucket}/lake/") for file in files)


@pytest.mark.parametrize(
    ("start", "end", "files", "rows"),
    [
        ("2020-02", "2020-03", 1, 28),
        ("2020-01-20", "2020-02-03", 2, 9 + 2),
        ("2020-02-29", "2020-04-02", 1, 1),
        ("2019-01", "2022-01", 3, 84),
    ],
)
def test_a_window_gets_its_rows_and_the_files_they_lie_in(
    version: DatasetVersion, start: str, end: str, files: int, rows: int
) -> None:
    window = Window.parse(start, end)
    assert len(lake.files(version.table, version.snapshot_id, window)) == files
    found = lake.rows(version.table, version.snapshot_id, window, ("trip", "started_at"))
    assert (found.num_rows, found.column_names) == (rows, ["trip", "started_at"])
    assert all(window.holds(moment) for moment in found["started_at"].to_pylist())


def test_batches_come_a_month_at_a_time(version: DatasetVersion) -> None:
    batches = list(lake.batches(version.table, version.snapshot_id, YEAR))
    assert [batch.num_rows for batch in batches] == [28, 28, 28]
    assert pa.concat_tables(batches).equals(lake.rows(version.table, version.snapshot_id, YEAR))


def test_rows_that_were_read_are_let_go_at_once(version: DatasetVersion) -> None:
    lake.rows(version.table, version.snapshot_id, YEAR)
    gc.collect()
    held = pa.total_allocated_bytes()
    gc.disable()
    try:
        for _ in range(5):
            lake.rows(version.table, version.snapshot_id, YEAR)
        assert pa.total_allocated_bytes() == held
    finally:
        gc.enable()


def test_a_window_without_rows_is_answered_with_the_months_there_are(version: DatasetVersion) -> None:
    for read in (lake.files, lake.rows):
        with pytest.raises(
            WindowInvalid, match=r"no rows in `2020-03-01\.\.2020-04-01`\. It has: `2020-01`, `2020-02`, `2020-04`"
        ):
            read(version.table, version.snapshot_id, Window.month("2020-03"))


def test_extent_and_months(version: DatasetVersion) -> None:
    assert lake.extent(version.table, version.snapshot_id) == Window.parse("2020-01", "2020-05")
    labels = [month.label for month in lake.months(version.table, version.snapshot_id)]
    assert labels == ["2020-01", "2020-02", "2020-04"]


def test_a_version_is_found_by_tag_by_snapshot_and_as_the_current_one(trips: str, version: DatasetVersion) -> None:
    assert lake.dataset_version(trips, tag="d2") == version
    assert lake.dataset_version(trips, snapshot_id=version.snapshot_id) == version
    assert lake.current(trips) == version
    assert lake.dataset_version(trips, tag="d1").window == Window.parse("2020-01", "2020-03")


@pytest.mark.parametrize("wanted", [{"tag": "d9"}, {"tag": "main"}, {"snapshot_id": "1"}, {"snapshot_id": "d1"}])
def test_a_version_that_is_none_is_answered_with_those_there_are(
    trips: str, version: DatasetVersion, wanted: dict[str, str]
) -> None:
    with pytest.raises(SourceMissing, match=r"Published: `d1`, `d2`"):
        lake.dataset_version(trips, **wanted)
    with pytest.raises(SourceMissing, match=r"has no snapshot `soon`"):
        lake.rows(version.table, "soon", YEAR)


def test_a_model_that_was_never_ingested_says_what_to_do(trips: str) -> None:
    with pytest.raises(SourceMissing, match=r"has no table `.*\.trips`. Run `ingest`"):
        lake.current(trips)


def test_bucket_and_database_are_made_once_by_however_many() -> None:
    faults: list[BaseException] = []

    def ensure() -> None:
        try:
            lake.ensure()
        except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
            faults.append(error)

    client("glue").delete_database(Name=settings().database)
    threads = [threading.Thread(target=ensure) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert client("glue").get_database(Name=settings().database)["Database"]["Name"] == settings().database
