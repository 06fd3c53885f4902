"""measure: collected predictions and the control's answers -> quality by day and slice, and what it says by window."""

from __future__ import annotations

import hashlib
import logging
from datetime import date

from windtunnel.aws import figures, measurements, parquet, reference, scored
from windtunnel.core import vitals
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import CollectedPredictions, MeasuredPredictions, Rescoring, WindowQuality
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.core.workkey import work_key

log = logging.getLogger(__name__)


def measure(rescoring: Rescoring) -> MeasuredPredictions:
    """Measure the served answers of every version and the control's, as of the labels that have come.

    The rows of the table `<model>_quality` replace those of the span; measured from the same rows and answers they are
    the same. Metrics are written for the newest month only: an older one, measured again, is no news.

    Raises:
        ArtefactInvalid: The answers are to other rows.
        CommitConflict: Others kept winning; run it again.
    """
    from windtunnel.ml import quality
    from windtunnel.ml.window_quality import promise, sentence, window_quality

    collected = rescoring.collected
    champion, spec = collected.champion, model_spec(collected.champion.model)
    control = collected.control.version if collected.control else None
    log.info(
        "measure: %s and %s, labels of %s until %s",
        collected.rows,
        rescoring.answers,
        collected.labels.tag,
        collected.labels_until or "no day",
    )
    found = quality.answered(scored.rows(rescoring), spec, champion.version)
    as_of = quality.AsOf(collected.labels_until, collected.labels.tag)
    rows = quality.by_day(found, spec, collected.windows, control, as_of)
    snapshot_id = measurements.put(
        spec.name,
        "quality",
        rows,
        moment="day",
        span=collected.span,
        work=work_key(collected=collected.work_key, rows=hashlib.sha256(parquet.encode(rows)).hexdigest()),
        order=measurements.order_of(collected),
    )
    # Of the model's own bytes: the same model promises the same, wherever it was trained.
    seed = int(champion.evaluated.artefact_sha256[:16], 16)
    promised = promise(reference.holdout_predictions(champion.evaluated), spec, (seed,))
    windows = tuple(
        window_quality(found, window, spec, promised, collected.labels_until) for window in collected.windows
    )
    for each in windows:
        log.info("measure: %s: %s", each.window, sentence(each, spec, control))
    if _newest(collected):
        figures.put(spec.name, _figures(windows, spec))
    table = measurements.table_name(spec.name, "quality")
    log.info("measure: %d rows of %d windows in %s, snapshot %s", len(rows), len(windows), table, snapshot_id)
    return MeasuredPredictions(windows=windows, table=table, snapshot_id=snapshot_id)


def _newest(collected: CollectedPredictions) -> bool:
    """Whether nothing later than the span was measured yet."""
    later = Window(start=collected.span.end, end=date.max)
    there = measurements.read(collected.champion.model, "quality", later)
    return there is None or not len(there)


def _figures(windows: tuple[WindowQuality, ...], spec: ModelSpec) -> dict[str, float]:
    """Counts of the newest window; what needs labels, of the newest that has them all."""
    from windtunnel.ml.metrics import FIRST, worse_by
    from windtunnel.ml.window_quality import bound

    asked = [each for each in windows if each.predictions]
    found: dict[str, float] = {}
    if asked:
        found = {
            vitals.PREDICTIONS: asked[-1].predictions,
            vitals.COVERAGE: asked[-1].labelled / asked[-1].predictions,
        }
    if mature := [each for each in asked if each.mature and each.metrics]:
        newest, first = mature[-1], FIRST[spec.task]
        found |= {vitals.metric(name): value for name, value in newest.metrics.items()}
        if newest.expected and first in newest.metrics:
            found[vitals.ERROR_RATIO] = worse_by(first, newest.metrics[first], bound(first, newest.expected))
        if newest.control:
            found[vitals.CONTROL_RATIO] = 1 + newest.control.estimate
    return found
