"""report: everything found out about a span -> a page and a JSON document per window, the verdict on top."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from windtunnel.aws import measurements, objects, parquet, reference
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import (
    CollectedPredictions,
    DetectedDrift,
    InspectedRequests,
    MeasuredPredictions,
    MonitoringReport,
    Rescoring,
    Verdict,
)
from windtunnel.core.settings import settings
from windtunnel.core.workkey import work_key

if TYPE_CHECKING:
    import pyarrow as pa

    from windtunnel.core.spec import ModelSpec
    from windtunnel.ml.look import Look
    from windtunnel.ml.sample import Read, Sampled

log = logging.getLogger(__name__)


def report(
    rescoring: Rescoring,
    measured: MeasuredPredictions,
    detected: DetectedDrift,
    inspected: InspectedRequests,
    verdict: Verdict,
) -> MonitoringReport:
    """Draw each window: exact numbers, the checks, and Evidently's reports of drift, quality and data from a sample.

    Its address names everything it shows, so a window of which nothing has changed is not drawn again.

    Raises:
        SourceMissing: The snapshot that the champion was trained on is gone from the lake.
    """
    from windtunnel.ml.look import Tables, document, looks

    collected = rescoring.collected
    model = collected.champion.model
    log.info(
        "report: %d windows of %s in %s, verdict `%s`", len(collected.windows), model, collected.rows, verdict.word
    )
    quality = measurements.read(model, "quality", collected.span, measured.snapshot_id)
    drift = measurements.read(model, "drift", collected.span, detected.snapshot_id)
    assert quality is not None and drift is not None  # noqa: S101, PT018 - their snapshots were made before
    found = list(looks(rescoring, measured, detected, inspected, verdict, Tables(quality, drift)))
    folders = [
        settings().uri("reports", "monitor", model, look.window.label, work_key(look=document(look))) for look in found
    ]
    # The JSON is written last: where it stands, the page does.
    missing = [at for at, folder in enumerate(folders) if not objects.exists(f"{folder}/report.json")]
    if missing:
        _draw([found[at] for at in missing], [folders[at] for at in missing], collected)
    made = MonitoringReport(
        model=model,
        version=collected.champion.version,
        verdict=verdict.word,
        sentence=verdict.sentence,
        span=collected.span,
        predictions=collected.counts.predictions,
        labelled=collected.counts.labelled,
        labels_until=collected.labels_until,
        reports={
            look.window.label: {"html": f"{folder}/report.html", "json": f"{folder}/report.json"}
            for look, folder in zip(found, folders, strict=True)
        },
    )
    log.info(
        "report: %d drawn, %d stood there already; %s", len(missing), len(folders) - len(missing), made.newest["html"]
    )
    return made


def _draw(looks: Sequence[Look], folders: Sequence[str], collected: CollectedPredictions) -> None:
    import pyarrow as pa

    from windtunnel.ml import season, sides
    from windtunnel.ml.joined import DAY
    from windtunnel.ml.report import render

    champion, spec, seed = collected.champion, model_spec(collected.champion.model), collected.work_key

    @cache
    def training(seasons: tuple[str, ...]) -> Sampled:
        def read(columns: Sequence[str]) -> Iterator[pa.Table]:
            named = spec.monitoring.season if seasons else ()
            for month in reference.training_parts(champion.evaluated, (*columns, *named)):
                yield season.cut(month, named, pa.array(seasons)) if seasons else month

        return sides.training(read, spec, seed=seed)

    holdout = sides.holdout(lambda _: iter([reference.holdout_predictions(champion.evaluated)]), spec, seed=seed)
    with parquet.fetched(collected.rows) as path:
        for look, folder in zip(looks, folders, strict=True):
            read = partial(parquet.parts, path, day=DAY, window=look.window)
            asked, labelled, answered = sides.current(read, spec, version=champion.version, seed=seed)
            known = training(_seasons(read, spec) if look.drift.season else ())
            rendered = render(look, spec, sides.Sides(asked, labelled, answered, known, holdout))
            body = json.dumps(rendered.json, indent=1, allow_nan=False).encode()
            page = rendered.html.encode()
            objects.put(f"{folder}/report.html", page, content_type="text/html; charset=utf-8")
            objects.put(f"{folder}/report.json", body, content_type="application/json")
            log.info("report: %s, %.1f MB, %s/report.html", look.window, len(page) / 1e6, folder)


def _seasons(read: Read, spec: ModelSpec) -> tuple[str, ...]:
    """Those that a window's rows are of."""
    from windtunnel.ml import season

    parts = read(season.columns(spec))
    return tuple(sorted({name for part in parts for name in season.of_predictions(part, spec).to_pylist()}))
