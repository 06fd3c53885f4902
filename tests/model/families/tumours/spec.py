"""`tumours`: Is this tumour malignant? The Wisconsin data set of scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windtunnel.core.spec import Arrival, Column, Evaluation, ModelSpec, S3Csv, Serving, Windows

if TYPE_CHECKING:
    import pandas as pd


def derive(raw: pd.DataFrame) -> pd.DataFrame:
    """The tests make published rows."""
    return raw


SPEC = ModelSpec(
    name="tumours",
    tag=1,
    revision=1,
    about="Is this tumour malignant? The Wisconsin data set of scikit-learn.",
    owner="tests",
    task="classification",
    source=S3Csv(prefix="s3://nowhere/tumours/"),
    arrival=Arrival(first="2025-01"),
    raw_columns={"row": "string", "at": "timestamp"},
    columns=(
        Column(name="row", kind="string", about="Names the row."),
        Column(name="at", kind="timestamp", about="January trains, February judges."),
        Column(name="asked", kind="int64", about="Always 1."),
        Column(name="radius", kind="float64", about="As the data set has it."),
        Column(name="texture", kind="float64", about="As the data set has it.", nullable=True),
        Column(name="concavity", kind="float64", about="As the data set has it."),
        Column(name="worst_area", kind="float64", about="As the data set has it."),
        Column(name="clinic", kind="string", nullable=True, about="Of three or so; now and then missing."),
        Column(name="malignant", kind="int64", later=True, about="The label."),
    ),
    derive=derive,
    key="row",
    event_time="at",
    eligible="asked",
    target="malignant",
    unit="probability",
    features=("radius", "texture", "concavity", "worst_area", "clinic"),
    quarantine_budget=0,
    windows=Windows(train_months=1),
    evaluation=Evaluation(season=("clinic",), slices=("clinic",), onnx_tolerance=1e-05),
    serving=Serving(plausible=(0, 1)),
    example={"radius": 14.1, "texture": 19.3, "concavity": 0.09, "worst_area": 880.6, "clinic": "north"},
)
