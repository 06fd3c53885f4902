"""Rows of a window from a snapshot's files, and the features in the types a model computes in."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from windtunnel.core.errors import DataRejected, WindowInvalid
from windtunnel.core.window import Window
from windtunnel.ml import rows
from windtunnel.models.flights.spec import SPEC

MARCH = Window.month("2013-03")


def flights(*scheduled: str, **columns: Any) -> pd.DataFrame:
    """Published rows that differ in their time and key only, unless said otherwise."""
    count = len(scheduled)
    frame = pd.DataFrame(
        {
            "flight_id": [f"flight-{time}" for time in scheduled],
            "scheduled_at": pd.to_datetime(list(scheduled)),
            **{name: [value] * count for name, value in SPEC.example.items()},
            "sched_dep_hour": [5] * count,
            "departed": [1] * count,
            "arr_delay": [3.0] * count,
        }
    )
    return frame.assign(**columns)


def save(frame: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path, index=False)


def test_a_window_takes_its_first_day_and_not_its_end(tmp_path: Path) -> None:
    times = ("2013-02-28 23:59", "2013-03-01 00:00", "2013-03-31 23:59", "2013-04-01 00:00")
    save(flights(*times), tmp_path / "a.parquet")
    found = rows.read_window(tmp_path, SPEC, MARCH)
    assert list(found["flight_id"]) == ["flight-2013-03-01 00:00", "flight-2013-03-31 23:59"]


def test_times_with_a_zone_are_read_too(tmp_path: Path) -> None:
    frame = flights("2013-03-01 00:00", "2013-04-01 00:00")
    save(frame.assign(scheduled_at=frame["scheduled_at"].dt.tz_localize("UTC")), tmp_path / "a.parquet")
    assert len(rows.read_window(tmp_path, SPEC, MARCH)) == 1


def test_flights_that_never_left_or_have_no_label_are_left_out(tmp_path: Path) -> None:
    times = ("2013-03-01", "2013-03-02", "2013-03-03")
    save(flights(*times, departed=[1, 0, 1], arr_delay=[4.0, 5.0, None]), tmp_path / "a.parquet")
    assert list(rows.read_window(tmp_path, SPEC, MARCH)["arr_delay"]) == [4.0]


def test_the_order_of_rows_does_not_depend_on_the_files(tmp_path: Path) -> None:
    frame = flights(*(f"2013-03-{day:02d}" for day in range(1, 29)))
    save(frame, tmp_path / "one" / "a.parquet")
    shuffled = frame.sample(frac=1, random_state=3)
    save(shuffled.iloc[:10], tmp_path / "two" / "scheduled_at_month=2013-03" / "z.parquet")
    save(shuffled.iloc[10:], tmp_path / "two" / "b" / "c" / "a.parquet")
    first, second = (rows.read_window(tmp_path / name, SPEC, MARCH) for name in ("one", "two"))
    pd.testing.assert_frame_equal(first, second)


def test_a_window_without_rows_says_what_there_is(tmp_path: Path) -> None:
    save(flights("2013-01-01 05:00", "2013-02-28 06:00"), tmp_path / "a.parquet")
    with pytest.raises(
        WindowInvalid, match=r"in `2013-03-01..2013-04-01`.* 2 rows from `2013-01-01 05:00:00` to `2013-02-28 06"
    ):
        rows.read_window(tmp_path, SPEC, MARCH)


def test_a_folder_without_files_is_told(tmp_path: Path) -> None:
    with pytest.raises(WindowInvalid, match="No parquet file under"):
        rows.read_window(tmp_path, SPEC, MARCH)


def test_a_file_without_rows_is_told(tmp_path: Path) -> None:
    save(flights("2013-03-01").iloc[:0], tmp_path / "a.parquet")
    with pytest.raises(WindowInvalid, match="no row at all"):
        rows.read_window(tmp_path, SPEC, MARCH)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    save(flights("2013-03-01").drop(columns=["carrier", "departed"]), tmp_path / "a.parquet")
    with pytest.raises(DataRejected, match="lack `carrier`, `departed`; they have"):
        rows.read_window(tmp_path, SPEC, MARCH)


def test_features_are_float32_and_text_with_gaps_marked() -> None:
    frame = flights("2013-03-01", "2013-03-02", dep_delay=[2.5, None], carrier=["UA", None])
    found = rows.features(frame, SPEC)
    assert list(found.columns) == list(SPEC.features)
    assert found["dep_delay"].dtype == np.float32
    assert np.isnan(found["dep_delay"].iloc[1])
    assert list(found["carrier"]) == ["UA", ""]


@pytest.mark.parametrize(("name", "value"), [("distance", 2**24 + 1), ("dep_delay", 1e39), ("dep_delay", -np.inf)])
def test_a_number_that_float32_cannot_hold_is_refused(name: str, value: float) -> None:
    with pytest.raises(DataRejected, match=f"`{name}` holds .* Derive a smaller number"):
        rows.features(flights("2013-03-01", **{name: [value]}), SPEC)
