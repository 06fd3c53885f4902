"""measure: the collected predictions -> their errors and their exact drift scores."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from windtunnel.aws import capture, objects, parquet, reference
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import CollectedPredictions, DriftScore, MeasuredPredictions
from windtunnel.core.settings import settings

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


def measure(collected: CollectedPredictions) -> MeasuredPredictions:
    """Quality by label, over all and per day, and the drift of features, target and prediction; all on every row.

    Drift is measured against the champion's own training rows; the prediction's against its answers to its holdout,
    because what a model says of rows it has learnt from is too good.

    Raises:
        SourceMissing: The snapshot that the champion was trained on is gone from the lake.
    """
    from windtunnel.ml.quality import quality_of

    spec = model_spec(collected.champion.model)
    log.info("measure: %d predictions of %s in %s", collected.predictions, collected.window, collected.rows)
    rows = parquet.read(collected.rows)
    quality, by_day = quality_of(rows, moment=spec.event_time, target=spec.target, prediction=capture.PREDICTION)
    measured = MeasuredPredictions(
        collected=collected,
        quality=quality,
        by_day=by_day,
        drift=_drift(rows, collected) if collected.predictions else {},
        scores=settings().uri(
            "reports", "monitor", spec.name, collected.window.label, collected.work_key, "scores.json"
        ),
    )
    objects.put(measured.scores, json.dumps(_scores(measured), indent=1).encode(), content_type="application/json")
    log.info("measure: %s %s", _sentence(measured), measured.scores)
    return measured


def _drift(rows: pa.Table, collected: CollectedPredictions) -> dict[str, DriftScore]:
    from windtunnel.ml.drift import drift_score, drift_scores

    champion, spec = collected.champion.evaluated, model_spec(collected.champion.model)
    kinds = {name: spec.column(name).kind for name in (*spec.features, spec.target)}
    scores = drift_scores(reference.training_rows(champion), rows, kinds)
    holdout = reference.holdout_predictions(champion)
    said = drift_score(holdout[capture.PREDICTION], rows[capture.PREDICTION], "float64")
    return {**scores, capture.PREDICTION: said} if said else scores


def _scores(measured: MeasuredPredictions) -> dict[str, Any]:
    """What scores.json says: every number, and what it can be computed from again."""
    collected, plan = measured.collected, measured.collected.champion.evaluated.plan
    made = measured.to_json()
    return {
        "model": plan.model,
        "version": collected.champion.package_arn,
        "window": made["collected"]["window"],
        "counts": {
            name: getattr(collected, name)
            for name in ("predictions", "labelled", "pending", "elsewhere", "duplicates", "unjoinable", "unreadable")
        },
        "coverage": collected.coverage,
        "unit": model_spec(plan.model).unit,
        "quality": made["quality"],
        "by_day": made["by_day"],
        "drift": made["drift"],
        "computed_from": {
            "rows": collected.rows,
            "labels": {"table": collected.labels.table, "snapshot_id": collected.labels.snapshot_id},
            "reference": {
                "table": plan.dataset.table,
                "snapshot_id": plan.dataset.snapshot_id,
                "window": plan.train.model_dump(mode="json"),
            },
            "prediction_reference": collected.champion.evaluated.evaluation,
        },
    }


def _sentence(measured: MeasuredPredictions) -> str:
    if not measured.collected.predictions:
        return "no predictions in the window, so neither errors nor drift."
    name, most = max(measured.drift.items(), key=lambda item: item[1].score)
    drift = f"largest drift `{name}` {most.score:.3f} ({most.method})."
    if measured.quality is None:
        return f"no labels yet, so no errors; {drift}"
    unit = model_spec(measured.collected.champion.model).unit
    return f"RMSE {measured.quality.rmse:.2f}, MAE {measured.quality.mae:.2f} {unit}; {drift}"
