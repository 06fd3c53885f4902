"""Real flights of January to April, and one model trained on the first three months, for all tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import pandas as pd
import pytest

from tests.model.trials import TRAIN, Predict, pack, run
from windtunnel.core.spec import PackageCsv
from windtunnel.ml import artefact, rows, schema
from windtunnel.ml.container import Container
from windtunnel.ml.matrix import columns
from windtunnel.ml.scorer import scorer_of
from windtunnel.models.flights.spec import SPEC


@pytest.fixture(scope="session")
def source() -> pd.DataFrame:
    """Typed source rows of January to April."""
    assert isinstance(SPEC.source, PackageCsv)
    file = distribution(SPEC.source.distribution).locate_file(SPEC.source.member)
    text = pd.read_csv(str(file), dtype=str, na_values=["NA"], keep_default_na=False)
    return schema.typed(SPEC, text[text["month"].isin(list("1234"))], schema.Failed())


@pytest.fixture(scope="session")
def flights(source: pd.DataFrame) -> pd.DataFrame:
    """Published rows of January to April."""
    return schema.derived(SPEC, source, schema.Failed())


@pytest.fixture(scope="session")
def snapshot(flights: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the dataset: one per month, as the lake partitions them."""
    folder = tmp_path_factory.mktemp("snapshot")
    for month, frame in flights.groupby("month"):
        path = folder / "data" / f"scheduled_at_month=2013-{month:02d}" / "part.parquet"
        path.parent.mkdir(parents=True)
        frame.to_parquet(path, index=False)
    return folder


@pytest.fixture(scope="session")
def job(snapshot: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Container]:
    """Lays out a training job as SageMaker does: its folder with the channel and the hyper-parameters."""

    def lay_out(**hyperparameters: str) -> Container:
        container = Container.read({"SAGEMAKER_BASE_DIR": str(tmp_path_factory.mktemp("ml"))})
        container.channel("train").parent.mkdir(parents=True)
        container.channel("train").symlink_to(snapshot)
        container.hyperparameters.parent.mkdir(parents=True)
        window = {"window_start": str(TRAIN.start), "window_end": str(TRAIN.end)}
        container.hyperparameters.write_text(json.dumps({"model": SPEC.name, **window, **hyperparameters}))
        return container

    return lay_out


@pytest.fixture(scope="session")
def trained(job: Callable[..., Container]) -> Container:
    """A finished training job with the default hyper-parameters."""
    container = job()
    assert run("train", container).returncode == 0
    return container


@pytest.fixture(scope="session")
def another(job: Callable[..., Container]) -> Container:
    """A finished training job with fewer trees: whole, but not the model under test."""
    container = job(max_iter="20")
    assert run("train", container).returncode == 0
    return container


@pytest.fixture(scope="session")
def predict(trained: Container) -> Predict:
    """Predictions of the trained artefact for published rows, or for requests."""
    scorer = scorer_of(artefact.read(trained.model))
    return lambda frame: pd.Series(scorer.score(columns(rows.features(frame, SPEC))), index=frame.index)


@pytest.fixture
def evaluation(trained: Container, snapshot: Path, tmp_path: Path) -> Container:
    """Lays out a processing job that evaluates the trained model; tests may spoil its inputs."""
    container = Container.read({"SAGEMAKER_BASE_DIR": str(tmp_path)})
    for name in ("model", "estimator"):
        container.processing(name).mkdir(parents=True)
    pack(trained.model, container.processing("model") / "model.tar.gz")
    pack(trained.output, container.processing("estimator") / "output.tar.gz")
    for name in ("train", "holdout"):
        container.processing(name).symlink_to(snapshot)
    return container
