"""The fitted estimator of the bench, as every peer loads and asks it: a scikit-learn pipeline on a pandas frame."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import skops.io

FOLDER = Path(os.environ["WINDTUNNEL_BENCH"])
FEATURES = os.environ["WINDTUNNEL_BENCH_FEATURES"].split(",")


def load() -> Any:
    """The pipeline; its types are trusted because the bench has just trained it."""
    file = FOLDER / "estimator.skops"
    return skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))


def predictions(estimator: Any, frame: pd.DataFrame) -> list[float]:
    """One number per row."""
    found: list[float] = estimator.predict(frame[FEATURES]).tolist()
    return found
