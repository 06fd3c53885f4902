"""measure, against the embedded AWS, on real flights: the table, the windows, the metrics of CloudWatch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from tests.monitor.live_model import HOLDOUT, MARCH, SPEC, collected, departed, prediction_of, watched
from tests.monitor.offline import rescored
from windtunnel.aws import lake, measurements, parquet, signs
from windtunnel.aws.clients import client
from windtunnel.core import vitals
from windtunnel.core.contracts import CollectedPredictions, MeasuredPredictions, Rescoring
from windtunnel.ml import joined, quality
from windtunnel.stages.absorb import absorb
from windtunnel.stages.collect import collect
from windtunnel.stages.measure import measure

QUALITY = tuple(vitals.metric(name) for name in ("mse", "rmse", "mae", "r2"))

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


def frame(made: CollectedPredictions) -> pd.DataFrame:
    rows: pd.DataFrame = parquet.read(made.rows).to_pandas()
    return rows


def table() -> pd.DataFrame:
    found = measurements.read(SPEC.name, "quality")
    assert found is not None
    rows: pd.DataFrame = found.to_pandas()
    return rows


def measured_anew(rescoring: Rescoring) -> tuple[MeasuredPredictions, dict[str, float]]:
    """What the stage finds, and the one value of each metric that it writes."""
    before, measured, after = written(), measure(rescoring), written()
    assert {after[name][1] - before[name][1] for name in after} <= {0, 1}
    return measured, {name: after[name][0] - before[name][0] for name in after if after[name][1] > before[name][1]}


def written() -> dict[str, tuple[float, float]]:
    """Metric -> sum and number of the values that CloudWatch has under the model's name, those of other tests too."""
    cloudwatch, now = client("cloudwatch"), datetime.now(UTC)
    found = {}
    for name in (vitals.PREDICTIONS, vitals.COVERAGE, vitals.ERROR_RATIO, vitals.CONTROL_RATIO, *QUALITY):
        points = cloudwatch.get_metric_statistics(
            Namespace=vitals.NAMESPACE,
            MetricName=name,
            Dimensions=signs.measured(SPEC.name, name).named(),
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=5),
            Period=3600,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"]
        found[name] = sum(point["Sum"] for point in points), sum(point["SampleCount"] for point in points)
    return found


def test_a_month_with_a_control_that_is_worse() -> None:
    made = collected(MARCH, rows=2_000)
    rows = frame(made)
    control = (rows[joined.PREDICTION] + 30).to_numpy()
    measured, figures = measured_anew(rescored(made, control=control))
    assert [each.window for each in measured.windows] == list(made.windows)
    for each in measured.windows:
        days = pd.to_datetime(rows[joined.DAY])
        inside = rows[days.between(pd.Timestamp(each.window.start), pd.Timestamp(each.window.end), inclusive="left")]
        known = inside.dropna(subset=[SPEC.target])
        truth, said = known[SPEC.target], known[joined.PREDICTION]
        assert (each.predictions, each.labelled, each.mature) == (len(inside), len(known), True)
        assert each.metrics["rmse"] == pytest.approx(root_mean_squared_error(truth, said))
        assert each.metrics["mae"] == pytest.approx(mean_absolute_error(truth, said))
        assert each.metrics["r2"] == pytest.approx(r2_score(truth, said))
        ratio = root_mean_squared_error(truth, said) / root_mean_squared_error(truth, said + 30)
        assert each.control is not None
        assert each.control.estimate == pytest.approx(ratio - 1)
        assert each.control.high < 0, "surely better than one that is half an hour off"
        judged = departed(HOLDOUT).dropna(subset=[SPEC.target])
        assert each.expected is not None
        assert each.expected.estimate == pytest.approx(
            root_mean_squared_error(judged[SPEC.target], prediction_of(judged).astype(np.float32))
        )
        assert each.expected.low < each.expected.estimate < each.expected.high
        assert each.worse == (each.metrics["rmse"] > each.expected.high)
    newest = measured.windows[-1]
    assert newest.expected is not None
    assert newest.control is not None
    assert figures == pytest.approx(
        {
            vitals.PREDICTIONS: newest.predictions,
            vitals.COVERAGE: newest.labelled / newest.predictions,
            vitals.ERROR_RATIO: newest.metrics["rmse"] / newest.expected.high,
            vitals.CONTROL_RATIO: 1 + newest.control.estimate,
            **{vitals.metric(name): value for name, value in newest.metrics.items()},
        }
    )
    assert measure(rescored(made, control=control)) == measured, "the same work again"


def test_the_table_has_every_day_slice_version_and_metric() -> None:
    made = collected(MARCH, rows=1_000)
    rows = frame(made)
    measured = measure(rescored(made, control=(rows[joined.PREDICTION] + 10).to_numpy()))
    found = table()
    assert measured.table.endswith("flights_quality")
    assert set(found["labels_tag"]) == {made.labels.tag}
    assert set(found["labels_until"]) == {made.labels_until}
    assert made.control is not None
    assert {(role, version) for role, version in zip(found["role"], found["version"], strict=True)} == {
        (quality.SERVED, made.champion.version),
        (quality.CONTROL, made.control.version),
    }
    whole = found[(found["slice_column"] == "") & (found["metric"] == "mae") & (found["role"] == quality.SERVED)]
    known = rows.dropna(subset=[SPEC.target])
    errors = (known[joined.PREDICTION] - known[SPEC.target]).abs().groupby(pd.to_datetime(known[joined.DAY])).mean()
    assert whole.set_index("day")["value"].to_dict() == pytest.approx(errors.to_dict())
    for column in SPEC.evaluation.slices:
        part = found[(found["slice_column"] == column) & (found["metric"] == quality.COVERAGE)]
        part = part[part["role"] == quality.SERVED]
        assert part["predictions"].sum() == len(rows)
        assert part["rows"].sum() == len(known)
        assert set(part["slice_value"]) == set(rows[column])


def test_a_model_that_went_bad_is_worse_than_promised() -> None:
    measured, figures = measured_anew(rescored(collected(MARCH, rows=2_000, shift=60.0)))
    assert [each.worse for each in measured.windows] == [True] * 4
    assert all(each.control is None for each in measured.windows), "the control could not be asked"
    assert figures[vitals.ERROR_RATIO] > 1
    assert vitals.CONTROL_RATIO not in figures


def test_while_the_rows_are_not_known_there_is_coverage_and_nothing_else() -> None:
    champion, control, _ = watched(MARCH, rows=300)
    early = lake.dataset_version(SPEC.name, tag="d2")
    made = collect(champion, control, MARCH, early, absorb(SPEC.name))
    assert made is not None
    measured, figures = measured_anew(rescored(made))
    assert MeasuredPredictions.from_json(measured.to_json()) == measured
    for each in measured.windows:
        assert (each.labelled, each.mature, each.metrics) == (0, False, {})
        assert (each.expected, each.control, each.worse) == (None, None, None)
    found = table()
    assert set(found["metric"]) == {quality.COVERAGE}
    assert (found["value"] == 0).all()
    assert quality.MISSING not in set(found["slice_value"]), "a slice that is a feature is known from the question"
    assert set(figures) == {vitals.PREDICTIONS, vitals.COVERAGE}
