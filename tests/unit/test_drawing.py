"""Inline SVG: well-formed, told to those who do not see it, and true to its numbers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windtunnel.ml.drawing import WIDTH, Line, Mark, bars, by_day, intervals

NUMBERS = st.floats(min_value=-1e6, max_value=1e6).filter(lambda value: value == 0 or abs(value) > 1e-6)
SVG = "{http://www.w3.org/2000/svg}"


def parsed(drawn: str) -> ET.Element:
    return ET.fromstring(drawn)  # noqa: S314


def xs(drawn: str, element: str, name: str) -> list[float]:
    return [float(found.attrib[name]) for found in parsed(drawn).iter(element) if name in found.attrib]


def test_a_drawing_is_told_as_well_as_shown() -> None:
    drawn = parsed(
        bars([Mark("origin", 0.2, None, None, "0.200")], title="Drift", about="origin 0.200", axis="distance")
    )
    assert drawn.attrib["role"] == "img"
    assert drawn.attrib["aria-label"] == "Drift. origin 0.200"
    assert (drawn.findtext("title"), drawn.findtext("desc")) == ("Drift", "origin 0.200")


def test_an_interval_stands_where_its_numbers_are() -> None:
    marks = [Mark("a", -5, -10, 0, "-5"), Mark("b", 5, 0, 10, "5")]
    drawn = intervals(marks, title="t", about="a", axis="%", zero=0, limit=10)
    centre_a, centre_b = xs(drawn, "circle", "cx")
    (zero,) = [float(x.attrib["x1"]) for x in parsed(drawn).iter("line") if x.attrib["class"] == "ink-line"]
    (limit,) = [float(x.attrib["x1"]) for x in parsed(drawn).iter("line") if x.attrib["class"] == "limit"]
    assert zero - centre_a == pytest.approx(centre_b - zero, abs=0.2)
    assert limit - zero == pytest.approx(2 * (centre_b - zero), abs=0.2)


def test_a_day_without_a_value_is_a_gap() -> None:
    days = [date(2013, 4, 1) + timedelta(days=at) for at in range(5)]
    drawn = by_day(days, [Line("own", [1, 2, None, 4, 5], "own")], title="t", about="a", axis="minutes")
    assert len(list(parsed(drawn).iter("path"))) == 2


def test_names_of_lines_do_not_lie_on_each_other() -> None:
    lines = [Line(f"line {at}", [1.0, 1.0], "own") for at in range(4)]
    drawn = by_day([date(2013, 4, 1), date(2013, 4, 2)], lines, title="t", about="a", axis="minutes")
    places = [float(x.attrib["y"]) for x in parsed(drawn).iter("text") if x.attrib["class"] == "own-text"]
    assert min(b - a for a, b in zip(sorted(places), sorted(places)[1:], strict=False)) >= 15


def test_a_long_name_is_cut_and_kept_whole_for_the_pointer() -> None:
    drawn = parsed(bars([Mark("x" * 80, 1, None, None, "1")], title="t", about="a", axis="b"))
    (label,) = [found for found in drawn.iter("text") if found.attrib["class"] == "ink"]
    assert (label.text or "").endswith("…")
    assert label.findtext("title") == "x" * 80


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=6))
def test_any_numbers_stay_inside_the_drawing(values: list[tuple[float, float, float]]) -> None:
    marks = [Mark(str(at), b, a, c, "") for at, (a, b, c) in enumerate(map(sorted, values))]
    drawn = intervals(marks, title="t", about="a", axis="b", zero=0)
    for element, names in {"circle": ("cx",), "line": ("x1", "x2")}.items():
        for name in names:
            assert all(0 <= x <= WIDTH for x in xs(drawn, element, name))
    positive = [Mark(str(at), abs(b), None, None, "") for at, (_, b, _) in enumerate(values)]
    assert all(0 <= x <= WIDTH for x in xs(bars(positive, title="t", about="a", axis="b"), "rect", "width"))
