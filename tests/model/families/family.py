"""What the specs of these models share: January trains, February judges, and one text has a few values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from windtunnel.core.spec import Arrival, Column, Evaluation, ModelSpec, S3Csv, Serving, Windows

if TYPE_CHECKING:
    import pandas as pd


def derive(raw: pd.DataFrame) -> pd.DataFrame:
    """The tests make published rows."""
    return raw


def number(name: str, *, nullable: bool = False) -> Column:
    """A feature."""
    return Column(name=name, kind="float64", about="As the data set has it.", nullable=nullable)


def label(name: str, kind: Any) -> Column:
    """What is predicted."""
    return Column(name=name, kind=kind, later=True, about="The label.")


def family(
    *,
    name: str,
    about: str,
    task: Any,
    numbers: tuple[Column, ...],
    text: str,
    target: Column,
    unit: str,
    tolerance: float,
    plausible: tuple[float, float],
    example: Mapping[str, Any],
) -> ModelSpec:
    """The spec of a model of some numbers and one text."""
    columns = (
        Column(name="row", kind="string", about="Names the row."),
        Column(name="at", kind="timestamp", about="January trains, February judges."),
        Column(name="asked", kind="int64", about="Always 1."),
        *numbers,
        Column(name=text, kind="string", nullable=True, about="Of three or so; now and then missing."),
        target,
    )
    return ModelSpec(
        name=name,
        tag=1,
        revision=1,
        about=about,
        owner="tests",
        task=task,
        source=S3Csv(prefix=f"s3://nowhere/{name}/"),
        arrival=Arrival(first="2025-01"),
        raw_columns={"row": "string", "at": "timestamp"},
        columns=columns,
        derive=derive,
        key="row",
        event_time="at",
        eligible="asked",
        target=target.name,
        unit=unit,
        features=(*(column.name for column in numbers), text),
        quarantine_budget=0,
        windows=Windows(train_months=1),
        evaluation=Evaluation(season=(text,), slices=(text,), onnx_tolerance=tolerance),
        serving=Serving(plausible=plausible),
        example=dict(example),
    )


def diabetes(name: str, about: str, tolerance: float = 0.001) -> ModelSpec:
    """The spec of a model of scikit-learn's diabetes."""
    return family(
        name=name,
        about=about,
        task="regression",
        numbers=(number("bmi"), number("pressure", nullable=True), number("triglycerides")),
        text="ward",
        target=label("progression", "float64"),
        unit="points",
        tolerance=tolerance,
        plausible=(-500, 1000),
        example={"bmi": 0.06, "pressure": 0.02, "triglycerides": 0.01, "ward": "east"},
    )
