"""What a month of flights must look like: as text, row by row, and as a whole before anybody reads it.

An expectation on a column's rows sends the rows that miss it to quarantine, with `description` as the reason; any
other stops the file. Bounds are wider than anything in 2013, so that they catch faults and not weather.
"""

from __future__ import annotations

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column

_CLOCK = r"^(?:\d|[1-5]\d|(?:[1-9]|1\d|2[0-3])[0-5]\d|2400)$"
_CLOCKS = ("dep_time", "sched_dep_time", "arr_time", "sched_arr_time")


def raw() -> list[Expectation]:
    """On the file as text, before anything is read as a number; nulls are checked where a value is required."""
    return [
        gxe.ExpectTableRowCountToBeBetween(min_value=1_000, description="A month has at least 1,000 flights"),
        *(
            gxe.ExpectColumnValuesToMatchRegex(column=column, regex=_CLOCK, description=f"`{column}` is no HHMM time")
            for column in _CLOCKS
        ),
        _text("carrier", r"^[0-9A-Z]{2}$", "two letters or digits"),
        _text("dest", r"^[A-Z]{3}$", "three letters"),
        _text("tailnum", r"^[0-9A-Z]{4,6}$", "four to six letters or digits"),
        _text("time_hour", r"^\d{4}-\d{2}-\d{2}T\d{2}:00:00Z$", "a full hour in UTC"),
        gxe.ExpectColumnValuesToBeInSet(
            column="origin", value_set=["EWR", "JFK", "LGA"], description="`origin` is not EWR, JFK or LGA"
        ),
    ]


def rows() -> list[Expectation]:
    """On the published columns, row by row; numbers only, which Great Expectations checks a column at a time."""
    return [
        _range("year", 1987, 2100),
        _range("month", 1, 12),
        _range("day", 1, 31),
        _range("weekday", 0, 6),
        _range("sched_dep_minute", 0, 1439),
        _range("sched_dep_hour", 0, 23),
        _range("sched_arr_minute", 0, 1439),
        _range("flight", 1, 9999),
        _range("distance", 10, 12_000),
        _range("dep_delay", -180, 3_000),
        _range("arr_delay", -240, 3_000),
        _range("air_time", 5, 1_200),
        _range("departed", 0, 1),
        _range("diverted", 0, 1),
        gxe.ExpectColumnValuesToNotBeNull(
            column="dep_delay",
            row_condition=Column("departed") == 1,
            description="`dep_delay` is empty though the flight left",
        ),
    ]


def audit() -> list[Expectation]:
    """On a whole month as it lies in the lake, read back: volume, keys, missing shares, plausible means."""
    return [
        gxe.ExpectTableRowCountToBeBetween(
            min_value=15_000, max_value=60_000, description="A month has 15,000 to 60,000 flights"
        ),
        gxe.ExpectColumnValuesToBeUnique(column="flight_id", description="No flight stands twice"),
        gxe.ExpectColumnUniqueValueCountToBeBetween(
            column="carrier", min_value=8, max_value=40, description="8 to 40 airlines fly"
        ),
        gxe.ExpectColumnUniqueValueCountToBeBetween(
            column="origin", min_value=3, max_value=3, description="Flights leave from all three airports"
        ),
        gxe.ExpectColumnUniqueValueCountToBeBetween(
            column="dest", min_value=60, max_value=200, description="60 to 200 destinations are served"
        ),
        gxe.ExpectColumnValuesToNotBeNull(
            column="dep_delay", mostly=0.85, description="At most 15 % of the flights never leave"
        ),
        gxe.ExpectColumnValuesToNotBeNull(
            column="arr_delay", mostly=0.85, description="At most 15 % of the flights have no label"
        ),
        _mean("dep_delay", -5, 60),
        _mean("arr_delay", -25, 60),
        _mean("distance", 700, 1_500),
        _mean("sched_dep_minute", 600, 1_000),
        _mean("sched_arr_minute", 600, 1_100),
        _mean("weekday", 2, 4),
        gxe.ExpectColumnStdevToBeBetween(
            column="arr_delay", min_value=5, max_value=150, description="`arr_delay` varies by 5 to 150 minutes"
        ),
    ]


def _text(column: str, regex: str, meaning: str) -> Expectation:
    return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=regex, description=f"`{column}` is not {meaning}")


def _range(column: str, low: float, high: float) -> Expectation:
    return gxe.ExpectColumnValuesToBeBetween(
        column=column, min_value=low, max_value=high, description=f"`{column}` lies outside {low:,} to {high:,}"
    )


def _mean(column: str, low: float, high: float) -> Expectation:
    return gxe.ExpectColumnMeanToBeBetween(
        column=column, min_value=low, max_value=high, description=f"The mean of `{column}` lies in {low:,} to {high:,}"
    )
