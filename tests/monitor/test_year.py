"""The flights of a year: asked as they leave, their labels late, changed and out of order, measured at every arrival.

Every 40th flight of March to December 2013 is asked; a second version takes over in August. In the end the table of quality
is what it would have been, had all labels been there at once, and each of its numbers follows from what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import root_mean_squared_error

from tests.monitor.live_model import HOLDOUT, SPEC, TRAIN, Traffic, publish, register, rows_of, serve
from tests.monitor.offline import rescored
from windtunnel.aws import lake, measurements, parquet
from windtunnel.core.contracts import CollectedPredictions, DatasetVersion, MeasuredPredictions, RegisteredVersion
from windtunnel.core.window import Window
from windtunnel.ml import joined, quality
from windtunnel.ml.window_quality import sentence
from windtunnel.stages.absorb import absorb
from windtunnel.stages.collect import collect
from windtunnel.stages.measure import measure

pytestmark = pytest.mark.usefixtures("lake_of_its_own")

YEAR = Window.parse("2013-03", "2014-01")
EVERY = 40
TO_UTC = pd.Timedelta(hours=4)
"""Flights are scheduled in local time and captured in UTC: those of the last evening are captured in the next month."""

OFF = {"V1.1.0": 4.0, "V1.1.1": 6.0}
"""What the versions say: arrivals catch up so many minutes."""

KEY = ["day", "slice_column", "slice_value", "version", "role", "metric"]
AS_OF = ["labels_until", "labels_tag"]


@cache
def recorded(month: Window) -> pd.DataFrame:
    """What ingestion has of a month when everything has come; one label in a hundred stands twice and contradicts."""
    rows = rows_of(month).iloc[::EVERY]
    again = rows[rows[SPEC.target].notna()].iloc[::100]
    return pd.concat([rows, again.assign(**{SPEC.target: again[SPEC.target] + 7})])


def half(month: Window) -> DatasetVersion:
    """A month of which every other label is late."""
    rows = recorded(month).copy()
    rows.loc[np.arange(len(rows)) % 2 == 0, SPEC.target] = np.nan
    return publish(month, rows)


def some_days(month: Window) -> DatasetVersion:
    """A month of which the rows of its end are late."""
    return publish(month, recorded(month)[recorded(month)["day"] <= 20])


def wrong(month: Window) -> DatasetVersion:
    """A month of which every third label will be corrected."""
    rows = recorded(month).copy()
    rows.loc[np.arange(len(rows)) % 3 == 0, SPEC.target] += 45
    return publish(month, rows)


def whole(month: Window) -> DatasetVersion:
    """A month as it stays."""
    return publish(month, recorded(month))


BEFORE = (((3, half),), ((5, whole),), ((4, some_days), (3, whole)), ((6, wrong), (4, whole)))
AFTER = (
    ((7, whole), (9, whole)),
    ((8, half), (6, whole)),
    ((11, wrong),),
    ((12, some_days), (10, whole)),
    ((8, whole), (11, whole), (12, whole)),
)
"""Which months arrive at each look and how, in this order, before and after the second version takes over."""


def arrive(months: Iterable[tuple[int, Callable[[Window], DatasetVersion]]]) -> tuple[Window, DatasetVersion]:
    """Publish them one after the other: the days around them, and the last version."""
    published = [how(Window.month(f"2013-{month:02d}")) for month, how in months]
    return Window.around(version.window for version in published), published[-1]


class Look(NamedTuple):
    """One run of monitor."""

    collected: CollectedPredictions
    measured: MeasuredPredictions
    control: np.ndarray[tuple[int], np.dtype[np.float64]] | None


def look(
    champion: RegisteredVersion, control: RegisteredVersion | None, arrived: Window, labels: DatasetVersion
) -> Look:
    """Absorb, collect and measure; the control says offline what it says."""
    collected = collect(champion, control, arrived, labels, absorb(SPEC.name))
    assert collected is not None
    said = None
    if control:
        said = parquet.read(collected.rows)["dep_delay"].to_numpy() - OFF[control.version]
    return Look(collected, measure(rescored(collected, control=said)), said)


def fly(months: Window) -> None:
    """Ask the live endpoint for the flights of some months; one in thirty is not asked."""
    asked = pd.concat([rows_of(month).iloc[::EVERY] for month in months.months()])
    asked = asked[asked[SPEC.eligible] == 1]
    asked = asked[np.arange(len(asked)) % 30 != 0]
    version = np.where(asked[SPEC.event_time] + TO_UTC < pd.Timestamp("2013-08-01"), "V1.1.0", "V1.1.1")
    said = asked["dep_delay"] - pd.Series(version, asked.index).map(OFF)
    traffic = Traffic()
    traffic.fly(asked.assign(**{SPEC.event_time: asked[SPEC.event_time] + TO_UTC}), said)
    traffic.capture()


def table() -> pd.DataFrame:
    found = measurements.read(SPEC.name, "quality")
    assert found is not None
    rows: pd.DataFrame = found.to_pandas().sort_values(KEY).reset_index(drop=True)
    assert not rows.duplicated(KEY).any()
    return rows


def walk() -> tuple[list[Look], RegisteredVersion, RegisteredVersion]:
    """The year, look by look."""
    publish(TRAIN, rows_of(TRAIN).iloc[::EVERY])
    trained = publish(HOLDOUT, rows_of(HOLDOUT).iloc[::EVERY])
    first = serve(register(trained), "2013-03-01T00:00")
    fly(Window.parse("2013-03", "2013-08"))
    looks = [look(first, None, *arrive(months)) for months in BEFORE]
    second = serve(register(trained, train=Window.parse("2013-01-02", "2013-02-01")), "2013-08-01T00:00")
    fly(Window.parse("2013-08", "2014-01"))
    looks += [look(second, first, *arrive(months)) for months in AFTER]
    return looks, first, second


def test_late_changed_and_disordered_labels_end_as_if_they_had_been_there_at_once() -> None:
    looks, first, second = walk()
    arrived = table()
    labels = lake.current(SPEC.name)
    at_once = look(second, first, YEAR, labels)
    pd.testing.assert_frame_equal(table().drop(columns=AS_OF), arrived.drop(columns=AS_OF))
    assert arrived["labels_tag"].nunique() >= 4, "which labels each number knows stands beside it"
    counts = at_once.collected.counts
    assert counts.pending == counts.elsewhere == 0
    assert counts.contradicted > 0
    assert any(each.collected.counts.pending for each in looks)
    assert sum(each.collected.counts.changed for each in looks) > 100

    stale = looks[0]
    assert measure(rescored(stale.collected)).windows == stale.measured.windows
    pd.testing.assert_frame_equal(table().drop(columns=AS_OF), arrived.drop(columns=AS_OF))

    recomputed = numbers(at_once, labels, first.version)
    stored = {tuple(row[:-1]): row[-1] for row in table()[[*KEY, "value"]].itertuples(index=False)}
    assert stored.keys() == recomputed.keys()
    assert len(stored) > 10_000
    assert stored == pytest.approx(recomputed, rel=1e-9, abs=1e-9)
    windows_are_what_is_stored(at_once, labels, first.version)


def stored_rows(made: Look, labels: DatasetVersion) -> pd.DataFrame:
    """The stored questions and answers with the labels of the snapshot; keys with two different labels have none."""
    rows: pd.DataFrame = parquet.read(made.collected.rows).to_pandas()
    truth = lake.rows(labels.table, labels.snapshot_id, YEAR, (SPEC.key, SPEC.event_time, SPEC.target)).to_pandas()
    by_key = truth.dropna(subset=[SPEC.target]).groupby(SPEC.key)[SPEC.target]
    rows["truth"] = rows[SPEC.key].map(by_key.first()[by_key.nunique() == 1])
    rows["when"] = rows[SPEC.key].map(truth.groupby(SPEC.key)[SPEC.event_time].first()).dt.normalize()
    rows["control"] = made.control
    return rows


def numbers(made: Look, labels: DatasetVersion, control: str) -> dict[tuple[object, ...], float]:
    """Every number of the table by pandas, from what is stored."""
    rows = stored_rows(made, labels).assign(all="")
    champions = rows[rows[joined.VERSION] == made.collected.champion.version].assign(version=control)
    found: dict[tuple[object, ...], float] = {}
    for role, part, said in (("served", rows, joined.PREDICTION), ("control", champions, "control")):
        error = part["truth"] - part[said]
        judged = part.assign(square=error**2, absolute=error.abs())
        for column in ("all", *SPEC.evaluation.slices):
            groups = judged.groupby(["when", column, joined.VERSION])
            mse, labelled = groups["square"].mean(), groups["truth"].count()
            metrics = {
                quality.COVERAGE: labelled / groups.size(),
                "mse": mse,
                "rmse": mse**0.5,
                "mae": groups["absolute"].mean(),
                "r2": (1 - mse / groups["truth"].var(ddof=0))[groups["truth"].nunique() > 1],
            }
            for metric, values in metrics.items():
                known = values.dropna()
                for (day, value, version), number in zip(known.index, known, strict=True):
                    found[day, column.replace("all", ""), value, version, role, metric] = number
    return found


def windows_are_what_is_stored(made: Look, labels: DatasetVersion, control: str) -> None:
    """The figures of each window and of its sentence, from what is stored."""
    rows = stored_rows(made, labels)
    asked = rows[rows[joined.VERSION] == made.collected.champion.version]
    august = [each for each in made.measured.windows if each.window.start >= pd.Timestamp("2013-08-01").date()]
    assert len(august) == 20
    for each in august:
        between = asked["when"].between(
            pd.Timestamp(each.window.start), pd.Timestamp(each.window.end), inclusive="left"
        )
        part = asked[between]
        known = part.dropna(subset=["truth"])
        rmse, other = (root_mean_squared_error(known["truth"], known[said]) for said in ("prediction", "control"))
        assert (each.predictions, each.labelled) == (len(part), len(known))
        assert each.metrics["rmse"] == pytest.approx(rmse)
        assert each.control is not None
        assert each.control.estimate == pytest.approx(rmse / other - 1)
        said = sentence(each, SPEC, control)
        assert f"RMSE {rmse:.4g} minutes on {len(known):,} of {len(part):,} predictions" in said
        assert f"{abs(rmse / other - 1):.1%} {'worse' if rmse > other else 'better'} than V1.1.0" in said
        assert each.expected is not None
        assert f"{each.expected.low:.4g} to {each.expected.high:.4g} were promised" in said
