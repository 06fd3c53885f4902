from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windtunnel.core.errors import WindowInvalid
from windtunnel.core.window import Window

DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 12, 31))


@pytest.mark.parametrize(
    ("start", "end", "label"),
    [
        ("2013-01", "2013-02", "2013-01"),
        ("2013-12", "2014-01-01", "2013-12"),
        (" 2013-01-01 ", "2013-01-08", "2013-01-01_2013-01-08"),
        ("2013-01", "2013-03", "2013-01-01_2013-03-01"),
    ],
)
def test_a_window_names_itself(start: str, end: str, label: str) -> None:
    assert Window.parse(start, end).label == label


@pytest.mark.parametrize(("start", "end"), [("2013-02", "2013-01"), ("2013-01", "2013-01")])
def test_an_empty_range_is_no_window(start: str, end: str) -> None:
    with pytest.raises(WindowInvalid, match="is empty: `start` must lie before `end`"):
        Window.parse(start, end)


@pytest.mark.parametrize("text", ["", "January", "2013", "2013-13", "2013-02-30", "01-02-2013"])
def test_what_is_no_day_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(WindowInvalid, match="Write `2013-01-15` or `2013-01`"):
        Window.parse(text, "2014-01")


@given(DAYS, DAYS)
def test_the_months_of_a_window_cover_each_of_its_days_once(one: date, other: date) -> None:
    if one == other:
        return
    window = Window(start=min(one, other), end=max(one, other))
    months = list(window.months())
    assert (months[0].start, months[-1].end) == (window.start, window.end)
    assert all(earlier.end == later.start for earlier, later in pairwise(months))
    assert all((month.start.year, month.start.month) == _last_day(month) for month in months)


def _last_day(window: Window) -> tuple[int, int]:
    last = date.fromordinal(window.end.toordinal() - 1)
    return last.year, last.month


def test_months_before_and_last_months_are_whole() -> None:
    window = Window.parse("2013-02-10", "2013-05-01")
    assert window.months_before(3) == Window.parse("2012-11", "2013-02")
    assert window.last_months(2) == Window.parse("2013-03", "2013-05")


def test_the_end_is_not_included() -> None:
    window = Window.month("2012-02")
    assert window.holds(date(2012, 2, 29))
    assert window.holds(datetime(2012, 2, 29, 23, 59, 59))  # noqa: DTZ001 - event times have no zone
    assert not window.holds(date(2012, 3, 1))
    assert not window.holds(date(2012, 1, 31))


def test_the_window_around_some_holds_all_of_them() -> None:
    june, april = Window.month("2013-06"), Window.month("2013-04")
    assert Window.around([june, april]) == Window.parse("2013-04", "2013-07")


def test_a_form_gives_both_ends_or_none() -> None:
    assert Window.optional(None, "") is None
    assert Window.optional("2013-01", "2013-02") == Window.month("2013-01")
    with pytest.raises(WindowInvalid, match="needs both ends"):
        Window.optional("2013-01", None)
