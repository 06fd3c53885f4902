"""What the tests of the model share: the windows of the trial, and archives as SageMaker packs them."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from windtunnel.core.window import Window

TRAIN = Window.parse("2013-01", "2013-04")
HOLDOUT = Window.month("2013-04")

Predict = Callable[[pd.DataFrame], pd.Series]


def pack(folder: Path, archive: Path) -> None:
    """A folder's files as SageMaker packs them."""
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
