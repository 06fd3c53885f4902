"""One model trained on generated flights, and one server of it, for all tests of this folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.container.served import INCLUDE, Server, generated_flights, serving
from windtunnel.models.flights.spec import SPEC


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished training job."""
    folder = tmp_path_factory.mktemp("ml")
    channel = folder / "input" / "data" / "train"
    channel.mkdir(parents=True)
    generated_flights(3000).to_parquet(channel / "part.parquet", index=False)
    config = folder / "input" / "config"
    config.mkdir()
    window = {"window_start": "2013-01-01", "window_end": "2013-02-01"}
    (config / "hyperparameters.json").write_text(json.dumps({"model": "flights", "max_iter": "30", **window}))
    variables = {"SAGEMAKER_BASE_DIR": str(folder), "PYTHONPATH": str(INCLUDE)}
    subprocess.run([sys.executable, str(INCLUDE / "model_image" / "train")], env=os.environ | variables, check=True)
    return folder


@pytest.fixture(scope="session")
def server(base: Path) -> Iterator[Server]:
    """A running server of the trained model."""
    with serving(base) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: Server) -> httpx.Client:
    """The HTTP client of the running server."""
    return server.client


@pytest.fixture
def flight() -> dict[str, Any]:
    """One row of a request."""
    return dict(SPEC.example)
