"""`trips`: a model as small as can be, for the tests of ingestion; it exercises every kind of column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windtunnel.core.spec import Arrival, Column, Evaluation, ModelSpec, S3Csv, Serving, Windows

if TYPE_CHECKING:
    import pandas as pd


def derive(raw: pd.DataFrame) -> pd.DataFrame:
    """Adds whether a trip finished. It knows no ghosts."""
    if (raw["line"] == "ghost").any():
        raise LookupError("no such line")
    return raw.assign(finished=raw["minutes"].notna().astype("int64"))


SPEC = ModelSpec(
    name="trips",
    tag=1,
    revision=1,
    about="Minutes of a bus trip.",
    owner="windtunnel",
    task="regression",
    source=S3Csv(prefix="s3://trips-source/"),
    arrival=Arrival(first="2020-01"),
    raw_columns={
        "trip": "string",
        "started_at": "timestamp",
        "line": "string",
        "stops": "int64",
        "minutes": "float64",
    },
    columns=(
        Column(name="trip", kind="string", about="Its number."),
        Column(name="started_at", kind="timestamp", about="Departure."),
        Column(name="line", kind="string", about="Bus line."),
        Column(name="stops", kind="int64", about="Stops on the way."),
        Column(name="minutes", kind="float64", nullable=True, later=True, about="Minutes under way."),
        Column(name="finished", kind="int64", about="1 when it arrived."),
    ),
    derive=derive,
    key="trip",
    event_time="started_at",
    eligible="finished",
    target="minutes",
    unit="minutes",
    features=("line", "stops"),
    quarantine_budget=0.5,
    windows=Windows(train_months=1),
    evaluation=Evaluation(season=("line",), onnx_tolerance=0.001),
    serving=Serving(plausible=(0, 600)),
    example={"line": "A1", "stops": 4},
)
