"""A look at one week of `flights`, for tests that need one; each gives what it is about and takes the rest as it is."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pyarrow as pa

from tests import candidate
from windtunnel.core.contracts import (
    AbsorbedCaptures,
    Check,
    CollectedPredictions,
    ColumnDrift,
    DetectedDrift,
    Finding,
    InspectedRequests,
    Interval,
    LabelCounts,
    MeasuredPredictions,
    Rescoring,
    Verdict,
    WindowChecks,
    WindowDrift,
    WindowQuality,
)
from windtunnel.core.window import Window
from windtunnel.ml.look import Look, Tables, looks
from windtunnel.ml.quality import CONTROL, SCHEMA, SERVED

WEEK = Window.parse("2013-05-01", "2013-05-08")
MAY = Window.month("2013-05")


def collected(**given: Any) -> CollectedPredictions:
    """A week of May with labels for most of it."""
    usual: dict[str, Any] = {
        "champion": candidate.registered(),
        "control": candidate.registered(version="V1.1.1"),
        "absorbed": AbsorbedCaptures(
            model="flights", table="windtunnel.flights_predictions", snapshot_id="17", sequence=3, new_rows=1_200
        ),
        "labels": candidate.dataset(tag="d5", window=MAY),
        "span": MAY,
        "windows": (WEEK,),
        "work_key": "e" * 64,
        "rows": "s3://windtunnel/monitor/flights/2013-05/e/predictions.parquet",
        "counts": counts(predictions=1_200, labelled=1_180, pending=20),
        "labels_until": date(2013, 5, 7),
    }
    return CollectedPredictions.model_validate(usual | given)


def counts(**given: int) -> LabelCounts:
    """Nothing but what is given."""
    return LabelCounts(**dict.fromkeys(LabelCounts.model_fields, 0) | given)


def rescoring(**given: Any) -> Rescoring:
    """Asked again by a job."""
    usual: dict[str, Any] = {
        "collected": given.get("collected") or collected(),
        "job_name": "flights-score-eeeeeeeeeeeeeeee",
        "answers": "s3://windtunnel/monitor/flights/2013-05/e/scored.parquet",
    }
    return Rescoring.model_validate(usual | given)


def quality(**given: Any) -> WindowQuality:
    """Worse than the holdout promised."""
    usual: dict[str, Any] = {
        "window": WEEK,
        "predictions": 1_200,
        "labelled": 1_180,
        "mature": True,
        "metrics": {"mse": 441.0, "rmse": 21.0, "mae": 13.5, "r2": 0.77},
        "expected": Interval(estimate=18.4, low=15.0, high=20.5),
        "control": Interval(estimate=-0.02, low=-0.05, high=0.01),
        "worse": True,
    }
    return WindowQuality.model_validate(usual | given)


def drift(**given: Any) -> WindowDrift:
    """One column of three has moved."""
    rows = {"reference_rows": 80_789, "current_rows": 1_200}
    usual: dict[str, Any] = {
        "window": WEEK,
        "rows": 1_200,
        "columns": (
            ColumnDrift(column="dep_delay", method="wasserstein", score=0.42, threshold=0.21, **rows),
            ColumnDrift(column="carrier", method="jensenshannon", score=0.05, threshold=0.1, **rows),
            ColumnDrift(column="distance", method="missing", score=0.0, threshold=0.01, **rows),
        ),
        "rate": 0.05,
        "would_have_fired": 1,
        "replayed": 52,
        "season": None,
    }
    return WindowDrift.model_validate(usual | given)


def checks(**given: Any) -> WindowChecks:
    """Two that passed and one that did not."""
    usual: dict[str, Any] = {
        "window": WEEK,
        "checks": (
            Check(name="expectations", passed=True, sentence="3 of 1,200 requests fail one, at most 12 may."),
            Check(name="answers", passed=False, sentence="40 of 1,200 served answers differ from `V1.1.2` offline."),
            Check(name="constant", passed=None, sentence="Too few answers to say."),
        ),
        "report": "s3://windtunnel/reports/monitor/flights/requests.html",
    }
    return WindowChecks.model_validate(usual | given)


def finding(**given: Any) -> Finding:
    """The week's share in the verdict."""
    usual: dict[str, Any] = {
        "window": WEEK,
        "version": "V1.1.2",
        "labelled": 1_180,
        "coverage": 1_180 / 1_200,
        "labels_until": date(2013, 5, 7),
        "mature": True,
        "drift": 2.0,
        "drifted": ("dep_delay",),
        "importance": 0.8,
        "error": 21.0,
        "expected": 20.5,
        "worse": True,
        "outdone_by": None,
        "damage": 1.6,
        "failed": ("answers",),
        "says": "broken",
    }
    return Finding.model_validate(usual | given)


def verdict(**given: Any) -> Verdict:
    """Watch, because of the week."""
    usual: dict[str, Any] = {
        "model": "flights",
        "version": "V1.1.2",
        "window": WEEK,
        "word": "watch",
        "sentence": "`answers` did not pass: mend the serving first.",
        "labels_until": date(2013, 5, 7),
        "findings": (finding(),),
        "asks": False,
        "report": "s3://windtunnel/monitor/flights/verdicts/e/verdict.json",
    }
    return Verdict.model_validate(usual | given)


def look(**given: Any) -> Look:
    """All of it together; takes `rescoring`, `quality`, `drift`, `checks` and `verdict`."""
    (found,) = looks(
        given.get("rescoring") or rescoring(),
        measured(windows=(given.get("quality") or quality(),)),
        detected(windows=(given.get("drift") or drift(),)),
        InspectedRequests(windows=(given.get("checks") or checks(),)),
        given.get("verdict") or verdict(),
        Tables(quality_rows(), drift_rows(given.get("drift") or drift())),
    )
    return found


def quality_rows() -> pa.Table:
    """Two days of the champion and what else the table has."""
    first = datetime.combine(WEEK.start, time())
    usual = {"window_start": first, "slice_column": "", "slice_value": "", "version": "V1.1.2", "role": SERVED}
    said = {"rows": 590, "predictions": 600, "coverage": 0.98, "labels_until": date(2013, 5, 7), "labels_tag": "d5"}
    rows = [
        {**usual, **said, "day": first + timedelta(days=day), "metric": metric, "value": day + 20.5}
        for day in range(2)
        for metric in ("rmse", "mae")
    ]
    others = [rows[0] | change for change in ({"role": CONTROL}, {"version": "V1.1.1"}, {"slice_column": "carrier"})]
    june = rows[0] | {"day": first + timedelta(days=31)}
    return pa.Table.from_pylist([*rows, *others, june], schema=SCHEMA)


def drift_rows(window: WindowDrift) -> pa.Table:
    """Every score of a window in the table, and one of other rows."""
    usual = {"window_start": datetime.combine(window.window.start, time()), "rows_address": collected().rows}
    rows: list[dict[str, Any]] = [usual | score.model_dump() for score in window.columns]
    other = usual | drift().columns[0].model_dump() | {"column": "origin"}
    return pa.Table.from_pylist([*rows, other | {"rows_address": "s3://windtunnel/older.parquet"}])


def measured(**given: Any) -> MeasuredPredictions:
    """The week's quality, in its table."""
    usual = {"windows": (quality(),), "table": "windtunnel.flights_quality", "snapshot_id": "21"}
    return MeasuredPredictions.model_validate(usual | given)


def detected(**given: Any) -> DetectedDrift:
    """The week's drift, in its table."""
    usual = {"windows": (drift(),), "table": "windtunnel.flights_drift", "snapshot_id": "22"}
    return DetectedDrift.model_validate(usual | given)
