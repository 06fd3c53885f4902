"""What the tests of the model share: the windows of the trial, the programs as SageMaker starts and packs them."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from windtunnel.core.window import Window
from windtunnel.ml.container import Container

TRAIN = Window.parse("2013-01", "2013-04")
HOLDOUT = Window.month("2013-04")

INCLUDE = Path(__file__).parents[2] / "include"

Predict = Callable[[pd.DataFrame], pd.Series]


def pack(folder: Path, archive: Path) -> None:
    """A folder's files as SageMaker packs them."""
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)


def run(program: str, container: Container, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program of the image in a process of its own, on a container's folders."""
    variables = {"SAGEMAKER_BASE_DIR": str(container.base), "PYTHONPATH": str(INCLUDE), **environment}
    command = [sys.executable, str(INCLUDE / "model_image" / program), *arguments]
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True)
