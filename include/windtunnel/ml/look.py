"""One window of a live model, as all that was measured, detected, inspected and concluded sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.core.contracts import (
    ColumnDrift,
    DetectedDrift,
    Finding,
    InspectedRequests,
    MeasuredPredictions,
    Rescoring,
    Verdict,
    WindowChecks,
    WindowDrift,
    WindowQuality,
)
from windtunnel.core.window import Window
from windtunnel.ml.joined import on
from windtunnel.ml.quality import SERVED


class Tables(NamedTuple):
    """The rows of a span, as measured and detected."""

    quality: pa.Table
    "Of `<model>_quality`."
    drift: pa.Table
    "Of `<model>_drift`."


class Look(NamedTuple):
    """Everything there is to say of one window."""

    window: Window
    rescoring: Rescoring
    quality: WindowQuality
    drift: WindowDrift
    checks: WindowChecks
    verdict: Verdict
    stored: dict[str, dict[str, str]]
    "Which snapshot of which table holds the numbers by day, slice and column: `quality`, `drift`, `predictions`, `labels`."

    by_day: dict[date, dict[str, float]]
    "The champion's metrics as it served, and how many `rows` they are of."
    scores: tuple[ColumnDrift, ...]
    "Of every column and method, the largest ratio first; `drift` has one of each column."

    @property
    def finding(self) -> Finding | None:
        """What this window adds to the verdict; None where the verdict does not reach back so far."""
        return next((found for found in self.verdict.findings if found.window == self.window), None)


def looks(
    rescoring: Rescoring,
    measured: MeasuredPredictions,
    detected: DetectedDrift,
    inspected: InspectedRequests,
    verdict: Verdict,
    tables: Tables,
) -> Iterator[Look]:
    """A look at each window that holds predictions, oldest first."""
    collected = rescoring.collected
    stored = {
        "predictions": {"table": collected.absorbed.table, "snapshot_id": collected.absorbed.snapshot_id},
        "labels": {"table": collected.labels.table, "snapshot_id": collected.labels.snapshot_id},
        "quality": {"table": measured.table, "snapshot_id": measured.snapshot_id},
        "drift": {"table": detected.table, "snapshot_id": detected.snapshot_id},
    }
    for window in collected.windows:
        yield Look(
            window,
            rescoring,
            _of(window, measured.windows),
            _of(window, detected.windows),
            _of(window, inspected.windows),
            verdict,
            stored,
            _by_day(tables.quality, window, collected.champion.version),
            _scores(tables.drift, window, collected.rows),
        )


def document(look: Look) -> dict[str, Any]:
    """Every number of a window as JSON, and what each can be computed from again."""
    collected, verdict = look.rescoring.collected, look.verdict.to_json()
    champion = collected.champion
    plan = champion.evaluated.plan
    return {
        "model": champion.model,
        "version": champion.version,
        "control": collected.control and collected.control.version,
        "window": look.window.model_dump(mode="json"),
        "verdict": {name: verdict[name] for name in ("word", "sentence", "window", "asks")},
        "finding": look.finding and look.finding.to_json(),
        "labels_until": collected.labels_until and collected.labels_until.isoformat(),
        "span": {"window": collected.span.model_dump(mode="json"), **collected.counts.to_json()},
        "quality": look.quality.to_json(),
        "by_day": {day.isoformat(): found for day, found in look.by_day.items()},
        "drift": look.drift.to_json(),
        "scores": [{**score.to_json(), "ratio": score.ratio} for score in look.scores],
        "checks": look.checks.to_json(),
        "computed_from": {
            **look.stored,
            "work_key": collected.work_key,
            "rows": collected.rows,
            "answers": look.rescoring.answers,
            "reference": {
                "table": plan.dataset.table,
                "snapshot_id": plan.dataset.snapshot_id,
                "window": plan.train.model_dump(mode="json"),
            },
            "expected": champion.evaluated.evaluation,
            "checks": look.checks.report,
            "verdict": look.verdict.report,
        },
    }


def _by_day(quality: pa.Table, window: Window, version: str) -> dict[date, dict[str, float]]:
    day = pc.cast(quality["day"], pa.date32(), safe=False)
    served = pc.and_(pc.equal(quality["role"], SERVED), pc.equal(quality["version"], version))
    rows = quality.filter(pc.and_(pc.and_(served, on(day, window)), pc.equal(quality["slice_column"], "")))
    found: dict[date, dict[str, float]] = {}
    for row in rows.sort_by([("day", "ascending"), ("metric", "ascending")]).to_pylist():
        found.setdefault(row["day"].date(), {"rows": row["rows"]})[row["metric"]] = row["value"]
    return found


def _scores(drift: pa.Table, window: Window, rows: str) -> tuple[ColumnDrift, ...]:
    """Those of these very rows: newer ones may stand in the table by now."""
    mine = drift.filter(pc.and_(pc.equal(drift["rows_address"], rows), pc.is_valid(drift["column"])))
    found = [
        ColumnDrift.model_validate({name: row[name] for name in ColumnDrift.model_fields})
        for row in mine.to_pylist()
        if row["window_start"].date() == window.start
    ]
    return tuple(sorted(found, key=lambda score: (-score.ratio, score.column, score.method)))


class _Windowed(Protocol):
    @property
    def window(self) -> Window: ...


def _of[T: _Windowed](window: Window, found: Sequence[T]) -> T:
    return next(one for one in found if one.window == window)
