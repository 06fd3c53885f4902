"""`python -m windtunnel predict` on the endpoint that the journey brought into service."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from local.environment import environment
from local.place import ROOT
from local.traffic import departures
from tests.e2e.journey import MODEL, Journey, windtunnel
from windtunnel.core.window import Window
from windtunnel.models.flights.spec import SPEC

DAY = Window(start=date(2013, 5, 20), end=date(2013, 5, 21))
KEPT = [SPEC.key, *SPEC.features]


@pytest.fixture(scope="module")
def flights(journey: Journey) -> list[dict[str, Any]]:
    """The departures of a day."""
    del journey  # its data are there
    rows = departures(MODEL, DAY)[KEPT].astype(object)
    found = rows.where(rows.notna(), None).to_dict(orient="records")
    return [{str(name): value for name, value in row.items()} for row in found]


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, KEPT[::-1])
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def test_every_row_of_a_file_gets_the_endpoints_answer(
    journey: Journey, flights: list[dict[str, Any]], tmp_path: Path
) -> None:
    many = flights * (5_000 // len(flights) + 1)  # more than one part
    said = windtunnel(journey, "predict", MODEL, "--file", written(tmp_path / "flights.csv", many))
    answered = list(csv.DictReader(said.splitlines()))
    assert [row[SPEC.key] for row in answered] == [row[SPEC.key] for row in many]
    plain = [{name: row[name] for name in SPEC.features} for row in flights]
    asked = journey.stack.aws("sagemaker-runtime").invoke_endpoint(
        EndpointName=f"windtunnel-{MODEL}", ContentType="application/json", Body=json.dumps({"instances": plain})
    )
    wanted = json.loads(asked["Body"].read())["predictions"]
    assert [float(row["prediction"]) for row in answered[: len(flights)]] == wanted
    assert [row["prediction"] for row in answered[-1:]] == [answered[len(many) % len(flights) - 1]["prediction"]]


def test_one_row_is_explained_by_what_each_feature_adds(journey: Journey, flights: list[dict[str, Any]]) -> None:
    row = json.dumps({name: flights[0][name] for name in SPEC.features})
    told = dict(line.split() for line in windtunnel(journey, "explain", MODEL, "--row", row).splitlines())
    assert set(told) == {"prediction", "base", *SPEC.features}
    values = {name: float(value) for name, value in told.items()}
    assert values.pop("prediction") == pytest.approx(sum(values.values()), abs=0.01)


def test_a_value_that_the_model_refuses_is_told_with_its_row_in_the_file(
    journey: Journey, flights: list[dict[str, Any]], tmp_path: Path
) -> None:
    many = flights * (5_000 // len(flights) + 1)
    many[-1] = many[-1] | {"distance": "far"}
    told = refused(journey, written(tmp_path / "flights.csv", many))
    assert f"Row {len(many) - 1} of the file: Column `distance`" in told
    assert "'far'" in told


def test_a_file_without_a_feature_is_refused_before_anything_is_asked(journey: Journey, tmp_path: Path) -> None:
    (tmp_path / "flights.csv").write_text("flight_id,carrier\n1,UA\n")
    assert "`distance`" in refused(journey, str(tmp_path / "flights.csv"))
    assert "cannot be read" in refused(journey, str(tmp_path / "nothing.csv"))


def refused(journey: Journey, path: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "windtunnel", "predict", MODEL, "--file", path],
        env=environment(journey.stack.where) | {"PYTHONPATH": str(ROOT / "include")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout
    return done.stderr
