"""When an alarm rings: the tables of CloudWatch's guide, and periods that slide with the clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.datapoints import FURTHER_BACK, periods, verdict

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
MEANING = {"0": False, "X": True, "-": None}


def judged(row: str, to_alarm: int, missing: str) -> str | None:
    """The verdict on a row of the guide, whose newest point stands on the right, with three periods to evaluate."""
    return verdict([MEANING[each] for each in reversed(row.split())], 3, to_alarm, missing)


@pytest.mark.parametrize(
    ("row", "to_alarm", "expected"),
    [
        ("0 - X - X", 3, ("OK", "OK", "OK", "OK")),
        ("0 - - - -", 3, ("OK", "OK", "OK", "OK")),
        ("- - - - -", 3, ("INSUFFICIENT_DATA", None, "ALARM", "OK")),
        ("0 X X - X", 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("- - X - -", 3, ("ALARM", None, "ALARM", "OK")),
        ("0 - X - X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 0 X 0 X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 - X - -", 2, ("OK", "OK", "ALARM", "OK")),
        ("- - - - 0", 2, ("OK", "OK", "ALARM", "OK")),
        ("- - - X -", 2, ("ALARM", None, "ALARM", "OK")),
    ],
)
def test_the_tables_of_the_guide(row: str, to_alarm: int, expected: tuple[str | None, ...]) -> None:
    assert tuple(judged(row, to_alarm, missing) for missing in TREATMENTS) == expected


@pytest.mark.parametrize("row", ["- - - - X", "- - - X -"])
def test_a_breach_too_young_does_not_ring_where_missing_data_is_missing(row: str) -> None:
    assert judged(row, 3, "missing") != "ALARM"


@given(st.lists(st.sampled_from([True, False, None]), min_size=3, max_size=3 + FURTHER_BACK), st.integers(1, 3))
def test_with_all_points_there_the_treatment_of_missing_ones_is_not_needed(
    breaches: list[bool | None], to_alarm: int
) -> None:
    states = {missing: verdict(breaches, 3, to_alarm, missing) for missing in TREATMENTS}
    real = [breach for breach in breaches if breach is not None]
    if len(real) >= 3:
        assert set(states.values()) == {"ALARM" if sum(real[:3]) >= to_alarm else "OK"}
    # Whoever takes silence for bad rings at least where those do that take it for good.
    if states["notBreaching"] == "ALARM":
        assert states["breaching"] == "ALARM"


def test_periods_slide_with_the_clock_and_the_newest_comes_first() -> None:
    points = [{"Timestamp": at} for at in (69.9, 70.0, 80.0, 89.0, 90.5, 99.9, 100.0, 101.0)]
    found = [[point["Timestamp"] for point in period] for period in periods(points, 100.0, 10, 3)]
    assert found == [[100.0, 99.9, 90.5], [89.0], [80.0]]
    later = [[point["Timestamp"] for point in period] for period in periods(points, 101.0, 10, 3)]
    assert later == [[101.0, 100.0, 99.9], [90.5, 89.0], [80.0]]


def test_a_late_point_of_long_ago_hides_no_recent_one() -> None:
    points = [{"Timestamp": 95.0}, *({"Timestamp": 1.0} for _ in range(500))]
    assert periods(points, 100.0, 10, 1) == [[{"Timestamp": 95.0}]]
