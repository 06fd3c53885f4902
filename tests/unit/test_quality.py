"""Quality by day, slice and version against pandas and scikit-learn; tasks other than regression on real data sets."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from windtunnel.core.catalog import model_spec
from windtunnel.core.spec import ModelSpec, Task
from windtunnel.core.window import Window
from windtunnel.ml import joined, quality, window_quality

FLIGHTS = model_spec("flights")
MAY = Window.month("2013-05")
AS_OF = quality.AsOf(date(2013, 5, 31), "d5")


def table(**given: Any) -> pa.Table:
    """Collected predictions with the control's answers; what is not given is as if nobody had said it."""
    rows = len(given["day"])
    spec = joined.schema(FLIGHTS).append(pa.field(joined.CONTROL_SAID, pa.float64()))
    usual = {field.name: pa.nulls(rows, field.type) for field in spec}
    usual |= {FLIGHTS.key: [f"f{at}" for at in range(rows)], joined.VERSION: ["V1.1.1"] * rows}
    usual |= {name: ["UA"] * rows for name in ("carrier", "origin")}
    return pa.table(usual | given, schema=spec)


def by_day(rows: pa.Table, spec: ModelSpec = FLIGHTS, control: str | None = None) -> pd.DataFrame:
    found = quality.answered(rows, spec, "V1.1.1")
    frame: pd.DataFrame = quality.by_day(found, spec, tuple(MAY.parts(7)), control, AS_OF).to_pandas()
    return frame


def test_two_versions_that_answered_and_the_control_beside_the_champion() -> None:
    random = np.random.default_rng(3)
    rows = 600
    target = random.normal(5, 30, rows)
    said = target + random.normal(0, 9, rows)
    days = [date(2013, 5, 1) + timedelta(days=int(at)) for at in random.integers(0, 31, rows)]
    version = np.where(np.array(days) < date(2013, 5, 12), "V1.1.0", "V1.1.1")
    known = random.random(rows) < 0.8
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime(days),
            "version": version,
            "carrier": random.choice(["AA", "UA", "HA"], rows, p=[0.6, 0.39, 0.01]),
            "target": np.where(known, target, np.nan),
            "said": said,
            "control": said + 3,
        }
    )
    found = by_day(
        table(
            day=days,
            version=list(version),
            prediction=said,
            arr_delay=pa.array(np.where(known, target, np.nan), from_pandas=True),
            control_said=said + 3,
            recorded_carrier=list(frame["carrier"]),
        ),
        control="V1.1.0",
    )
    index = ["day", "slice_column", "slice_value", "version", "role", "metric"]
    assert not found.duplicated(index).any()
    values = found.set_index(index).to_dict("index")
    assert set(found["role"] + found["version"]) == {"servedV1.1.0", "servedV1.1.1", "controlV1.1.0"}
    assert found[found["role"] == "control"]["day"].min() == pd.Timestamp("2013-05-12"), "beside the champion only"
    seen = 0
    for role, column, who in (("served", "said", None), ("control", "control", "V1.1.1")):
        asked = frame if who is None else frame[frame["version"] == who]
        for (day, name, carrier), group in asked.groupby(["day", "version", "carrier"]):
            named = "V1.1.0" if role == "control" else name
            labelled = group.dropna(subset=["target"])
            at = (day, "carrier", carrier, named, role)
            share = values[*at, quality.COVERAGE]
            assert (share["predictions"], share["rows"]) == (len(group), len(labelled))
            assert share["value"] == share["coverage"] == len(labelled) / len(group)
            if len(labelled):
                seen += 1
                error = root_mean_squared_error(labelled["target"], labelled[column])
                assert values[*at, "rmse"]["value"] == pytest.approx(error)
            else:
                assert (*at, "rmse") not in values
    assert seen > 50
    assert set(found["window_start"].dt.day) == {1, 8, 15, 22}
    assert (found["window_start"] <= found["day"]).all()


def test_a_slice_is_what_was_recorded_and_until_then_what_was_asked() -> None:
    days = [date(2013, 5, 1)] * 3
    rows = table(day=days, prediction=[1.0] * 3, carrier=["UA", "UA", None], recorded_carrier=["AA", None, None])
    found = by_day(rows)
    sliced = found[found["slice_column"] == "carrier"].set_index("slice_value")["predictions"]
    assert sliced.to_dict() == {"AA": 1, "UA": 1, quality.MISSING: 1}


def test_nobody_asked_is_an_empty_table() -> None:
    nobody = table(day=pa.array([], pa.date32()))
    assert len(by_day(nobody)) == 0


def test_the_order_of_the_rows_changes_nothing() -> None:
    random = np.random.default_rng(0)
    days = [date(2013, 5, 1 + int(at)) for at in random.integers(0, 5, 50)]
    rows = table(day=days, prediction=random.integers(0, 9, 50) * 1.0, arr_delay=random.integers(0, 9, 50) * 1.0)
    shuffled = rows.take(random.permutation(50))
    pd.testing.assert_frame_equal(by_day(rows), by_day(shuffled))


def real(task: Task) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Targets of half of the breast cancer data set, and what a model of the other half says of them."""
    rows, benign = load_breast_cancer(return_X_y=True)
    malign, half = 1 - benign, np.arange(len(rows)) % 2 == 0
    if task == "classification":
        sure = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows[half], malign[half])
        said = sure.predict_proba(rows[~half])[:, 1]
    else:
        said = -IsolationForest(random_state=0).fit(rows[half & (malign == 0)]).score_samples(rows[~half])
    return malign[~half].astype(np.float64), said


@pytest.mark.parametrize(("task", "first"), [("classification", "log_loss"), ("anomaly", "pr_auc")])
def test_other_tasks_are_measured_promised_and_compared(task: Task, first: str) -> None:
    target, good = real(task)
    bad = np.random.default_rng(0).permutation(good)
    spec = FLIGHTS.model_copy(
        update={"task": task, "monitoring": FLIGHTS.monitoring.model_copy(update={"precision_at": 10})}
    )
    random = np.random.default_rng(1)
    days = np.datetime64("2013-04-01") + np.sort(random.integers(0, 28, len(target)))
    holdout = pa.table({spec.event_time: days.astype("datetime64[us]"), spec.target: target, "prediction": good})
    promised = window_quality.promise(holdout, spec, (1,))
    asked = [date(2013, 5, 1) + timedelta(days=at % 7) for at in range(len(target))]
    for served, other, worse in ((good, bad, False), (bad, good, True)):
        rows = table(day=asked, prediction=served, arr_delay=target, control_said=other)
        answered = quality.answered(rows, spec, "V1.1.1")
        found = window_quality.window_quality(answered, next(MAY.parts(7)), spec, promised, date(2013, 5, 7))
        define = log_loss if task == "classification" else average_precision_score
        assert found.metrics[first] == pytest.approx(define(target, served))
        assert found.expected is not None
        assert found.expected.estimate == pytest.approx(define(target, good), rel=0.01)
        assert found.expected.low < found.expected.estimate < found.expected.high
        assert found.worse is worse
        assert found.control is not None
        assert found.control.low > 0 if worse else found.control.high < 0
        said = window_quality.sentence(found, spec, "V1.1.0")
        assert f"{len(target):,} of {len(target):,} predictions" in said
        assert ("worse than V1.1.0." if worse else "better than V1.1.0.") in said
        assert set(by_day(rows, spec)["metric"]) >= {first, quality.COVERAGE}
