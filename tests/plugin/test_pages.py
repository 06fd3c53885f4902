"""What the pages show."""

from __future__ import annotations

import hashlib
import re
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.plugin import planted
from tests.plugin.conftest import MODELS, Pages
from windtunnel.core.contracts import feed as made
from windtunnel_ui import comparison, concerns, data, runs, timeline

A_SECOND_LOOK = 10.0
"""Longer than the pages keep what they read."""


def test_every_model_is_on_the_page_of_models(pages: Pages) -> None:
    shown = pages.get("/models")
    assert shown.status_code == 200
    assert all(f'href="/windtunnel/models/{model}"' in shown.text for model in MODELS)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/models/flights", "What was live when"),
        ("/models/flights/versions/V1.1.1", "Its way"),
        ("/models/flights/compare?left=V1.1.0&right=V1.1.2", "V1.1.0 beside V1.1.2"),
        ("/models/flights/drift", "Promised at most"),
        ("/models/flights/data", "Ingestions"),
        ("/models/flights/lineage", "Where one answer came from"),
        ("/models/flights/dossiers/V1.1.1", "has no dossier yet"),
    ],
)
def test_a_page_of_a_model_is_shown(pages: Pages, path: str, says: str) -> None:
    shown = pages.get(path)
    assert shown.status_code == 200, shown.text
    assert says in shown.text


def test_the_better_of_two_versions_is_marked_where_they_were_judged_on_the_same_rows(pages: Pages) -> None:
    shown = pages.get("/models/flights/compare?left=V1.1.0&right=V1.1.2").text
    assert "different rows" not in shown
    assert shown.index("18.40") < shown.index("18.38")
    assert 'class="better">18.38 better' in shown


def test_versions_that_were_judged_on_different_rows_are_not_called_better() -> None:
    versions = (planted.version(1, holdout="2026-05"), planted.version(0))
    rows = comparison.metrics(*(version.to_json() for version in versions))
    assert rows
    assert all(not row.better for row in rows)


def test_more_is_better_for_the_metrics_of_which_the_stages_say_so() -> None:
    from windtunnel.ml.metrics import MORE_IS_BETTER

    assert comparison.MORE_IS_BETTER == MORE_IS_BETTER


def test_what_is_not_there_is_said_with_what_is(pages: Pages) -> None:
    shown = pages.get("/models/flights/versions/V9.9.9")
    assert shown.status_code == 404
    assert "V1.1.2, V1.1.1, V1.1.0" in shown.text
    assert pages.get("/models/nothing").status_code == 404
    assert "needs `left`, `right`" in pages.get("/models/flights/compare").text


def test_a_model_of_which_nothing_was_written_yet_says_so(pages: Pages) -> None:
    assert pages.get("/models/bare").status_code == 404
    assert "Nothing has been written down" in pages.get("/models/bare").text
    assert "Nothing has happened yet: ingest its first month." in pages.get("/models").text


def test_a_document_of_another_format_takes_no_other_page_with_it(pages: Pages) -> None:
    pages.put_object("feed/broken/summary.json", b'{"format": 2}')
    pages.put_object("feed/broken/model.json", b"{")
    shown = pages.get("/models/broken")
    assert shown.status_code == 500
    assert "It is no JSON." in shown.text
    time.sleep(3.5)  # until what was kept of it is old
    everything = pages.get("/models").text
    assert "What the ledger says cannot be read." in everything
    assert 'href="/windtunnel/models/m49"' in everything


def test_the_chain_from_one_prediction_to_the_rows_that_taught_it(pages: Pages) -> None:
    said = {"version": "V1.1.1", "asked_at": "2026-01-20T10:00:00Z", "event_at": "2026-01-10T08:00:00", "answer": 7.5}
    digit = hashlib.sha256(b"one").hexdigest()[0]
    pages.put(planted.document("changing", predictions=(planted.month("2026-01", digits=1),)))
    pages.put_object(
        f"feed/changing/predictions/2026-01/{digit}.json", planted.json_of({"one": {**said, "label": 9.0}})
    )
    shown = pages.get("/models/changing/lineage?id=one").text
    for link in (
        "/versions/V1.1.1",
        "/data?window=2026-01",
        "/data?window=2026-03",
        "drift?window=2026-01-08_2026-01-15",
    ):
        assert link in shown
    assert "/data?window=2026-04" not in shown.split("The rows that taught it")[1]
    assert "7.50 minutes" in shown
    assert "-1.50 off" in shown
    assert "has the id <code>two</code>" in pages.get("/models/changing/lineage?id=two").text


def test_a_dossier_whose_bytes_are_not_those_that_were_recorded_is_called_so(pages: Pages) -> None:
    body = b"<!doctype html><title>Dossier</title><p>All is well."
    report = planted.report("dossier", pages.put_object("dossiers/cut/one.html", body))
    digest = hashlib.sha256(body).hexdigest()
    good, bad = (
        planted.version(at, dossier=report.id, dossier_sha256=recorded) for at, recorded in ((0, digest), (1, "0" * 64))
    )
    pages.put(planted.document("cut", versions=(bad, good), reports=(report,)))
    assert "These are the bytes that were recorded" in pages.get(f"/models/cut/dossiers/{good.version}").text
    shown = pages.get(f"/models/cut/dossiers/{bad.version}").text
    assert "<b>not</b> the bytes" in shown
    assert digest in shown
    served = pages.get(f"/models/cut/reports/{report.id}")
    assert served.content == body
    assert served.headers["content-security-policy"].startswith("sandbox; script-src 'none';")


def test_a_locked_dag_that_is_paused_says_by_whom(pages: Pages) -> None:
    held = pages.airflow().status("PATCH", "/dags/held_monitor", {"is_paused": True})
    assert held == 200
    shown = pages.get("/models").text
    assert "held_monitor is paused by admin: it runs for nobody." in shown
    assert re.search(r"Something is wrong with [a-z0-9, ]*\bheld\b", shown)
    assert pages.airflow().status("PATCH", "/dags/held_monitor", {"is_paused": False}) == 200
    assert "held_monitor is paused" not in pages.get("/models").text


def test_what_is_wrong_comes_first_and_has_one_word() -> None:
    failed = runs.Run("scheduled__1", "failed", datetime(2026, 1, 1, tzinfo=UTC))
    dags = {
        "ingest": runs.Dag("m_ingest", "ingest", locked=False, paused=True, paused_by=None, last=None),
        "train": runs.Dag("m_train", "train", locked=True, paused=False, paused_by=None, last=failed),
    }
    line = planted.document("m").summary.to_json() | {"away_seconds": 0.0, "data_due": "2026-02-01"}
    found = concerns.of(runs.Known("m", dags), line, datetime(2026, 3, 1, tzinfo=UTC).date())
    assert [concern.level for concern in found] == ["bad", "warn"]
    assert found[1].text == "New rows have been due since 2026-02-01, and ingest is paused."
    in_time = concerns.of(
        runs.Known("m", dags), line | {"data_due": "2026-04-01"}, datetime(2026, 3, 1, tzinfo=UTC).date()
    )
    assert [concern.text for concern in in_time if concern.level == "note"] == ["m_ingest is paused."]
    assert concerns.word(found) == ("bad", "Wrong")
    assert concerns.word([]) == ("note", "Well")
    assert found[0].airflow == "/dags/m_train/runs/scheduled__1"


def test_pages_answer_within_half_a_second_with_fifty_models_and_a_thousand_versions(pages: Pages) -> None:
    pages.put(planted.document("many", 1_000))
    for path in ("/models", "/models/many", "/models/m07", "/models/many/compare?left=V1.1.1&right=V1.1.900"):
        assert pages.get(path).status_code == 200
        took = min(pages.get(path).elapsed.total_seconds() for _ in range(5))
        assert took < 0.5, f"{path} took {took:.2f} s at best"


def test_airflow_loads_the_plugin_without_the_pages_where_nobody_looks_at_them() -> None:
    import os
    import sys

    from local.place import ROOT

    code = "import sys; import windtunnel_plugin as p; print([m for m in ('fastapi', 'jinja2', 'boto3') if m in sys.modules])"
    code += "; print([m for m in sys.modules if m.startswith('windtunnel.')])"
    paths = {"PYTHONPATH": str(ROOT / "plugins")}
    import_of_airflow = (
        "import airflow.plugins_manager, sys; print([m for m in ('fastapi', 'jinja2', 'boto3') if m in sys.modules])"
    )
    alone, with_plugin = (
        subprocess.run(
            [sys.executable, "-c", said], env={**os.environ, **paths}, capture_output=True, text=True, check=True
        )
        for said in (import_of_airflow, code)
    )
    assert with_plugin.stdout.splitlines() == [alone.stdout.strip(), "[]"]


@pytest.mark.parametrize(
    ("start", "end", "chosen"),
    [
        ("2013-01-01", "2013-02-01", ("2013-01", "2013-01")),
        ("2013-12-01", "2014-01-01", ("2013-12", "2013-12")),
        ("2013-02-01", "2013-05-01", ("2013-02", "2013-04")),
        ("2013-02-01", "2013-02-08", ("2013-02", "2013-02")),
    ],
)
def test_an_ingestion_is_run_again_by_its_months(start: str, end: str, chosen: tuple[str, str]) -> None:
    assert data.months({"start": start, "end": end}) == chosen


def test_everything_that_happened_is_on_exactly_one_part_of_the_timeline() -> None:
    entries = [
        made.FeedEntry(
            sequence=at, version="V1.1.0", state="live", at=planted.BEGAN + timedelta(hours=at // 3), by="", why=f"{at}"
        )
        for at in range(350)
    ]
    document = planted.document("m", entries=tuple(entries), verdicts=(), batches=()).to_json()
    told, before = [], ""
    for _ in range(10):
        part, before = timeline.happenings(document, before)
        told += [happening.text for happening in part]
        if not before:
            break
    assert sorted(told, key=int) == [f"{at}" for at in range(350)]
