"""The rollback DAG in Airflow: its form, the waiting in a trigger, what its log tells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.release import released
from windtunnel.__main__ import main
from windtunnel.aws import ledger

pytestmark = pytest.mark.usefixtures("release_of_its_own", "patient")


def run_dag(form: dict[str, Any], home: Path, root: Path) -> tuple[dict[str, Any], str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"),
        "PYTHONPATH": os.pathsep.join([str(root / "include"), str(root)]),
    }
    result = home / "ended.json"
    program = [
        str(root / "tests/release/rollback_dag.py"),
        str(root / "dags/rollback.py"),
        json.dumps(form),
        str(result),
    ]
    said = ""
    for command in (["-m", "airflow", "db", "migrate"], program):
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, timeout=240)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-4000:]
    return json.loads(result.read_text()), said


def test_the_form_brings_the_last_good_version_back(tmp_path: Path, root: Path) -> None:
    released.release(released.approved("good"))
    released.release(released.approved("newer"))
    ended, log = run_dag({"reason": "Delays are wrong since noon."}, tmp_path, root)
    assert ended["tasks"] == {"recall": "success", "deploy": "success", "prove": "success"}
    assert ended["proof"]["version"] == "V1.1.0"
    champion = ledger.live("flights")
    assert champion is not None
    assert champion.version == "V1.1.0"
    assert "windtunnel-flights is Updating" in log
    assert "questions were answered as the new version does" in log
    assert "windtunnel-flights-return-errors" in log

    # The same without Airflow.
    assert main(["rollback", "flights", "--to", "V1.1.1", "--because", "It was not the model."]) == 0
    assert released.state("V1.1.1") == "live"
