"""`progress`: How far will this diabetes go in a year? By kernels, which have no ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windtunnel.core.spec import Arrival, Column, Evaluation, ModelSpec, S3Csv, Serving, Windows

if TYPE_CHECKING:
    import pandas as pd


def derive(raw: pd.DataFrame) -> pd.DataFrame:
    """The tests make published rows."""
    return raw


SPEC = ModelSpec(
    name="progress",
    tag=1,
    revision=1,
    about="How far will this diabetes go in a year? By kernels, which have no ONNX.",
    owner="tests",
    task="regression",
    source=S3Csv(prefix="s3://nowhere/progress/"),
    arrival=Arrival(first="2025-01"),
    raw_columns={"row": "string", "at": "timestamp"},
    columns=(
        Column(name="row", kind="string", about="Names the row."),
        Column(name="at", kind="timestamp", about="January trains, February judges."),
        Column(name="asked", kind="int64", about="Always 1."),
        Column(name="bmi", kind="float64", about="As the data set has it."),
        Column(name="pressure", kind="float64", about="As the data set has it.", nullable=True),
        Column(name="triglycerides", kind="float64", about="As the data set has it."),
        Column(name="ward", kind="string", nullable=True, about="Of three or so; now and then missing."),
        Column(name="progression", kind="float64", later=True, about="The label."),
    ),
    derive=derive,
    key="row",
    event_time="at",
    eligible="asked",
    target="progression",
    unit="points",
    features=("bmi", "pressure", "triglycerides", "ward"),
    quarantine_budget=0,
    windows=Windows(train_months=1),
    evaluation=Evaluation(season=("ward",), slices=("ward",), onnx_tolerance=0.001),
    serving=Serving(plausible=(-500, 1000)),
    example={"bmi": 0.06, "pressure": 0.02, "triglycerides": 0.01, "ward": "east"},
)
