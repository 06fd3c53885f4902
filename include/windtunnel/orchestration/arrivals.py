"""When a source's months arrive: the schedule of `ingest`."""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import CronDataIntervalTimetable

from windtunnel.core.spec import Arrival
from windtunnel.core.window import Window

MONTHLY = "0 0 1 * *"


def every_month(arrival: Arrival) -> Any:
    """A month is due when it is over; of a source that ends, its months and no others.

    They are listed then, and not cut off by an `end_date` of the DAG: Airflow 3.3.1 gives a run that a person asks for
    after such a date no task at all, and calls it a success.
    """
    if arrival.last is None:
        return CronDataIntervalTimetable(MONTHLY, timezone="UTC")
    whole = Window.around([Window.month(arrival.first), Window.month(arrival.last)])
    # Not the SDK's: what Airflow 3.3.1 writes down of that one, it cannot read back.
    from airflow.timetables.events import EventsTimetable

    over = [pendulum.datetime(month.end.year, month.end.month, 1) for month in whole.months()]
    return EventsTimetable(over, description=f"Monthly, {arrival.first} to {arrival.last}")
