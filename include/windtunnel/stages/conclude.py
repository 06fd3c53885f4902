"""conclude: quality, drift and checks of each window -> one word and one sentence on the live model."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from windtunnel.aws import figures, measurements, reference, verdicts
from windtunnel.core import vitals
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import (
    CollectedPredictions,
    DetectedDrift,
    Finding,
    InspectedRequests,
    MeasuredPredictions,
    Verdict,
)
from windtunnel.core.workkey import work_key

log = logging.getLogger(__name__)


def conclude(
    collected: CollectedPredictions,
    measured: MeasuredPredictions,
    detected: DetectedDrift,
    inspected: InspectedRequests,
) -> Verdict:
    """Weigh what the windows say, those of earlier runs included, and decide.

    Repeated with the same measurements it gives the same verdict. The findings replace those of the span in the table
    `<model>_findings`; a `retrain` is claimed, so that another verdict does not ask for it again while it cools down.

    Args:
        collected: The predictions.
        measured: Their quality by window.
        detected: Their drift by window.
        inspected: The checks of their requests by window.

    Raises:
        CommitConflict: Others kept winning; run it again.
    """
    from windtunnel.ml.verdict import cooling, judge
    from windtunnel.ml.verdict_sentence import sentence

    champion, spec = collected.champion, model_spec(collected.champion.model)
    log.info(
        "conclude: %s, %d windows of %s with quality in %s and drift in %s",
        champion.version,
        len(collected.windows),
        collected.span,
        measured.table,
        detected.table,
    )
    found, snapshot_id = _found(collected, measured, detected, inspected)
    judged = judge(found, champion.version, spec.monitoring)
    window = judged.findings[-1].window if judged.findings else collected.windows[-1]
    order = measurements.order_of(collected)
    key = work_key(
        collected=collected.work_key, findings=[each.to_json() for each in judged.findings], window=str(window)
    )
    report = verdicts.address(spec.name, window, order, key)
    verdict = verdicts.find(report)
    if verdict is None:
        asked = None
        if judged.word == "retrain":
            held = partial(cooling, window=window, days=spec.monitoring.cooldown_days)
            asked = verdicts.claim(spec.name, report, window, held)
        verdict = Verdict(
            model=spec.name,
            version=champion.version,
            window=window,
            word=judged.word,
            sentence=sentence(judged, spec, asked.window if asked and not asked.own else None, inspected.windows),
            labels_until=judged.labels_until,
            findings=judged.findings,
            asks=bool(asked and asked.own),
            report=report,
        )
        verdicts.keep(verdict, _computed_from(collected, measured, detected, inspected, snapshot_id))
    if verdicts.point(verdict, order):
        figures.put(spec.name, _figures(verdict))
    log.info("conclude: %s %s", verdict.sentence, verdict.report)
    return verdict


def _found(
    collected: CollectedPredictions,
    measured: MeasuredPredictions,
    detected: DetectedDrift,
    inspected: InspectedRequests,
) -> tuple[list[Finding], str]:
    """Every finding there is, those of this span put into the table first, and the snapshot that has these."""
    from windtunnel.ml import findings

    champion, spec = collected.champion, model_spec(collected.champion.model)
    own = findings.findings(
        measured.windows,
        detected.windows,
        inspected.windows,
        version=champion.version,
        control=collected.control.version if collected.control else None,
        importance=reference.importance(champion.evaluated),
        task=spec.task,
        labels_until=collected.labels_until,
    )
    for each in own:
        log.info("conclude: %s", _line(each))
    before = measurements.read(spec.name, "findings", collected.span)
    # Those of other versions stay: one of them may come back into service.
    earlier = [] if before is None else findings.of_table(before)
    others = [each for each in earlier if each.version != champion.version]
    snapshot_id = measurements.put(
        spec.name,
        "findings",
        findings.table([*own, *others]),
        moment=findings.WINDOW_START,
        span=collected.span,
        work=work_key(collected=collected.work_key, findings=[each.to_json() for each in own]),
        order=measurements.order_of(collected),
    )
    rows = measurements.read(spec.name, "findings")
    assert rows is not None  # noqa: S101 - put a line ago
    return findings.of_table(rows), snapshot_id


def _figures(verdict: Verdict) -> dict[str, float]:
    """The word as a number, and what the newest window adds to it."""
    found = {vitals.VERDICT: float(("ignore", "watch", "retrain").index(verdict.word))}
    if verdict.findings:
        newest = verdict.findings[-1]
        found |= {vitals.DRIFT: newest.drift, vitals.FAILED_CHECKS: float(len(newest.failed))}
    return found


def _computed_from(
    collected: CollectedPredictions,
    measured: MeasuredPredictions,
    detected: DetectedDrift,
    inspected: InspectedRequests,
    snapshot_id: str,
) -> dict[str, Any]:
    model = collected.champion.model
    return {
        "rows": collected.rows,
        "labels": {"table": collected.labels.table, "snapshot_id": collected.labels.snapshot_id},
        "quality": {"table": measured.table, "snapshot_id": measured.snapshot_id},
        "drift": {"table": detected.table, "snapshot_id": detected.snapshot_id},
        "findings": {"table": measurements.table_name(model, "findings"), "snapshot_id": snapshot_id},
        "checks": {found.window.label: found.report for found in inspected.windows},
        "importance": collected.champion.evaluated.evaluation,
        "rules": model_spec(model).monitoring.model_dump(mode="json"),
    }


def _line(found: Finding) -> str:
    error = "no label yet" if found.error is None else f"error {found.error:.4g}"
    if found.error is not None and found.expected is not None:
        error += f" against {found.expected:.4g}"
    failed = f", failed {', '.join(found.failed)}" if found.failed else ""
    state = "mature" if found.mature else f"{found.coverage:.0%} labelled"
    return (
        f"{found.window}: {found.says}, {error} ({state}), drift {found.drift:.2f}, damage {found.damage:.2f}{failed}"
    )
