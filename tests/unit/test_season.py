"""Where the spec names a season, a window stands beside the same season of the reference, if that has enough days."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.unit import weeks
from windtunnel.core.contracts import WindowDrift
from windtunnel.core.window import Window
from windtunnel.ml import season
from windtunnel.ml.detection import Reference
from windtunnel.models.flights.spec import SPEC

MONITORING = SPEC.monitoring.model_copy(update={"season": ("month",)})
BY_MONTH = SPEC.model_copy(update={"monitoring": MONITORING})
WEEK = Window.parse("2013-04-08", "2013-04-15")


def months(start: date, end: date, name: str = "month") -> pa.Table:
    rows = weeks.between(start, end)
    return rows.append_column(name, pc.month(rows[SPEC.event_time]))


def drift(training: pa.Table, week: Window = WEEK, holdout: pa.Table | None = None) -> WindowDrift:
    asked = months(week.start, week.end, "recorded_month")
    known = {"training": training, "holdout": weeks.between(date(2013, 5, 1), date(2013, 6, 1))}
    return (
        Reference(BY_MONTH, "V1.1.0", known if holdout is None else known | {"holdout": holdout})
        .detect(week, asked)
        .drift
    )


def test_a_window_stands_beside_its_own_season() -> None:
    training = months(date(2013, 2, 1), date(2013, 6, 1))
    april = training.filter(pc.equal(training["month"], 4))
    found = drift(training)
    assert found.season == "month = 4; answers: all of the holdout"
    features = [column for column in found.columns if column.column != "prediction"]
    assert {column.reference_rows for column in features} == {len(april)}
    assert drift(training, holdout=training).season == "month = 4"


def test_a_season_that_the_reference_does_not_know_cuts_nothing() -> None:
    training = months(date(2013, 1, 1), date(2013, 4, 1))
    found = drift(training)
    assert found.season is None
    assert {column.reference_rows for column in found.columns if column.column != "prediction"} == {len(training)}


def test_a_season_of_few_days_cuts_nothing() -> None:
    """Eight days of April are hardly more than the week that stands beside them."""
    assert drift(months(date(2013, 1, 1), date(2013, 4, 9)), Window.parse("2013-04-15", "2013-04-22")).season is None


@pytest.mark.parametrize(
    ("values", "said"),
    [(["4"], "month = 4"), (["5", "4"], "month = 4 or 5"), ([*"123456"], "month: 6 seasons")],
    ids=["one", "two", "many"],
)
def test_seasons_are_said_in_words(values: list[str], said: str) -> None:
    assert season.words(("month",), pa.array(values)) == said


def test_rows_that_the_lake_does_not_know_yet_say_no_season() -> None:
    rows = pa.table({"recorded_month": pa.array([4, None, 4, 5], pa.int64())})
    assert season.of_predictions(rows, BY_MONTH).to_pylist() == ["4", "5"]
