"""House rules of the DAG files, as assertions that name the DAG and the remedy."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

from windtunnel.core.catalog import model_names
from windtunnel.orchestration.people import ACCESS

DAGS = Path(__file__).parents[2] / "dags"
PATHS = sorted(DAGS.glob("*.py"))
PARTS = ("**What.**", "**Reads.**", "**Writes.**", "**When it fails.**", "**Owner.**")


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag

    sys.path.insert(0, str(DAGS))
    try:
        bag = DagBag(dag_folder=str(DAGS))
    finally:
        sys.path.remove(str(DAGS))
    assert bag.import_errors == {}
    return bag.dags


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_the_docstring_is_the_page_a_person_on_call_reads(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert docstring.startswith(f"# {path.stem}: "), f"{path.name}: start the docstring with `# {path.stem}: `"
    missing = [part for part in PARTS if part not in docstring]
    assert not missing, f"{path.name}: the docstring lacks {missing}"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_a_dag_file_is_wiring_only(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 120, f"{path.name}: move logic to a stage"
    assert "s3://" not in text, f"{path.name}: addresses belong to aws/"


def test_each_file_makes_one_dag_per_model(dags: dict[str, Any]) -> None:
    assert set(dags) == {f"{model}_{path.stem}" for model in model_names() for path in PATHS}


def test_every_task_has_retries_a_time_limit_and_an_owner(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        for task in dag.tasks:
            assert task.retries >= 1, f"{task}: give it retries"
            assert task.owner == "windtunnel", f"{task}: give it an owner"
            waits_for_a_person = task.task_type == "Approval"
            assert (task.execution_timeout is None) == waits_for_a_person, f"{task}: give it an execution_timeout"


def test_locked_dags_give_nobody_rights_beyond_reading(dags: dict[str, Any]) -> None:
    for name, dag in dags.items():
        stage = name.split("_", 1)[1]
        assert ("locked" in dag.tags) == (stage not in ACCESS), name
        assert bool(dag.access_control) == (stage in ACCESS), name


def test_stages_import_their_work_in_the_task_body() -> None:
    for path in PATHS:
        top = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom)]
        offenders = [
            node.module
            for node in top
            if node.module and node.module.startswith(("windtunnel.stages", "windtunnel.aws"))
        ]
        assert not offenders, f"{path.name}: import {offenders} inside the task"
