"""One window of a live model, as all that was measured, detected, inspected and concluded sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from windtunnel.core.contracts import (
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
        )


def document(look: Look) -> dict[str, Any]:
    """Every number of a window as JSON, and what each can be computed from again."""
    collected, verdict = look.rescoring.collected, look.verdict.to_json()
    champion = collected.champion
    plan = champion.evaluated.plan
    drift = look.drift.to_json()
    for column, found in zip(drift["columns"], look.drift.columns, strict=True):
        column["ratio"] = found.ratio
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
        "drift": drift,
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


class _Windowed(Protocol):
    @property
    def window(self) -> Window: ...


def _of[T: _Windowed](window: Window, found: Sequence[T]) -> T:
    return next(one for one in found if one.window == window)
