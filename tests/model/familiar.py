"""One small model of each family, on real or generated rows: laid out, trained, judged, and a place to serve it from."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

import windtunnel.models
from tests.model.trials import INCLUDE, pack
from windtunnel.core import catalog
from windtunnel.core.window import Window
from windtunnel.ml.container import Container
from windtunnel.ml.evaluation import evaluate
from windtunnel.ml.evaluation_report import EvaluationReport
from windtunnel.ml.training import train
from windtunnel.serving import latency

FAMILIES = Path(__file__).parent / "families"
TRAIN, HOLDOUT = Window.month("2025-01"), Window.month("2025-02")


def published(name: str) -> pd.DataFrame:
    """Rows of a model: three quarters in January, the rest in February; some numbers and texts are missing."""
    random = np.random.default_rng(0)
    frame = {"tumours": _tumours, "readings": _readings}.get(name, _diabetes)(random)
    frame = frame.sample(frac=1, random_state=0, ignore_index=True)
    first = int(len(frame) * 0.75)
    days = np.concatenate([np.arange(first) % 31, 31 + np.arange(len(frame) - first) % 28])
    return frame.assign(
        row=[f"r{at:04}" for at in range(len(frame))],
        at=pd.Timestamp("2025-01-01") + pd.to_timedelta(days, unit="D"),
        asked=1,
    )


def _tumours(random: np.random.Generator) -> pd.DataFrame:
    given, benign = load_breast_cancer(return_X_y=True, as_frame=True)
    return pd.DataFrame(
        {
            "radius": given["mean radius"],
            "texture": given["mean texture"].where(random.random(len(given)) > 0.05),
            "concavity": given["mean concavity"],
            "worst_area": given["worst area"],
            "clinic": random.choice(np.array(["north", "south", None], dtype=object), len(given), p=[0.5, 0.4, 0.1]),
            "malignant": 1 - benign,
        }
    )


def _readings(random: np.random.Generator) -> pd.DataFrame:
    count = 800
    fault = random.random(count) < 0.05
    heat, load = random.normal(0, 1, (2, count)) + fault * random.choice([-6, 6], (2, count))
    return pd.DataFrame(
        {
            "heat": pd.Series(heat).where(random.random(count) > 0.03),
            "load": load,
            "sensor": random.choice(np.array(["a", "b", "c", None], dtype=object), count),
            "broken": fault.astype(np.int64),
        }
    )


def _diabetes(random: np.random.Generator) -> pd.DataFrame:
    given, progression = load_diabetes(return_X_y=True, as_frame=True)
    return pd.DataFrame(
        {
            "bmi": given["bmi"],
            "pressure": given["bp"].where(random.random(len(given)) > 0.1),
            "triglycerides": given["s5"],
            "ward": random.choice(np.array(["east", "west", "Überlingen", None], dtype=object), len(given)),
            "progression": progression,
        }
    )


@contextmanager
def only_families() -> Iterator[None]:
    """The models of this folder and no others, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windtunnel.models, "__path__", [str(FAMILIES), *windtunnel.models.__path__])
        patch.setattr(catalog, "MODELS", FAMILIES)
        _forget()
        yield
    _forget()


def _forget() -> None:
    for cached in (catalog.model_names, catalog.model_spec):
        cached.cache_clear()
    for name in [name for name in sys.modules if name.startswith("windtunnel.models.") and "flights" not in name]:
        del sys.modules[name]


def image(folder: Path) -> Path:
    """The package as an image has it, with the models of this folder: a PYTHONPATH."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(INCLUDE / "windtunnel", folder / "windtunnel", ignore=ignored)
    shutil.copy(FAMILIES / "family.py", folder / "windtunnel" / "models")
    for model in FAMILIES.glob("*/spec.py"):
        shutil.copytree(model.parent, folder / "windtunnel" / "models" / model.parent.name, ignore=ignored)
    return folder


def lay_out(name: str, base: Path, rows: pd.DataFrame | None = None, **hyperparameters: str) -> Container:
    """A training job as SageMaker lays it out."""
    container = Container.read({"SAGEMAKER_BASE_DIR": str(base)})
    container.channel("train").mkdir(parents=True)
    (published(name) if rows is None else rows).to_parquet(container.channel("train") / "part.parquet", index=False)
    container.hyperparameters.parent.mkdir(parents=True)
    window = {"window_start": str(TRAIN.start), "window_end": str(TRAIN.end)}
    container.hyperparameters.write_text(json.dumps({"model": name, **window, **hyperparameters}))
    return container


def trained(name: str, base: Path) -> Container:
    """A finished training job."""
    container = lay_out(name, base)
    train(container)
    return container


def judged(name: str, job: Container, base: Path) -> EvaluationReport:
    """The evaluation of a training job, on February."""
    container = Container.read({"SAGEMAKER_BASE_DIR": str(base)})
    for folder in ("model", "estimator"):
        container.processing(folder).mkdir(parents=True)
    pack(job.model, container.processing("model") / "model.tar.gz")
    pack(job.output, container.processing("estimator") / "output.tar.gz")
    for folder in ("train", "holdout"):
        container.processing(folder).symlink_to(job.channel("train"))
    asked: dict[str, Any] = {"model": name, "train-start": TRAIN.start, "train-end": TRAIN.end}
    asked |= {"holdout-start": HOLDOUT.start, "holdout-end": HOLDOUT.end}
    given = [text for key, value in asked.items() for text in (f"--{key}", str(value))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency, "MOST_SECONDS", 1)
        return evaluate(container, given, latency.measure)
