"""`readings`: Is this reading of a sensor out of the ordinary? Generated, one in twenty is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windtunnel.core.spec import Arrival, Column, Evaluation, ModelSpec, S3Csv, Serving, Windows

if TYPE_CHECKING:
    import pandas as pd


def derive(raw: pd.DataFrame) -> pd.DataFrame:
    """The tests make published rows."""
    return raw


SPEC = ModelSpec(
    name="readings",
    tag=1,
    revision=1,
    about="Is this reading of a sensor out of the ordinary? Generated, one in twenty is.",
    owner="tests",
    task="anomaly",
    source=S3Csv(prefix="s3://nowhere/readings/"),
    arrival=Arrival(first="2025-01"),
    raw_columns={"row": "string", "at": "timestamp"},
    columns=(
        Column(name="row", kind="string", about="Names the row."),
        Column(name="at", kind="timestamp", about="January trains, February judges."),
        Column(name="asked", kind="int64", about="Always 1."),
        Column(name="heat", kind="float64", about="As the data set has it.", nullable=True),
        Column(name="load", kind="float64", about="As the data set has it."),
        Column(name="sensor", kind="string", nullable=True, about="Of three or so; now and then missing."),
        Column(name="broken", kind="int64", later=True, about="The label."),
    ),
    derive=derive,
    key="row",
    event_time="at",
    eligible="asked",
    target="broken",
    unit="score",
    features=("heat", "load", "sensor"),
    quarantine_budget=0,
    windows=Windows(train_months=1),
    evaluation=Evaluation(season=("sensor",), slices=("sensor",), onnx_tolerance=0.0001),
    serving=Serving(plausible=(-1, 1)),
    example={"heat": 0.1, "load": -0.2, "sensor": "a"},
)
