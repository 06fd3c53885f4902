"""report: measured predictions -> a page a person can read, and the addresses of everything."""

from __future__ import annotations

import json
import logging

from windtunnel.aws import capture, objects, parquet, reference
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import MeasuredPredictions, MonitoringReport

log = logging.getLogger(__name__)


def report(measured: MeasuredPredictions) -> MonitoringReport:
    """Draw Evidently's drift, quality and summary reports from a sample and store them beside the exact scores.

    A window without predictions has nothing to draw: its report is its scores.

    Raises:
        SourceMissing: The snapshot that the champion was trained on is gone from the lake.
    """
    collected = measured.collected
    spec = model_spec(collected.champion.model)
    log.info("report: %s of %s, %d rows in %s", spec.name, collected.window, collected.predictions, collected.rows)
    made = MonitoringReport(
        model=spec.name,
        window=collected.window,
        predictions=collected.predictions,
        labelled=collected.labelled,
        quality=measured.quality,
        by_day=measured.by_day,
        drift={name: found.score for name, found in measured.drift.items()},
        reports={"scores": measured.scores, **(_draw(measured) if collected.predictions else {})},
    )
    log.info("report: %s", made.reports.get("html", f"nothing to draw, no predictions; {measured.scores}"))
    return made


def _draw(measured: MeasuredPredictions) -> dict[str, str]:
    from windtunnel.ml.report import render

    collected = measured.collected
    rendered = render(
        measured,
        model_spec(collected.champion.model),
        current=parquet.read(collected.rows),
        training=reference.training_rows(collected.champion.evaluated),
        holdout=reference.holdout_predictions(collected.champion.evaluated),
        prediction=capture.PREDICTION,
    )
    folder = measured.scores.rpartition("/")[0]
    body = json.dumps(rendered.json, indent=1, allow_nan=False).encode()
    return {
        "html": objects.put(f"{folder}/report.html", rendered.html.encode(), content_type="text/html; charset=utf-8"),
        "json": objects.put(f"{folder}/report.json", body, content_type="application/json"),
    }
