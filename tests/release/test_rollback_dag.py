"""The rollback DAG in Airflow: its form, the waiting in a trigger, what its log tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.release import released
from tests.release.in_airflow import run_dag
from windtunnel.__main__ import main
from windtunnel.aws import ledger

pytestmark = pytest.mark.usefixtures("release_of_its_own", "patient")


def test_the_form_brings_the_last_good_version_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released.release(released.approved("good"))
    released.release(released.approved("newer"))
    monkeypatch.setenv("WINDTUNNEL_WATCH_SECONDS", "3")  # long enough for a look while traffic moves
    ended, log = run_dag("rollback", {"reason": "Delays are wrong since noon."}, tmp_path)
    assert ended["tasks"] == {"recall": "success", "deploy": "success", "prove": "success", "show": "success"}
    assert ended["made"]["prove"]["version"] == "V1.1.0"
    champion = ledger.live("flights")
    assert champion is not None
    assert champion.version == "V1.1.0"
    assert "windtunnel-flights is Updating" in log
    assert "questions were answered as the new version does" in log
    assert "windtunnel-flights-return-errors" in log

    # The same without Airflow.
    assert main(["rollback", "flights", "--to", "V1.1.1", "--because", "It was not the model."]) == 0
    assert released.state("V1.1.1") == "live"
