"""The task that shows a model, in Airflow: it runs however the others ended, and changes nothing of how the run did."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.feed import pages
from tests.feed.showing_dags import ended
from windtunnel.aws.ledger import table
from windtunnel.core.contracts import Alert

pytestmark = [pytest.mark.usefixtures("lake_of_its_own"), pytest.mark.timeout(600)]


def test_a_run_is_shown_however_it_ended_and_ends_as_it_would_have(tmp_path: Path) -> None:
    found, log = ended(tmp_path)
    good = {"first": "success", "second": "success", "third": "success", "show": "success"}
    broken = {**good, "second": "failed", "third": "upstream_failed"}
    assert found == {
        "good": {"state": "success", "tasks": good},
        "skipped": {"state": "success", "tasks": {**dict.fromkeys(good, "skipped"), "show": "success"}},
        "failed": {"state": "failed", "tasks": broken},
        "retried": {"state": "failed", "tasks": broken},
        "not-shown": {"state": "success", "tasks": {**good, "show": "failed"}},
        "early": {"state": "success", "tasks": {**good, "show_now": "success"}},
    }, log
    assert pages.standing("flights").summary.generation == 6

    stored = [Alert.from_json(item["alert"]) for item in table.query("flights#outbox", "message#")]
    (late,) = [alert for alert in stored if alert.key.startswith("stale/")]
    assert (late.severity, late.title) == ("warning", "flights: the pages do not show the last run")
    assert "Unknown model `nobodys`" in late.text
    assert late.link.endswith("/tasks/show")
