"""A run that hangs is told of, by Airflow's own deadlines: with what 3.3.1 does wrong, and what we do about it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.place import ROOT
from windtunnel.aws.ledger import table
from windtunnel.core.contracts import Alert
from windtunnel.orchestration import alerting

pytestmark = pytest.mark.usefixtures("lake_of_its_own")
STAGES = {path.stem for path in (ROOT / "dags").glob("*.py")}


def told() -> list[Alert]:
    return [Alert.from_json(item["alert"]) for item in table.query("flights#outbox", "message#")]


@pytest.fixture
def overdue(tmp_path: Path) -> dict[str, Any]:
    """What became of the runs of overdue.py."""
    folder, result = tmp_path / "dags", tmp_path / "told.json"
    folder.mkdir()
    shutil.copy(ROOT / "dags/deliver.py", folder)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")},
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(ROOT)]),
    }
    program = [str(ROOT / "tests/monitor/overdue.py"), str(folder), str(result)]
    for command in (["-m", "airflow", "db", "migrate"], program):
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    said: dict[str, Any] = json.loads(result.read_text())
    return said


def test_only_a_run_that_hangs_is_told_of(overdue: dict[str, Any]) -> None:
    assert overdue["first"] == "", "no run has ended, so there is no average"
    assert overdue["second"].startswith("1:00:30"), "half a minute on average, and an hour more"
    assert overdue["edited"].startswith("1:00:30"), (
        "Airflow loses a deadline that stays as it was while its DAG changes"
    )
    assert overdue["cleared"] == "running", "Airflow cannot clear a run whose deadline counts from `queued_at`"
    assert overdue["failed"]["state"] == overdue["hangs"]["state"] == "success"
    assert "is `failed`" in overdue["failed"]["body"], "Airflow asks about failed runs too"
    assert overdue["hangs"]["body"] == "Told: flights: deliver hangs, 3.0 h so far"
    (message,) = told()
    assert message.key == "hangs/flights_deliver/edited"
    assert message.link.endswith("/dags/flights_deliver/runs/edited")


def test_every_stage_has_a_deadline_or_waits_for_people() -> None:
    assert set(alerting.LONGER_THAN_USUAL) == STAGES - {"approve", "retrain"}
    assert {stage for stage in STAGES if alerting.deadline(stage) is None} == {"approve", "retrain"}


def test_another_code_is_another_deadline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def kwargs() -> dict[str, Any]:
        alerting._code.cache_clear()
        deadline = alerting.deadline("train")
        assert deadline
        return deadline.callback.kwargs

    try:
        before = kwargs()
        assert kwargs() == before, "or each parse would make a version of the DAG"
        shutil.copytree(ROOT / "include/windtunnel/core", tmp_path / "core")
        monkeypatch.setattr(alerting, "_PACKAGE", tmp_path)
        (tmp_path / "core/spec.py").write_text("# other words\n")
        assert kwargs()["code"] != before["code"]
    finally:
        alerting._code.cache_clear()


@pytest.mark.parametrize(
    ("state", "hours", "severity"), [("running", 3.0, "warning"), ("running", 0.5, None), ("queued", 3.0, None)]
)
def test_a_run_that_waits_or_began_anew_does_not_hang(state: str, hours: float, severity: str | None) -> None:
    began = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    run = {"dag_id": "flights_train", "dag_run_id": "asset__1", "state": state, "start_date": began}
    said = asyncio.run(alerting.hangs({"dag_run": run}, 7_200, "code"))
    assert said.startswith("Told: " if severity else "Not told: ")
    assert [message.severity for message in told()] == ([severity] if severity else [])


def test_a_rollout_that_hangs_gets_somebody_up() -> None:
    began = (datetime.now(UTC) - timedelta(hours=9)).isoformat()
    run = {"dag_id": "flights_rollout", "dag_run_id": "asset__1", "state": "running", "start_date": began}
    for _ in range(2):
        asyncio.run(alerting.hangs({"dag_run": run}, 14_400, "code"))
    (message,) = told()
    assert message.severity == "page"
    assert re.fullmatch(r"flights: rollout hangs, 9\.0 h so far", message.title)
