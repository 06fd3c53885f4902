"""docs/add-a-model.md, run: its code blocks become a model, its rows go through what ingests, checks and trains."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import windtunnel.models
from local.place import ROOT, VENVS
from tests.documents import first_column, programs
from windtunnel.core import catalog
from windtunnel.core.errors import SpecInvalid
from windtunnel.core.hyperparameters import declared
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.ml import baselines, raw, rows, schema
from windtunnel.ml.expectations import Validated, numbers_to_64_bit, validate
from windtunnel.ml.hyperparameters import resolve
from windtunnel.ml.metrics import quality

DOCUMENT = ROOT / "docs" / "add-a-model.md"
FOLDER = Path("include/windtunnel/models/parcels")
MONTHS = ("2025-01", "2025-02", "2025-03")
SHOWN = programs(DOCUMENT)


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A models folder with nothing but what the document shows."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "parcels").mkdir()
    (folder / "parcels" / "__init__.py").touch()
    for title, text in SHOWN.items():
        if Path(title).parent == FOLDER:
            (folder / "parcels" / Path(title).name).write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windtunnel.models, "__path__", [str(folder), *windtunnel.models.__path__])
        patch.setattr(catalog, "MODELS", folder)
        _forget()
        yield folder
    _forget()


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return catalog.model_spec("parcels")


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("outside")
    (folder / "drop.py").write_text(SHOWN["drop.py"], encoding="utf-8")
    sys.path.insert(0, str(folder))
    yield importlib.import_module("drop")
    sys.path.remove(str(folder))
    del sys.modules["drop"]


@pytest.fixture(scope="module")
def published(spec: ModelSpec, drop: ModuleType) -> dict[str, pd.DataFrame]:
    """Month -> its rows as `ingest` publishes them."""
    return {month: _published(spec, drop.parcels(month).to_csv(index=False)) for month in MONTHS}


def test_the_document_shows_all_files_of_a_model() -> None:
    flagship = {path.name for path in (ROOT / "include/windtunnel/models/flights").glob("*.py")} - {"__init__.py"}
    assert {Path(title).name for title in SHOWN if Path(title).parent == FOLDER} == flagship


@pytest.mark.parametrize("title", SHOWN)
def test_the_files_keep_the_house_rules(title: str) -> None:
    for rule in (["check"], ["format", "--check"]):
        name = title if Path(title).parent == FOLDER else "tests/drop.py"
        command = [str(VENVS / "airflow/bin/ruff"), *rule, "--no-cache", "--stdin-filename", name, "-"]
        done = subprocess.run(command, cwd=ROOT, input=SHOWN[title], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{title}: {done.stdout}{done.stderr}"


def test_the_table_of_fields_names_fields_that_exist() -> None:
    declared = {*ModelSpec.model_fields}
    declared |= {name for field in ("evaluation", "serving", "windows") for name in _nested(field)}
    named = first_column(DOCUMENT, "field")
    assert len(named) >= 10
    assert set(named) <= declared


def test_airflow_shows_the_dags_that_the_document_names() -> None:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(ROOT / "dags"))
    assert bag.import_errors == {}
    assert set(bag.dags) == {f"parcels_{path.stem}" for path in (ROOT / "dags").glob("*.py")}
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [name for name in bag.dags if f"`{name}`" not in text] == []


def test_its_rows_lie_in_the_months_that_the_spec_expects(spec: ModelSpec, drop: ModuleType) -> None:
    assert spec.source.prefix == "s3://windtunnel/drop/parcels/"  # type: ignore[union-attr]  # an S3Csv
    for month in Window.parse(spec.arrival.first, "2025-05").months():
        made = drop.parcels(month.label)
        assert list(made.columns) == list(spec.raw_columns)
        assert all(month.holds(moment) for moment in pd.to_datetime(made["left_at"]))
        assert made.equals(drop.parcels(month.label))


def test_good_rows_meet_all_expectations(published: dict[str, pd.DataFrame], drop: ModuleType) -> None:
    for month, typed in published.items():
        assert len(typed) == len(drop.parcels(month))
        assert _judged("rows", typed).flagged == {}
        assert _judged("audit", typed).unmet == ()


@pytest.mark.parametrize(
    ("column", "value", "moment", "reason"),
    [
        ("parcel", "X1", "raw", "`parcel` is no label"),
        ("distance_km", 900.0, "rows", "`distance_km` lies outside 0 to 200"),
        ("minutes", -3.0, "rows", "`minutes` lies outside a day"),
    ],
)
def test_a_bad_row_is_flagged_for_the_reason_that_is_written_down(
    spec: ModelSpec, drop: ModuleType, column: str, value: Any, moment: str, reason: str
) -> None:
    month = drop.parcels("2025-01")
    month[column] = month[column].astype(object)
    month.loc[6, column] = value
    text = month.to_csv(index=False)
    frame = _text(spec, text).values() if moment == "raw" else _published(spec, text)
    assert _judged(moment, frame).flagged == {reason: [7]}


def test_the_audit_refuses_a_parcel_that_stands_twice_and_a_month_that_mostly_came_back(
    published: dict[str, pd.DataFrame],
) -> None:
    month = published["2025-01"]
    twice = pd.concat([month, month.head(1)], ignore_index=True)
    assert [line.split(":")[0] for line in _judged("audit", twice).unmet] == ["No parcel stands twice"]
    gone = month.assign(minutes=month["minutes"].where(month.index % 2 == 0))
    assert [line.split(":")[0] for line in _judged("audit", gone).unmet] == ["At most 10 % of the parcels came back"]


def test_the_estimator_beats_the_seasonal_forecast(spec: ModelSpec, published: dict[str, pd.DataFrame]) -> None:
    module = catalog.model_estimator("parcels")
    labelled = {month: frame.dropna(subset=["minutes"]) for month, frame in published.items()}
    train, holdout = pd.concat([labelled["2025-01"], labelled["2025-02"]]), labelled["2025-03"]
    model = module.build(resolve(module.HYPERPARAMETERS, {})).fit(rows.features(train, spec), train["minutes"])
    mine = quality(holdout["minutes"], model.predict(rows.features(holdout, spec)))
    naive = quality(holdout["minutes"], baselines.seasonal_naive(train, holdout, spec))
    assert mine.rmse < 0.5 * naive.rmse
    assert mine.rmse < 10  # the noise of the made-up rows is 5 minutes


def test_the_retrain_form_reads_its_hyperparameters() -> None:
    assert declared("parcels") == catalog.model_estimator("parcels").HYPERPARAMETERS


def test_the_program_of_the_image_trains_it_to_onnx(
    models: Path, spec: ModelSpec, published: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    """The program `train`, as SageMaker runs it, on a copy of the package that has the folder of the document."""
    include = tmp_path / "include"
    shutil.copytree(ROOT / "include" / "windtunnel", include / "windtunnel")
    shutil.copytree(models / "parcels", include / "windtunnel" / "models" / "parcels")
    base = tmp_path / "ml"
    for folder in ("input/config", "input/data/train"):
        (base / folder).mkdir(parents=True)
    asked = {"model": "parcels", "window_start": "2025-01", "window_end": "2025-03", "max_iter": "50"}
    (base / "input/config/hyperparameters.json").write_text(json.dumps(asked))
    for month, frame in published.items():
        table = schema.to_arrow(frame, schema.arrow_schema(spec))
        pq.write_table(table, base / "input/data/train" / f"{month}.parquet")

    done = subprocess.run(
        [str(VENVS / "model_image" / "bin" / "python"), str(ROOT / "include" / "model_image" / "train")],
        env={"PATH": os.defpath, "PYTHONPATH": str(include), "SAGEMAKER_BASE_DIR": str(base)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert (base / "model" / "model.onnx").stat().st_size > 0
    signature = json.loads((base / "model" / "signature.json").read_text())
    assert [feature["name"] for feature in signature["features"]] == list(spec.features)
    golden = json.loads((base / "model" / "golden.json").read_text())
    assert np.ptp(golden["predictions"]) > 20  # a constant would not tell a near door from a far one


def test_the_spec_refuses_its_own_label_as_a_feature(spec: ModelSpec) -> None:
    features = (*spec.features, "minutes")
    values = {name: getattr(spec, name) for name in ModelSpec.model_fields}
    with pytest.raises(SpecInvalid, match="uses `minutes` as a feature, known only after the prediction"):
        ModelSpec(**{**values, "features": features, "example": dict.fromkeys(features, 1)})


def _forget() -> None:
    for cached in (catalog.model_names, catalog.model_spec):
        cached.cache_clear()
    for name in [name for name in sys.modules if name.startswith("windtunnel.models.parcels")]:
        del sys.modules[name]


def _nested(field: str) -> list[str]:
    return list(ModelSpec.model_fields[field].annotation.model_fields)  # type: ignore[union-attr]  # a model


def _text(spec: ModelSpec, text: str) -> raw.RawFile:
    return raw.read(text.encode(), list(spec.raw_columns))


def _published(spec: ModelSpec, text: str) -> pd.DataFrame:
    failed = schema.Failed()
    frame = schema.derived(spec, schema.typed(spec, _text(spec, text).values(), failed), failed)
    assert failed.counts() == {}
    return frame


def _judged(moment: str, frame: pd.DataFrame) -> Validated:
    expectations = getattr(catalog.model_expectations("parcels"), moment)()
    return validate(numbers_to_64_bit(frame), expectations, moment)
