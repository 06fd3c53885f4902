"""Parsing a DAG file is paid every time the DAG processor looks at it, so it stays cheap."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "dags"


def parse(folder: Path = DAGS, extra_models: int = 0) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).with_name("parse.py")), str(folder), str(extra_models)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'include'}:{ROOT}", "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("path", sorted(DAGS.glob("*.py")), ids=lambda path: path.name)
def test_a_dag_file_parses_within_a_second_of_cpu_and_loads_nothing_heavy(path: Path, tmp_path: Path) -> None:
    (tmp_path / path.name).symlink_to(path)
    found = parse(tmp_path)
    assert found["heavy"] == [], f"{path.name} imports {found['heavy']} at parse: import it inside the task"
    assert found["cpu_s"][path.name] < 1.0


def test_twenty_more_models_cost_a_bounded_number_of_calls_each() -> None:
    """Some 50 tasks a model, for each of which Airflow makes some 2,500 calls: 125,000 were counted, about 50 ms."""
    few, many = parse()["calls"], parse(extra_models=20)["calls"]
    assert 1_000 < (many - few) / 20 < 140_000


def test_the_parse_check_sees_a_heavy_import(tmp_path: Path) -> None:
    (tmp_path / "careless.py").write_text("import pandas\n")
    assert "pandas" in parse(tmp_path)["heavy"]
