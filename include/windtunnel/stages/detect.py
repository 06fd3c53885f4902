"""detect: the collected predictions -> how far each window has drifted from what the champion knows."""

from __future__ import annotations

import logging
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

from windtunnel.aws import measurements, parquet, reference
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import CollectedPredictions, DetectedDrift, WindowDrift

if TYPE_CHECKING:
    import pyarrow as pa

    from windtunnel.ml.detection import Detection

log = logging.getLogger(__name__)


def detect(collected: CollectedPredictions) -> DetectedDrift:
    """Score every window exactly, over all its rows, beside thresholds calibrated on the champion's own reference.

    Every score stands in the table `<model>_drift`, one row per window, column and method; a window that was not tested
    has one row that says why.

    Raises:
        SourceMissing: The snapshot that the champion was trained on is gone from the lake.
        CommitConflict: Others kept winning; run it again.
    """
    import pyarrow as pa

    from windtunnel.ml.detection import Reference
    from windtunnel.ml.joined import DAY, PREDICTION, on

    champion, spec = collected.champion, model_spec(collected.champion.model)
    log.info(
        "detect: %s in %d windows of %s, against what %s was trained on in %s",
        collected.rows,
        len(collected.windows),
        collected.span,
        champion.version,
        champion.evaluated.plan.train,
    )
    rows = parquet.read(collected.rows)
    columns = (spec.event_time, *spec.features, spec.target, *spec.monitoring.season)
    holdout = reference.holdout_predictions(champion.evaluated)
    answered = [name for name in (spec.event_time, PREDICTION, *spec.monitoring.season) if name in holdout.column_names]
    known = {
        "training": pa.concat_tables(reference.training_parts(champion.evaluated, columns)),
        "holdout": holdout.select(list(dict.fromkeys(answered))),
    }
    beside = Reference(spec, champion.version, known)
    found = []
    for window in collected.windows:
        found.append(beside.detect(window, rows.filter(on(rows[DAY], window))))
        log.info("detect: %s", _sentence(found[-1].drift))
    snapshot_id = measurements.put(
        spec.name,
        "drift",
        _table(collected, found),
        moment="window_start",
        span=collected.span,
        work=collected.work_key,
        order=measurements.order_of(collected),
    )
    windows = tuple(each.drift for each in found)
    fired = sum(bool(window.drifted) for window in windows)
    detected = DetectedDrift(
        windows=windows, table=measurements.table_name(spec.name, "drift"), snapshot_id=snapshot_id
    )
    log.info("detect: %d of %d windows drifted; %s, snapshot %s", fired, len(windows), detected.table, snapshot_id)
    return detected


def _table(collected: CollectedPredictions, found: list[Detection]) -> pa.Table:
    """The rows of the table; the columns are nullable for windows that were not tested."""
    import pyarrow as pa

    schema = pa.schema(
        [
            ("window_start", pa.timestamp("us")),
            ("window_end", pa.timestamp("us")),
            ("version", pa.string()),
            ("rows", pa.int64()),
            ("column", pa.string()),
            ("method", pa.string()),
            ("score", pa.float64()),
            ("threshold", pa.float64()),
            ("ratio", pa.float64()),
            ("reference_rows", pa.int64()),
            ("current_rows", pa.int64()),
            ("rate", pa.float64()),
            ("would_have_fired", pa.int64()),
            ("replayed", pa.int64()),
            ("season", pa.string()),
            ("untested", pa.string()),
            ("labels_tag", pa.string()),
            ("labels_snapshot_id", pa.string()),
            ("rows_address", pa.string()),
        ]
    )
    rows: list[dict[str, Any]] = []
    for drift, scores in found:
        of_window = {
            "window_start": datetime.combine(drift.window.start, time()),
            "window_end": datetime.combine(drift.window.end, time()),
            "version": collected.champion.version,
            "labels_tag": collected.labels.tag,
            "labels_snapshot_id": collected.labels.snapshot_id,
            "rows_address": collected.rows,
            **drift.model_dump(include={"rows", "rate", "would_have_fired", "replayed", "season", "untested"}),
        }
        rows += [of_window | score.model_dump() | {"ratio": score.ratio} for score in scores] or [of_window]
    return pa.Table.from_pylist(rows, schema=schema)


def _sentence(drift: WindowDrift) -> str:
    if drift.untested:
        return f"{drift.window.label} was not tested: {drift.untested}"
    named = ", ".join(
        f"`{each.column}` ({each.method} {each.score:.3f} > {each.threshold:.3f})" for each in drift.drifted
    )
    most = drift.columns[0]
    return (
        f"{drift.window.label}, {drift.rows} rows: "
        f"{named or f'nothing; nearest `{most.column}` at {most.ratio:.0%} of its threshold'}. In the reference these "
        f"thresholds would have fired {drift.would_have_fired} of {drift.replayed} times"
        f"{f', cut to {drift.season}' if drift.season else ''}."
    )
