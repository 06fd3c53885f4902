"""The monitoring report: Evidently's presets on bounded samples, below the exact numbers.

Evidently's cost grows with the rows (55 s of CPU for one preset on a million); its pictures do not need them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.core.container import MetricContainer
from evidently.core.metric_types import Metric
from evidently.core.report import Snapshot
from evidently.legacy.model.widget import BaseWidgetInfo, WidgetType
from evidently.legacy.renderers.html_widgets import header_text
from evidently.metrics import ValueDrift
from evidently.presets import DataDriftPreset, DataSummaryPreset

from windtunnel.core.contracts import ColumnDrift
from windtunnel.core.spec import ModelSpec
from windtunnel.ml import preset
from windtunnel.ml.drift import FEW_VALUES
from windtunnel.ml.joined import PREDICTION
from windtunnel.ml.look import Look, document
from windtunnel.ml.markup import days
from windtunnel.ml.page import page, plain
from windtunnel.ml.sides import Sides
from windtunnel.ml.summary import summary

FEWEST_ROWS = 2
"A side with fewer rows has no distribution to draw."

MOST_CATEGORIES = 150
"Evidently takes 10 ms per category and column; anyone who asks the endpoint can invent them."
OTHERS = "(others)"

type Frames = dict[str, pd.DataFrame]
"""The samples of `Sides` by their names, ready to be drawn."""


class Rendered(NamedTuple):
    """A report as a page and as JSON."""

    html: str
    json: dict[str, Any]


def render(look: Look, spec: ModelSpec, sides: Sides) -> Rendered:
    """Draw the report of one window.

    Args:
        look: The exact numbers, shown above Evidently's and written to the JSON.
        spec: Names the columns, the task and the size of a sample.
        sides: What Evidently draws.
    """
    frames = {name: _frame(side.rows.to_pandas(), spec) for name, side in sides._asdict().items()}
    lumped = _lump(frames["asked"], frames["training"], spec)
    drawn = dict(_drawn(frames, look, spec))
    note = _note(sides, lumped, look, spec)
    title = f"{spec.name}: monitoring of {days(look.window)}"
    percentages = preset.percentages(frames["labelled"], frames["holdout"], spec)
    widgets = [widget for name, found in drawn.items() for widget in _section(name, found, percentages=percentages)]
    return Rendered(
        html=page(title, summary(title, note, look, spec), widgets),
        json={
            **document(look),
            "note": note,
            "sample": {name: {"rows": len(side.rows), "of": side.whole} for name, side in sides._asdict().items()},
            "evidently": {name: _json(found) for name, found in drawn.items()},
        },
    )


def _drawn(frames: Frames, look: Look, spec: ModelSpec) -> Iterator[tuple[str, Snapshot]]:
    """The sections there is something to draw for, by their titles."""
    asked, training = frames["asked"], frames["training"]
    features = [name for name in spec.features if _drawable(asked[[name]], training[[name]])]
    definition = _definition(features, spec)
    if features:
        drift = DataDriftPreset(
            columns=features,
            per_column_method={name: _method(name, asked, training, look) for name in features},
            per_column_threshold={name: limit for name in features if (limit := _threshold(name, look))},
            drift_share=1 / len(features),
        )
        yield "Data drift", _run([drift], definition, asked[features], training[features])
    for title, name, of, against in (
        ("Target drift", spec.target, "labelled", "training"),
        ("Prediction drift", PREDICTION, "answered", "holdout"),
    ):
        current, reference = (frames[side][[name]].dropna() for side in (of, against))
        if _drawable(current, reference):
            method = _method(name, current, reference, look)
            moved = ValueDrift(column=name, method=method, threshold=_threshold(name, look))
            yield title, _run([moved], _definition([name], spec), current, reference)
    labelled, holdout = (frames[side].dropna() for side in ("labelled", "holdout"))
    if _drawable(labelled, holdout) and (found := preset.quality(labelled, holdout, spec)):
        yield found.title, _run(found.metrics, found.definition, found.current, found.reference)
    if features:
        overview = DataSummaryPreset(columns=features)
        yield "Data summary", _run([overview], definition, asked[features], training[features])


def _frame(rows: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """With names that no page takes for markup, and without infinities, which Evidently leaves out here and fails on there."""
    for name in rows:
        if _is_category(str(name), spec):
            rows[name] = rows[name].map({value: plain(value) for value in rows[name].dropna().unique()})
    return rows.replace([np.inf, -np.inf], np.nan)


def _lump(asked: pd.DataFrame, training: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Make rare categories of the two frames one, where there are too many; answers the columns."""
    lumped = []
    for name in filter(lambda name: _is_category(name, spec), spec.features):
        counts = pd.concat([asked[name], training[name]]).value_counts()
        if len(counts) > MOST_CATEGORIES:
            rare = counts.index[MOST_CATEGORIES:]
            for frame in (asked, training):
                frame[name] = frame[name].mask(frame[name].isin(rare), OTHERS)
            lumped.append(name)
    return lumped


def _drawable(current: pd.DataFrame, reference: pd.DataFrame) -> bool:
    return min(len(side.dropna(how="all")) for side in (current, reference)) >= FEWEST_ROWS


def _method(name: str, current: pd.DataFrame, reference: pd.DataFrame, look: Look) -> str:
    """As the exact score of a column has it; where nothing was tested, as Evidently would choose."""
    if (score := _score(name, look)) is not None:
        return score.method
    values = pd.concat([current[name], reference[name]])
    number = pd.api.types.is_numeric_dtype(values) and values.nunique() > FEW_VALUES
    return "wasserstein" if number else "jensenshannon"


def _threshold(name: str, look: Look) -> float | None:
    """The calibrated one; None, which is Evidently's own, where nothing was tested."""
    return None if (score := _score(name, look)) is None else score.threshold


def _score(name: str, look: Look) -> ColumnDrift | None:
    distances = (score for score in look.scores if score.method in ("wasserstein", "jensenshannon"))
    return next((score for score in distances if score.column == name), None)


def _definition(names: Sequence[str], spec: ModelSpec) -> DataDefinition:
    categories = [name for name in names if _is_category(name, spec)]
    return DataDefinition(
        numerical_columns=[name for name in names if name not in categories], categorical_columns=categories
    )


def _run(
    metrics: Sequence[Metric | MetricContainer],
    definition: DataDefinition,
    current: pd.DataFrame,
    reference: pd.DataFrame,
) -> Snapshot:
    datasets = (Dataset.from_pandas(side, data_definition=definition) for side in (current, reference))
    return Report(list(metrics)).run(*datasets)


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


def _note(sides: Sides, lumped: Sequence[str], look: Look, spec: ModelSpec) -> str:
    def drawn(name: str) -> str:
        side = getattr(sides, name)
        return f"{len(side.rows):,} of {side.whole:,}"

    return (
        f"The pictures below are drawn from samples of at most {spec.monitoring.report_rows:,} rows, spread over the days "
        f"as the whole is: {drawn('asked')} requests against {drawn('training')} training rows"
        f"{f' of {look.drift.season}' if look.drift.season else ''}; {drawn('labelled')} "
        f"labelled answers of the champion against {drawn('holdout')} rows of its holdout. "
        + "".join(f"Of `{name}` only the {MOST_CATEGORIES} most frequent categories are drawn. " for name in lumped)
        + "Scores of a sample scatter: judge by the exact ones above, which come from every row."
    )
