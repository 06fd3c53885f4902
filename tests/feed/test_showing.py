"""The task that shows a model, in Airflow: it runs however the others ended, and changes nothing of how the run did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.place import ROOT
from tests.feed import pages
from windtunnel.aws.ledger import table
from windtunnel.core.contracts import Alert

pytestmark = [pytest.mark.usefixtures("lake_of_its_own"), pytest.mark.timeout(1500)]
ENDINGS = ROOT / "tests/feed/dags/endings.py"


def endings(home: Path) -> tuple[dict[str, Any], str]:
    """How the runs of the DAGs ended, in Airflow with a database of its own; and what was logged."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ENDINGS.parent),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(ROOT)]),
    }
    said, result = "", home / "ended.json"
    for command in (["-m", "airflow", "db", "migrate"], [str(ENDINGS), str(result)]):
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, timeout=400)
        said += done.stdout + done.stderr
        assert done.returncode == 0, said[-4000:]
    return json.loads(result.read_text()), said


def test_a_run_is_shown_however_it_ended_and_ends_as_it_would_have(tmp_path: Path) -> None:
    found, log = endings(tmp_path)
    good = {"first": "success", "second": "success", "third": "success", "show": "success"}
    assert found == {
        "good": {"state": "success", "tasks": good},
        "skipped": {"state": "success", "tasks": {**dict.fromkeys(good, "skipped"), "show": "success"}},
        "failed": {"state": "failed", "tasks": {**good, "second": "failed", "third": "upstream_failed"}},
        "not-shown": {"state": "success", "tasks": {**good, "show": "failed"}},
        "early": {"state": "success", "tasks": {**good, "show_now": "success"}},
    }, log
    assert pages.standing("flights").summary.generation == 5

    stored = [Alert.from_json(item["alert"]) for item in table.query("flights#outbox", "message#")]
    assert sorted(alert.key.split("/")[0] for alert in stored) == ["failed", "stale"]
    late = next(alert for alert in stored if alert.key.startswith("stale/"))
    assert (late.severity, late.title) == ("warning", "flights: the pages do not show the last run")
    assert "Unknown model `nobodys`" in late.text
    assert late.link.endswith("/tasks/show")
