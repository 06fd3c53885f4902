"""The monitoring report: Evidently's presets on a bounded sample, below the exact numbers.

Evidently's cost grows with the rows (55 s of CPU for one preset on a million); its pictures do not need them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from evidently import DataDefinition, Dataset, Regression, Report
from evidently.core.container import MetricContainer
from evidently.core.metric_types import Metric
from evidently.core.report import Snapshot
from evidently.legacy.model.widget import BaseWidgetInfo, WidgetType
from evidently.legacy.renderers.html_widgets import header_text
from evidently.metrics import AbsMaxError, R2Score, ValueDrift
from evidently.presets import DataDriftPreset, DataSummaryPreset, RegressionPreset, RegressionQuality

from windtunnel.core.contracts import MeasuredPredictions
from windtunnel.core.spec import ModelSpec
from windtunnel.ml.page import page, plain
from windtunnel.ml.sample import sample
from windtunnel.ml.summary import summary

FEWEST_ROWS = 2
"A side with fewer rows has no distribution to draw."


MOST_CATEGORIES = 150
"Evidently takes 10 ms per category and column; anyone who asks the endpoint can invent them."
OTHERS = "(others)"


class Rendered(NamedTuple):
    """A report as a page and as JSON."""

    html: str
    json: dict[str, Any]


class Side(NamedTuple):
    """Rows to compare: a sample of all of them."""

    rows: pd.DataFrame
    whole: int


def render(
    measured: MeasuredPredictions,
    spec: ModelSpec,
    *,
    current: pa.Table,
    training: pa.Table,
    holdout: pa.Table,
    prediction: str,
) -> Rendered:
    """Draw the report of one window.

    Args:
        measured: The exact numbers, shown above Evidently's.
        spec: Names the columns and the size of the sample.
        current: The collected predictions, at least one.
        training: The champion's training rows, the reference of drift.
        holdout: The champion's predictions of its holdout, the reference of quality.
        prediction: Column of the prediction in `current` and `holdout`.
    """
    labelled = current.filter(pc.is_valid(current[spec.target]))
    columns = [name for name in (*spec.features, spec.target) if name in measured.drift]
    sides = {
        "current": _side(current, columns, spec, measured),
        "training": _side(training, columns, spec, measured),
        "labelled": _side(labelled, [spec.event_time, spec.target, prediction], spec, measured),
        "holdout": _side(holdout, [spec.event_time, spec.target, prediction], spec, measured),
    }
    lumped = _lump(sides["current"].rows, sides["training"].rows)
    # An error in percent of a target of 0 is a number of no meaning with 18 digits.
    percentages = not any((sides[name].rows[spec.target] == 0).any() for name in ("labelled", "holdout"))
    methods = {name: score.method for name, score in measured.drift.items()}
    snapshots: dict[str, Snapshot] = {}
    if shown := _drawable(sides["current"], sides["training"], columns):
        drift = DataDriftPreset(columns=columns, per_column_method={name: methods[name] for name in columns})
        snapshots["Data drift"] = _run([drift], sides["current"], sides["training"], columns, spec)
    if _drawable(sides["labelled"], sides["holdout"], [prediction]) and _has_reciprocal(sides["labelled"], spec):
        said = ValueDrift(column=prediction, method=methods[prediction])
        snapshots["Regression quality"] = _run(
            [said, *_errors(percentages=percentages)],
            sides["labelled"],
            sides["holdout"],
            [spec.target, prediction],
            spec,
        )
    if shown:
        snapshots["Data summary"] = _run(
            [DataSummaryPreset(columns=columns)], sides["current"], sides["training"], columns, spec
        )
    note = _note(sides, lumped, spec)
    widgets = [
        widget for title, snapshot in snapshots.items() for widget in _section(title, snapshot, percentages=percentages)
    ]
    title = f"{spec.name}: monitoring of {measured.collected.window}"
    return Rendered(
        html=page(title, summary(title, note, measured, spec), widgets),
        json={
            "note": note,
            "sample": {name: {"rows": len(side.rows), "of": side.whole} for name, side in sides.items()},
            "evidently": {title: _json(snapshot) for title, snapshot in snapshots.items()},
        },
    )


def _side(table: pa.Table, columns: Sequence[str], spec: ModelSpec, measured: MeasuredPredictions) -> Side:
    drawn = sample(table, spec.monitoring.report_rows, moment=spec.event_time, seed=measured.collected.work_key)
    frame = drawn.select(list(columns)).to_pandas()
    for name in columns:
        if _is_category(name, spec):
            frame[name] = frame[name].map({value: plain(value) for value in frame[name].dropna().unique()})
    return Side(frame, len(table))


def _lump(current: pd.DataFrame, training: pd.DataFrame) -> list[str]:
    """Make rare categories of the two frames one, where there are too many; answers the columns."""
    lumped = []
    for name in current.select_dtypes(exclude="number"):
        counts = pd.concat([current[name], training[name]]).value_counts()
        if len(counts) > MOST_CATEGORIES:
            rare = counts.index[MOST_CATEGORIES:]
            for frame in (current, training):
                frame[name] = frame[name].mask(frame[name].isin(rare), OTHERS)
            lumped.append(str(name))
    return lumped


def _drawable(current: Side, reference: Side, columns: Sequence[str]) -> bool:
    return bool(columns) and min(len(current.rows), len(reference.rows)) >= FEWEST_ROWS


def _has_reciprocal(labelled: Side, spec: ModelSpec) -> bool:
    # Evidently's dummy model for percentages divides by this sum and fails on 0, so on labels that are all 0.
    target = labelled.rows[spec.target]
    return bool((1 / target[target != 0]).sum() != 0)


def _run(
    metrics: Sequence[Metric | MetricContainer], current: Side, reference: Side, columns: Sequence[str], spec: ModelSpec
) -> Snapshot:
    categories = [name for name in columns if _is_category(name, spec)]
    numbers = [name for name in columns if name not in categories]
    predictions = [name for name in numbers if name != spec.target and name not in spec.features]
    definition = DataDefinition(
        numerical_columns=numbers,
        categorical_columns=categories,
        timestamp=spec.event_time if predictions else None,
        regression=[Regression(target=spec.target, prediction=name) for name in predictions],
    )
    datasets = (Dataset.from_pandas(side.rows, data_definition=definition) for side in (current, reference))
    return Report(list(metrics)).run(*datasets)


def _errors(*, percentages: bool) -> list[Metric | MetricContainer]:
    if percentages:
        return [RegressionPreset()]
    return [RegressionQuality(pred_actual_plot=True, error_plot=True, error_distr=True), AbsMaxError(), R2Score()]


def _is_category(name: str, spec: ModelSpec) -> bool:
    return name in spec.features and spec.column(name).kind == "string"


def _section(title: str, snapshot: Snapshot, *, percentages: bool) -> list[BaseWidgetInfo]:
    widgets: list[BaseWidgetInfo] = snapshot.to_snapshot_model().widgets
    for widget in widgets:
        if widget.type == WidgetType.COUNTER.value and not percentages:
            widget.params["counters"] = [shown for shown in widget.params["counters"] if shown["label"] != "MAPE"]
    return [header_text(label=f"{title} (Evidently, on the sample)"), *widgets]


def _json(snapshot: Snapshot) -> dict[str, Any]:
    # Evidently writes NaN, which no other reader of JSON takes.
    values: dict[str, Any] = json.loads(snapshot.json(), parse_constant=lambda _: None)
    return values


def _note(sides: dict[str, Side], lumped: Sequence[str], spec: ModelSpec) -> str:
    def drawn(name: str) -> str:
        return f"{len(sides[name].rows):,} of {sides[name].whole:,}"

    return (
        f"The pictures below are drawn from a sample of at most {spec.monitoring.report_rows:,} rows per side, spread "
        f"over the days as the whole is: {drawn('current')} predictions against {drawn('training')} training rows; "
        f"{drawn('labelled')} labelled predictions against {drawn('holdout')} rows of the holdout. "
        + "".join(f"Of `{name}` only the {MOST_CATEGORIES} most frequent categories are drawn. " for name in lumped)
        + "Scores of a sample scatter: judge by the exact ones, which come from every row."
    )
