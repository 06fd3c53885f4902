"""Files that are wrong as a whole: refused with what came in, what is allowed and the report; nothing is published."""

from __future__ import annotations

import re

import pytest

from tests.data.journey import HEADER, drop, ingest, trip
from windtunnel.aws import lake, objects, quarantine
from windtunnel.aws.clients import client
from windtunnel.core.errors import DataRejected, SourceMissing
from windtunnel.core.window import Window
from windtunnel.stages.check import check
from windtunnel.stages.extract import extract

JANUARY = Window.month("2020-01")
GOOD = [trip("2020-01", at) for at in range(10)]


def _refused(model: str, body: bytes) -> DataRejected:
    drop("2020-01", body)
    with pytest.raises(DataRejected) as refused:
        ingest(model, JANUARY)
    return refused.value


def _lines(*lines: str) -> bytes:
    return "\n".join([*lines, ""]).encode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is empty: not even a header"),
        (_lines(HEADER), "fails `The file has a row: it is 0`"),
        (_lines("trip,started_at,line,stops", "1,2020-01-01,A1,3"), "missing `minutes`"),
        (_lines(HEADER.replace("stops", "halts"), *GOOD), "missing `stops`; unknown `halts`"),
        (_lines(HEADER + ",colour", *GOOD), "unknown `colour`"),
        (_lines("trip,started_at,line,stops,minutes,minutes", *GOOD), "twice `minutes`"),
        (_lines("started_at,trip,line,stops,minutes", *GOOD), "another order: `started_at`, `trip`"),
        (_lines(*GOOD), "missing `line`, `minutes`"),
    ],
    ids=["empty", "header only", "missing", "renamed", "extra", "twice", "reordered", "no header"],
)
def test_a_file_of_another_shape_is_refused_with_a_report(trips: str, body: bytes, words: str) -> None:
    refusal = _refused(trips, body)
    assert words in str(refusal)
    assert refusal.report is not None
    assert objects.get(refusal.report).startswith(b"<!DOCTYPE html>")
    assert objects.get_json(refusal.report.replace(".html", ".json"))["success"] is False
    with pytest.raises(SourceMissing):
        lake.current(trips)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (_lines(HEADER, *GOOD).decode().encode("utf-16"), "byte 0 is `0xff`, which is not UTF-8"),
        (_lines(HEADER, *GOOD).replace(b"A1", b"\xe9"), "which is not UTF-8"),
        (_lines(HEADER, *GOOD).replace(b"A1", b"A\0"), "is NUL"),
        (_lines(HEADER, f"1,2020-01-01,{'A' * 3_000_000},3,5"), "its rows cannot be read"),
    ],
    ids=["UTF-16", "latin-1", "NUL", "a cell of 3 MB"],
)
def test_what_is_no_text_is_refused(trips: str, body: bytes, words: str) -> None:
    assert words in str(_refused(trips, body))


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + _lines(HEADER, *GOOD),
        _lines(HEADER, *GOOD).replace(b"\n", b"\r\n"),
        _lines(HEADER, *GOOD).rstrip(),
        _lines(HEADER, *(",".join(f'"{cell}"' for cell in row.split(",")) for row in GOOD)),
    ],
    ids=["byte-order mark", "CRLF", "no last newline", "all quoted"],
)
def test_the_same_rows_in_other_clothes_are_the_same_dataset(trips: str, body: bytes) -> None:
    drop("2020-01", body)
    version = ingest(trips, JANUARY)
    rows = lake.rows(version.table, version.snapshot_id, JANUARY)
    assert (version.rows, version.quarantined) == (10, 0)
    assert rows["trip"].to_pylist() == [f"2020-01-{at}" for at in range(10)]
    assert set(rows["minutes"].to_pylist()) == {10.5}


def test_line_breaks_in_quotes_stay_in_their_cell(trips: str) -> None:
    drop("2020-01", [*GOOD, '"one\ntwo",2020-01-05,A1,3,5'])
    version = ingest(trips, JANUARY)
    rows = lake.rows(version.table, version.snapshot_id, JANUARY)
    assert rows["trip"].to_pylist()[-1] == "one\ntwo"


def test_more_bad_rows_than_the_budget_stop_the_batch_and_are_kept(trips: str) -> None:
    bad = [f"b{at},2020-01-05,A1,{word},5" for at, word in enumerate(["many"] * 9 + ["99"] * 6)]
    refusal = _refused(trips, _lines(HEADER, *GOOD, *bad))
    assert "15 of 25 rows" in str(refusal)
    assert "(60.0%); at most 50.0% may: `stops` is not a whole number (9); `stops` is not 1 to 50 (6)" in str(refusal)
    assert refusal.report is not None
    page = objects.get(refusal.report).decode()
    assert "`stops` is not a whole number</td><td>9</td>" in page
    with pytest.raises(SourceMissing):
        lake.current(trips)
    name = quarantine.table_name(trips)
    held = lake.rows(name, str(lake.table(name).current_snapshot().snapshot_id), JANUARY)  # type: ignore[union-attr]
    assert held["_row"].to_pylist() == list(range(11, 26))
    assert _data_files(trips) == []


def test_a_refused_batch_leaves_the_published_month_as_it_was(trips: str) -> None:
    drop("2020-01", GOOD)
    drop("2020-02", [trip("2020-02", 1)])
    published = ingest(trips, JANUARY)
    drop("2020-02", ["x,never,?,?,?"] * 5)
    with pytest.raises(DataRejected, match=r"5 of 5 rows of `s3://[^`]*2020-02/"):
        ingest(trips, Window.parse("2020-01", "2020-03"))
    assert lake.current(trips) == published
    assert len(_data_files(trips)) == 1


def test_a_month_that_fails_its_audit_is_never_seen_and_leaves_no_branch(trips: str) -> None:
    refusal = _refused(trips, _lines(HEADER, *(trip("2020-01", at, minutes=9_000) for at in range(10))))
    assert "`2020-01: The mean trip is under 500 minutes: it is 9000.0`" in str(refusal)
    assert list(lake.table(lake.table_name(trips)).refs()) == ["main"]
    drop("2020-01", GOOD)
    assert ingest(trips, JANUARY).tag == "d1"


def test_a_message_names_at_most_ten_reasons(trips: str) -> None:
    rows = [f"{at},2020-01-05,A1,3,5" for at in range(4)]
    rows += [trip(f"2021-{month:02d}", 1).replace("A1", "?").replace(",2,", ",x,") for month in range(1, 13)]
    refusal = _refused(trips, _lines(HEADER, *rows, *[f"{at},never,?,?,?" for at in range(8)]))
    assert len(re.findall(r" \([\d,]+\)(?:;| and|\.)", str(refusal))) <= 10


def test_bytes_that_changed_after_they_landed_are_not_read(trips: str) -> None:
    drop("2020-01", GOOD)
    (landed,) = extract(trips, JANUARY)
    bucket, key = objects.split(landed.uri)
    client("s3").put_object(Bucket=bucket, Key=key, Body=b"other bytes")
    with pytest.raises(DataRejected, match="was changed after it landed"):
        check(landed)


def test_what_looks_like_a_formula_is_data(trips: str) -> None:
    formula = "=cmd|' /C calc'!A0"
    drop("2020-01", [*GOOD, f'"{formula}",2020-01-05,A1,3,5', f'"{formula}",2020-01-05,<b>A1</b>,3,5'])
    version = ingest(trips, JANUARY)
    assert lake.rows(version.table, version.snapshot_id, JANUARY)["trip"].to_pylist()[-1] == formula
    (checked,) = (check(file) for file in extract(trips, JANUARY))
    assert "&lt;b&gt;A1&lt;/b&gt;" in objects.get(checked.report).decode()


def _data_files(model: str) -> list[str]:
    """Parquet files that lie under the table, whether a snapshot knows them or not."""
    location = lake.table(lake.table_name(model)).location()
    return [uri for uri in objects.keys(f"{location}/data/") if "_quarantine" not in uri]
