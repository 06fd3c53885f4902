"""What the pages say of ingestions, held against the lake, the quarantine and the messages of the refusals."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests.data.journey import HEADER, drop, ingest, trip
from tests.feed import pages
from windtunnel.__main__ import main
from windtunnel.aws import lake, objects, quarantine
from windtunnel.aws.clients import client
from windtunnel.aws.feed import documents, rejected
from windtunnel.core.contracts import Feed, FeedBatch, FeedSummary
from windtunnel.core.errors import DataRejected
from windtunnel.core.window import Window

JANUARY, FEBRUARY = Window.month("2020-01"), Window.month("2020-02")
GOOD = [trip("2020-01", at) for at in range(10)]
BAD = [f"b{at},2020-01-05,A1,{word},5" for at, word in enumerate(["many"] * 2 + ["99"])]


def refused(model: str, window: Window) -> DataRejected:
    with pytest.raises(DataRejected) as found:
        ingest(model, window)
    return found.value


def reports(feed: Feed, batch: FeedBatch) -> dict[str, str]:
    """Title -> address of a batch's data docs, each of them there."""
    named = {report.id: report for report in feed.reports}
    for report in batch.reports:
        assert named[report].id == documents.identity(named[report].address)
        assert objects.get(named[report].address)[:9].lower() == b"<!doctype"
    return {named[report].title: named[report].address for report in batch.reports}


def rows(batch: FeedBatch) -> list[list[str]]:
    assert batch.rejected is not None
    return list(csv.reader(io.StringIO(objects.get(batch.rejected).decode())))


def test_before_anything_happened_every_part_is_empty(trips: str) -> None:
    feed = pages.shown(trips)
    parts = ("versions", "entries", "services", "windows", "verdicts", "batches", "predictions", "reports")
    assert {name: getattr(feed, name) for name in parts} == dict.fromkeys(parts, ())
    summary = feed.summary
    assert (summary.versions, summary.champion, summary.verdict, summary.data_until) == (0, None, None, None)
    assert (summary.model, summary.metric, summary.windows, summary.refused) == (trips, "rmse", (), None)


def test_without_a_ledger_the_data_is_shown_all_the_same(trips: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from windtunnel.core.settings import settings

    drop("2020-01", GOOD)
    ingest(trips, JANUARY)
    monkeypatch.setenv("WINDTUNNEL_LEDGER_TABLE", "never-made")
    settings.cache_clear()
    feed = pages.shown(trips)
    assert [batch.label for batch in feed.batches] == ["2020-01"]
    assert (feed.entries, feed.summary.versions) == ((), 0)


def test_a_published_month_is_the_lakes_own(trips: str) -> None:
    drop("2020-01", GOOD)
    version = ingest(trips, JANUARY)
    feed = pages.shown(trips)
    (batch,) = feed.batches
    snapshot = lake.table(version.table).snapshot_by_id(int(version.snapshot_id))
    assert snapshot is not None
    assert (batch.published, batch.tag, batch.rows, batch.quarantined) == (True, version.tag, version.rows, 0)
    assert (batch.label, batch.start, batch.end) == ("2020-01", "2020-01-01", "2020-02-01")
    assert batch.at.timestamp() == pytest.approx(snapshot.timestamp_ms / 1000)
    assert (batch.reasons, batch.unmet, batch.rejected) == ((), (), None)
    shown = reports(feed, batch)
    assert list(shown) == ["2020-01, as it came", "2020-01, row by row", "2020-01, as published"]
    assert shown["2020-01, as published"] == version.report
    assert (feed.summary.data_until, feed.summary.data_at) == ("2020-02-01", batch.at)


def test_rows_set_aside_are_counted_by_reason_and_can_be_opened(trips: str) -> None:
    drop("2020-01", [*GOOD, *BAD])
    version = ingest(trips, JANUARY)
    (batch,) = pages.shown(trips).batches
    assert (batch.rows, batch.quarantined, batch.published) == (10, 3, True)
    assert [(found.reason, found.rows) for found in batch.reasons] == [
        ("`stops` is not a whole number", 2),
        ("`stops` is not 1 to 50", 1),
    ]
    held = lake.rows(quarantine.table_name(trips), str(version.quarantine_snapshot_id), JANUARY)
    header, *lines = rows(batch)
    assert header == ["source", "row", "reasons", "line", *HEADER.split(",")]
    assert [line[1:3] for line in lines] == [
        [str(row), reasons] for row, reasons in zip(held["_row"].to_pylist(), held["_reasons"].to_pylist(), strict=True)
    ]
    assert [",".join(line[4:]) for line in lines] == BAD


@pytest.mark.parametrize(
    ("body", "words", "titles"),
    [
        (["b,2020-01-05,A1,many,5"] * 15 + GOOD, "15 of 25 rows were to be set aside (60.0%); at most 50.0% may", 2),
        (b"trip,started_at,line,stops\n1,2020-01-01,A1,3\n", "The columns are those of the spec: it is ['trip'", 1),
        (b"trip\xff", "The file is no CSV in UTF-8: byte 4 is `0xff`", 1),
        ([], "The file has a row: it is 0", 1),
    ],
    ids=["over the budget", "other columns", "no text", "no rows"],
)
def test_a_refused_month_says_what_was_unmet(trips: str, body: Any, words: str, titles: int) -> None:
    drop("2020-01", body)
    refusal = refused(trips, JANUARY)
    feed = pages.shown(trips)
    (batch,) = feed.batches
    assert (batch.published, batch.tag, batch.rows, batch.label) == (False, None, None, "2020-01")
    assert batch.unmet[0].startswith(words), batch.unmet
    shown = reports(feed, batch)
    assert len(shown) == titles
    assert refusal.report in shown.values()
    assert (feed.summary.refused, feed.summary.data_until) == ("2020-01", None)
    if batch.quarantined:
        assert len(rows(batch)) == 16


def test_a_month_that_fails_its_audit_was_refused(trips: str) -> None:
    twice = trip("2020-01", 1)
    drop("2020-01", [*GOOD, twice.replace("2020-01-1,", "2020-01-x,")])
    ingest(trips, JANUARY)
    drop("2020-02", [trip("2020-02", at, minutes=9_999) for at in range(3)])
    refusal = refused(trips, FEBRUARY)
    newest, oldest = pages.shown(trips).batches
    assert (oldest.published, newest.published, newest.label) == (True, False, "2020-02")
    assert newest.unmet
    assert refusal.report is not None


def test_a_month_that_was_mended_stands_above_its_refusal(trips: str) -> None:
    drop("2020-01", [*GOOD, *BAD * 9])
    refused(trips, JANUARY)
    assert pages.shown(trips).summary.refused == "2020-01"
    drop("2020-01", GOOD)
    ingest(trips, JANUARY)
    feed = pages.shown(trips)
    assert [(batch.published, batch.quarantined) for batch in feed.batches] == [(True, 0), (False, 27)]
    assert (feed.summary.refused, feed.summary.data_until) == (None, "2020-02-01")


def test_a_window_of_months_has_the_pages_of_each(trips: str) -> None:
    drop("2020-01", GOOD)
    drop("2020-02", [trip("2020-02", at) for at in range(5)])
    ingest(trips, Window.parse("2020-01", "2020-03"))
    feed = pages.shown(trips)
    (batch,) = feed.batches
    assert (batch.rows, batch.start, batch.end) == (15, "2020-01-01", "2020-03-01")
    assert list(reports(feed, batch)) == [
        "2020-01, as it came",
        "2020-02, as it came",
        "2020-01, row by row",
        "2020-02, row by row",
        "2020-01, as published",
        "2020-02, as published",
    ]


@pytest.mark.parametrize("body", [b'{"rows": 1', b"[]", b'{"results": [{}]}'], ids=["cut", "a list", "other"])
def test_a_report_that_cannot_be_read_loses_no_other_batch(trips: str, body: bytes) -> None:
    drop("2020-01", [*GOOD, *BAD * 9])
    refusal = refused(trips, JANUARY)
    drop("2020-02", [trip("2020-02", at) for at in range(5)])
    ingest(trips, FEBRUARY)
    address = str(refusal.report).replace(".html", ".json")
    whole = objects.get(address)
    objects.put(address, body, content_type="application/json")
    february, january = sorted(pages.shown(trips).batches, key=lambda batch: batch.label, reverse=True)
    assert (february.published, february.rows) == (True, 5)
    assert january.unmet[0].startswith("The report `rows.json` cannot be read")
    objects.put(address, whole, content_type="application/json")
    mended = next(batch for batch in pages.shown(trips).batches if batch.label == "2020-01")
    assert mended.unmet[0].startswith("27 of 37 rows were to be set aside")


def test_what_was_shown_before_is_not_read_again(trips: str) -> None:
    drop("2020-01", [*GOOD, *BAD])
    ingest(trips, JANUARY)
    drop("2020-02", b"trip\n")
    refused(trips, FEBRUARY)
    first = pages.shown(trips)
    with pages.calls() as made:
        again = pages.shown(trips)
    assert pages.lasting(again) == pages.lasting(first)
    assert again.summary.generation == first.summary.generation + 1
    # Both documents before, and twice by this test; the newest verdict is looked for.
    assert made["s3:GetObject"] <= 4
    assert made["s3:PutObject"] == 2


@pytest.mark.parametrize(
    ("cell", "harmless"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("-5", "-5"),
        ("+3.25e-4", "+3.25e-4"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(cell: str, harmless: str) -> None:
    assert rejected.harmless(cell) == harmless


def test_rejected_rows_with_formulas_quotes_and_line_breaks_come_back_as_text(trips: str) -> None:
    evil = '"=HYPERLINK(""http://x"")\none",2020-01-05,"@A,1",99,5'
    drop("2020-01", [*GOOD, evil])
    ingest(trips, JANUARY)
    (batch,) = pages.shown(trips).batches
    _, line = rows(batch)
    assert line[4:] == ['\'=HYPERLINK("http://x")\none', "2020-01-05", "'@A,1", "99", "5"]


def test_so_many_rows_are_shown_and_no_more(trips: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected, "MOST_ROWS", 2)
    drop("2020-01", [*GOOD, *BAD])
    ingest(trips, JANUARY)
    (batch,) = pages.shown(trips).batches
    assert [line[1] for line in rows(batch)[1:]] == ["11", "12"]
    assert batch.quarantined == 3


def test_a_person_shows_a_model_from_a_shell(trips: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", trips]) == 0
    assert capsys.readouterr().out.startswith("Generation 1, read at 20")
    assert main(["show", trips, "--json"]) == 0
    assert FeedSummary.from_json(json.loads(capsys.readouterr().out)) == pages.standing(trips).summary
    assert main(["show", "tripps"]) == 1
    assert "Unknown model `tripps`. Known models: `trips`" in capsys.readouterr().err


def test_a_document_of_another_format_is_written_anew(trips: str) -> None:
    drop("2020-01", GOOD)
    ingest(trips, JANUARY)
    before = pages.shown(trips)
    for name in ("model.json", "summary.json"):
        objects.put(documents.address(trips, name), b'{"format": 0}', content_type="application/json")
    assert pages.lasting(pages.shown(trips)) == pages.lasting(before)
    client("s3").delete_object(Bucket=objects.split(documents.address(trips, ""))[0], Key=f"feed/{trips}/summary.json")
    assert pages.lasting(pages.shown(trips)) == pages.lasting(before)
