"""The program `score`: what versions say to collected rows, and what is said of versions that cannot answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.model.test_evaluation import Logarithm, reason_of
from tests.model.trials import Predict, pack, run
from windtunnel.core.errors import DataRejected, SettingInvalid
from windtunnel.ml import artefact, scoring
from windtunnel.ml.container import Container
from windtunnel.ml.joined import CHAMPION_SAID, CONTROL_SAID, recorded, schema
from windtunnel.ml.scoring import score
from windtunnel.ml.scoring_report import ScoringReport
from windtunnel.models.flights.spec import SPEC


@pytest.fixture(scope="session")
def asked(flights: pd.DataFrame) -> pd.DataFrame:
    """Two days of April as requests."""
    april = flights[(flights["month"] == 4) & (flights["day"] <= 2) & (flights["departed"] == 1)]
    return april.reset_index(drop=True)


@pytest.fixture
def scoring_job(trained: Container, asked: pd.DataFrame, tmp_path: Path) -> Container:
    """Lays out a processing job with the rows and the trained model as champion."""
    container = Container.read({"SAGEMAKER_BASE_DIR": str(tmp_path)})
    for name in ("rows", "champion", "control"):
        container.processing(name).mkdir(parents=True)
    collected(container, asked)
    pack(trained.model, container.processing("champion") / "model.tar.gz")
    return container


def collected(container: Container, rows: pd.DataFrame) -> None:
    """Write rows as `collect` does."""
    declared = schema(SPEC)
    days = rows[SPEC.event_time].dt.date  # `day` of the published columns is that of the month
    known = rows.assign(**{recorded(name): rows[name] for name in SPEC.features}, day=days)
    table = pa.table({name: pa.array(known[name]) if name in known else pa.nulls(len(rows)) for name in declared.names})
    pq.write_table(table.cast(declared), container.processing("rows") / "predictions.parquet")


def versions(champion: Path, control: Path | None = None) -> list[str]:
    """The arguments for a champion and a control of these folders."""
    given = ["--model", "flights", "--champion-version", "V1.1.1", "--champion-sha256", artefact.read(champion).sha256]
    if control:
        given += ["--control-version", "V1.1.0", "--control-sha256", artefact.read(control).sha256]
    return given


def scored(container: Container) -> tuple[pd.DataFrame, ScoringReport]:
    folder = container.processing("scored")
    report = ScoringReport.model_validate_json((folder / "scored.json").read_text())
    return pd.read_parquet(folder / "scored.parquet"), report


def test_both_versions_answer_every_row_in_its_place(
    scoring_job: Container, trained: Container, another: Container, asked: pd.DataFrame, predict: Predict
) -> None:
    pack(another.model, scoring_job.processing("control") / "model.tar.gz")
    ended = run("score", scoring_job, *versions(trained.model, another.model))
    assert ended.returncode == 0, ended.stderr
    told, report = scored(scoring_job)
    assert list(told.columns) == ["flight_id", CHAMPION_SAID, CONTROL_SAID]
    assert told["flight_id"].tolist() == asked["flight_id"].tolist()
    assert told[CHAMPION_SAID].to_numpy() == pytest.approx(predict(asked).to_numpy(), abs=1e-6)
    assert (told[CONTROL_SAID] - told[CHAMPION_SAID]).abs().max() > 1  # it has a tenth of the trees
    assert report.rows == len(asked)
    assert report.control is not None
    for version in (report.champion, report.control):
        assert (version.why_not, version.unaskable, version.not_finite) == (None, 0, 0)
        assert version.tolerance == SPEC.evaluation.onnx_tolerance


def test_the_same_rows_give_the_same_bytes_whatever_the_batches(
    scoring_job: Container, trained: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    for rows_at_a_time in (scoring.BATCH_ROWS, 97):
        monkeypatch.setattr(scoring, "BATCH_ROWS", rows_at_a_time)
        score(scoring_job, versions(trained.model))
        folder = scoring_job.processing("scored")
        written.append(tuple((folder / name).read_bytes() for name in ("scored.parquet", "scored.json")))
    assert written[0] == written[1]
    told, report = scored(scoring_job)
    assert told[CONTROL_SAID].isna().all()
    assert report.control is None


def test_a_number_that_float32_does_not_hold_is_not_asked_and_the_others_are(
    scoring_job: Container, trained: Container, asked: pd.DataFrame, predict: Predict
) -> None:
    absurd = asked.copy()
    absurd.loc[3, "distance"] = 2**24 + 1
    absurd.loc[5, "dep_delay"] = 1e39
    absurd.loc[7, "dep_delay"] = np.nan
    collected(scoring_job, absurd)
    report = score(scoring_job, versions(trained.model))
    told, _ = scored(scoring_job)
    assert report.champion.unaskable == 2
    assert told.index[told[CHAMPION_SAID].isna()].tolist() == [3, 5]
    rest = absurd.drop(index=[3, 5])
    assert told[CHAMPION_SAID].drop(index=[3, 5]).to_numpy() == pytest.approx(predict(rest).to_numpy(), abs=1e-6)


@pytest.fixture
def remade(trained: Container, tmp_path: Path) -> Callable[..., Path]:
    """A control made of the trained model with something else in it, whole under digests of its own."""

    def remake(container: Container, **changes: object) -> Path:
        read = artefact.read(trained.model)
        model = changes.pop("model", read.model)
        signature = read.signature.model_copy(update=changes)
        assert isinstance(model, bytes)
        artefact.write(tmp_path / "remade", model, signature, read.golden)
        pack(tmp_path / "remade", container.processing("control") / "model.tar.gz")
        return tmp_path / "remade"

    return remake


def _features(container: Container, **changes: str) -> tuple[artefact.Feature, ...]:
    read = artefact.read(container.model).signature.features
    return tuple(feature.model_copy(update=changes) if feature.name == "distance" else feature for feature in read)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "runway"}, "It takes `runway`, which the rows do not have."),
        ({"kind": "string"}, "It takes `distance` as another kind of value than the rows have."),
    ],
    ids=["another feature", "another kind"],
)
def test_a_control_that_takes_something_else_says_nothing_with_the_reason(
    scoring_job: Container, trained: Container, remade: Callable[..., Path], change: dict[str, str], reason: str
) -> None:
    control = remade(scoring_job, features=_features(trained, **change))
    report = score(scoring_job, versions(trained.model, control))
    told, _ = scored(scoring_job)
    assert told[CONTROL_SAID].isna().all()
    assert told[CHAMPION_SAID].notna().all()
    assert report.control is not None
    assert report.control.why_not == reason


def test_a_control_that_predicts_something_else_or_fails_says_nothing(
    scoring_job: Container, trained: Container, remade: Callable[..., Path]
) -> None:
    report = score(scoring_job, versions(trained.model, remade(scoring_job, target="taxi_time")))
    assert report.control is not None
    assert str(report.control.why_not).startswith("It predicts `taxi_time` in minutes")

    no_model = remade(scoring_job, model=b"not a model")
    report = score(scoring_job, versions(trained.model, no_model))
    assert report.control is not None
    assert str(report.control.why_not).startswith("ONNX Runtime cannot load the model")

    fewer = artefact.read(trained.model).signature.features[:-1]
    report = score(scoring_job, versions(trained.model, remade(scoring_job, features=fewer)))
    assert report.control is not None
    assert str(report.control.why_not).startswith("The model takes")
    assert scored(scoring_job)[0][CONTROL_SAID].isna().all()


def test_answers_that_are_no_numbers_are_counted(
    scoring_job: Container, trained: Container, asked: pd.DataFrame, remade: Callable[..., Path]
) -> None:
    report = score(scoring_job, versions(trained.model, remade(scoring_job, model=Logarithm.onnx())))
    assert report.control is not None
    assert report.control.not_finite == (asked["dep_delay"] <= 0).sum() > 0


def test_an_artefact_that_was_altered_or_is_gone_says_nothing_and_the_reason_names_no_folder(
    scoring_job: Container, trained: Container, another: Container
) -> None:
    pack(another.model, scoring_job.processing("control") / "model.tar.gz")
    claimed = [*versions(trained.model), "--control-version", "V1.1.0", "--control-sha256", "0" * 64]
    report = score(scoring_job, claimed)
    assert report.control is not None
    assert str(report.control.why_not).startswith("The artefact in `model.tar.gz` has the digest")
    (scoring_job.processing("control") / "model.tar.gz").write_bytes(b"")
    report = score(scoring_job, claimed)
    assert report.control is not None
    assert "is not a whole tar.gz" in str(report.control.why_not)


def test_a_job_that_was_asked_wrongly_fails_with_its_reason(scoring_job: Container, trained: Container) -> None:
    assert run("score", scoring_job, "--model", "flights").returncode == 1
    assert reason_of(scoring_job).startswith("SettingInvalid: The job's ContainerArguments are wrong")
    with pytest.raises(SettingInvalid, match="give both or none"):
        score(scoring_job, [*versions(trained.model), "--control-version", "V1.1.0"])
    shutil.rmtree(scoring_job.processing("rows"))
    with pytest.raises(DataRejected, match="Give the rows that `collect` wrote"):
        score(scoring_job, versions(trained.model))
    scoring_job.processing("rows").mkdir()
    (scoring_job.processing("rows") / "predictions.parquet").write_text(json.dumps({}))
    with pytest.raises(DataRejected, match="cannot be read"):
        score(scoring_job, versions(trained.model))
