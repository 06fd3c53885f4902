"""A shadow beside the champion: what it is asked, and the answer.

A check that fails stops the version. A check that lacks evidence says so and stops nothing: what a quiet day could not
show, the reviewer sees in the dossier and the alarms of the rollout watch.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from windtunnel.core.contracts import Check
from windtunnel.core.spec import ModelSpec
from windtunnel.ml import side_by_side
from windtunnel.ml.pairing import Pairs
from windtunnel.ml.side_by_side import Accuracy, Difference

LEAST_REQUESTS_OF_P99 = 100
"""Below it the 99th percentile is the slowest request and nothing else."""


class Service(NamedTuple):
    """What CloudWatch counted of one variant while the shadow stood."""

    invocations: int
    refused: int
    "Answers 4xx."
    failed: int
    "Answers 5xx, and none at all."
    p50_ms: float | None
    "Of the model's latency; None where nothing was measured."
    p99_ms: float | None


class Comparison(BaseModel):
    """Everything that was compared, and the answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passed: bool
    sentence: str
    checks: tuple[Check, ...]
    requests: int
    rows: int
    labelled_requests: int
    labelled_rows: int
    champion_only: int
    shadow_only: int
    unnamed: int
    difference: Difference | None
    accuracy: Accuracy | None
    champion: Service
    shadow: Service


def compare(pairs: Pairs, truth: pa.Table, champion: Service, shadow: Service, spec: ModelSpec) -> Comparison:
    """Judge a shadow by `spec.shadow`.

    Args:
        pairs: From `pairing.pair`.
        truth: Key, event time and target of rows whose labels have come.
        champion: What was counted of the champion.
        shadow: What was counted of the shadow.
        spec: The model.
    """
    labelled = side_by_side.labelled(pairs.rows, truth, spec)
    accuracy = side_by_side.accuracy(labelled, spec)
    difference = side_by_side.difference(pairs.rows, spec.evaluation.onnx_tolerance)
    checks = (
        _requests(pairs, spec),
        _errors(champion, shadow, spec),
        _latency(champion, shadow, spec),
        _answers(pairs.rows, difference, spec),
        _accuracy(accuracy, labelled, pairs, spec),
    )
    return Comparison(
        passed=all(check.passed is not False for check in checks),
        sentence=_sentence(checks, pairs.requests),
        checks=checks,
        requests=pairs.requests,
        rows=len(pairs.rows),
        labelled_requests=len(pc.unique(labelled["request"])),
        labelled_rows=len(labelled),
        champion_only=pairs.champion_only,
        shadow_only=pairs.shadow_only,
        unnamed=pairs.unnamed,
        difference=difference,
        accuracy=accuracy,
        champion=champion,
        shadow=shadow,
    )


def _requests(pairs: Pairs, spec: ModelSpec) -> Check:
    least, unpaired = spec.shadow.least_requests, pairs.champion_only + pairs.shadow_only
    numbers = {
        "requests": pairs.requests,
        "rows": len(pairs.rows),
        "champion_only": pairs.champion_only,
        "shadow_only": pairs.shadow_only,
        "unnamed": pairs.unnamed,
    }
    rest = f" {unpaired:,} more could not be paired." if unpaired else ""
    if pairs.requests >= least:
        return Check(
            name="requests", passed=True, sentence=f"Both answered {pairs.requests:,} requests.{rest}", numbers=numbers
        )
    sentence = f"Both answered {pairs.requests:,} requests; fewer than {least:,} are not enough evidence.{rest}"
    return Check(name="requests", passed=None, sentence=sentence, numbers=numbers)


def _errors(champion: Service, shadow: Service, spec: ModelSpec) -> Check:
    """A request that the champion refuses too is the client's fault; what the shadow refuses beyond those is its own."""
    most, least = spec.shadow.most_errors, spec.shadow.least_requests
    expected = shadow.invocations * champion.refused / max(1, champion.invocations)
    # Two standard deviations: the counts of the two begin and end at the full minute, not at the same request.
    own = max(0.0, shadow.refused - expected - 2 * math.sqrt(expected))
    share = (shadow.failed + own) / max(1, shadow.invocations)
    numbers = {
        "invocations": shadow.invocations,
        "failed": shadow.failed,
        "refused": shadow.refused,
        "share": share,
        "champion_invocations": champion.invocations,
        "champion_failed": champion.failed,
        "champion_refused": champion.refused,
        "most": most,
    }
    said = (
        f"Of {shadow.invocations:,} mirrored requests it failed {shadow.failed:,} and refused {shadow.refused:,}; the "
        f"champion failed {champion.failed:,} and refused {champion.refused:,} of {champion.invocations:,}."
    )
    # One failure is evidence however few the requests; no failure among few is none.
    if share > most:
        return Check(name="errors", passed=False, sentence=f"{said} Allowed is a share of {most:g}.", numbers=numbers)
    passed = True if shadow.invocations >= least else None
    return Check(name="errors", passed=passed, sentence=said, numbers=numbers)


def _latency(champion: Service, shadow: Service, spec: ModelSpec) -> Check:
    """Slower than the champion by the factor and than the gate's budget, in the median too or above the rollout's limit.

    The 99th percentile alone is a handful of requests, which are late for reasons of the machine.
    """
    factor, budget, limit = spec.shadow.slower, spec.gate.most_p99_ms, spec.rollout.most_p99_ms
    numbers = {
        "p50_ms": shadow.p50_ms,
        "p99_ms": shadow.p99_ms,
        "champion_p50_ms": champion.p50_ms,
        "champion_p99_ms": champion.p99_ms,
        "slower": factor,
        "budget_ms": budget,
        "limit_ms": limit,
    }
    if shadow.p99_ms is None or champion.p99_ms is None or shadow.p50_ms is None or champion.p50_ms is None:
        return Check(name="latency", passed=None, sentence="Nothing was measured.", numbers=numbers)
    said = (
        f"Half of its answers took at most {shadow.p50_ms:.1f} ms and 99 % at most {shadow.p99_ms:.1f} ms; the champion's "
        f"{champion.p50_ms:.1f} and {champion.p99_ms:.1f} ms"
    )
    if min(shadow.invocations, champion.invocations) < LEAST_REQUESTS_OF_P99:
        few = f"{said}. Fewer than {LEAST_REQUESTS_OF_P99} requests say little of that."
        return Check(name="latency", passed=None, sentence=few, numbers=numbers)
    all_of_them = shadow.p50_ms > factor * champion.p50_ms and shadow.p99_ms > budget
    if shadow.p99_ms > factor * champion.p99_ms and (all_of_them or shadow.p99_ms > limit):
        return Check(
            name="latency", passed=False, sentence=f"{said}: allowed is {factor:g} times as long.", numbers=numbers
        )
    return Check(name="latency", passed=True, sentence=f"{said}.", numbers=numbers)


def _answers(rows: pa.Table, difference: Difference | None, spec: ModelSpec) -> Check:
    if difference is None:
        return Check(name="answers", passed=None, sentence="No answers to compare.")
    low, high = spec.serving.plausible
    unusable, usual = (
        float(np.mean(~((rows[name].to_numpy() >= low) & (rows[name].to_numpy() <= high))))
        for name in ("shadow", "champion")
    )
    numbers = {**difference.model_dump(), "unusable": unusable, "champion_unusable": usual}
    said = (
        f"Its answers differ from the champion's by {difference.mean:.3g} {spec.unit} on average, "
        f"{difference.p95:.3g} at the 95th percentile, {difference.largest:.3g} at most; "
        f"{difference.share_above:.1%} by more than {difference.tolerance:g}."
    )
    # The same questions, so one answer that the champion would not give is the shadow's own.
    if unusable > usual:
        wrong = f"{unusable:.1%} of its answers lie outside {low:g} to {high:g} {spec.unit}, the champion's: {usual:.1%}. {said}"
        return Check(name="answers", passed=False, sentence=wrong, numbers=numbers)
    return Check(name="answers", passed=True, sentence=said, numbers=numbers)


def _accuracy(accuracy: Accuracy | None, labelled: pa.Table, pairs: Pairs, spec: ModelSpec) -> Check:
    margin, coverage = spec.shadow.margin, len(labelled) / len(pairs.rows) if len(pairs.rows) else 0.0
    if accuracy is None:
        return Check(
            name="accuracy",
            passed=None,
            sentence=f"Of {len(pairs.rows):,} rows that both answered none has its label yet.",
            numbers={"rows": len(pairs.rows), "labelled": 0, "coverage": 0.0},
        )
    worse = accuracy.worse
    numbers = {
        "rows": len(pairs.rows),
        "labelled": len(labelled),
        "coverage": coverage,
        "days": accuracy.days,
        "block": accuracy.block,
        "blocks": accuracy.blocks,
        "rmse": accuracy.shadow.rmse,
        "champion_rmse": accuracy.champion.rmse,
        "worse": worse.estimate if worse else None,
        "worse_low": worse.low if worse else None,
        "worse_high": worse.high if worse else None,
        "margin": margin,
    }
    said = (
        f"On {accuracy.shadow.rows:,} rows, {coverage:.0%} of those that both answered have their label, its RMSE is "
        f"{accuracy.shadow.rmse:.2f} {spec.unit} and the champion's {accuracy.champion.rmse:.2f}"
    )
    drawn = f"{accuracy.blocks} {accuracy.block}{'s' if accuracy.blocks != 1 else ''}"
    if worse is None:
        few = f"{said}; {drawn} are too few to say more."
        return Check(name="accuracy", passed=None, sentence=few, numbers=numbers)
    said += f": {worse.estimate:+.1%} ({worse.low:+.1%} to {worse.high:+.1%} over {drawn})"
    if worse.low > margin:
        return Check(name="accuracy", passed=False, sentence=f"{said}, worse than {margin:+.0%}.", numbers=numbers)
    if worse.high > margin:
        unclear = f"{said}, which leaves open whether it is worse than {margin:+.0%}."
        return Check(name="accuracy", passed=None, sentence=unclear, numbers=numbers)
    return Check(name="accuracy", passed=True, sentence=f"{said}, not worse than {margin:+.0%}.", numbers=numbers)


def _sentence(checks: tuple[Check, ...], requests: int) -> str:
    failed = [check for check in checks if check.passed is False]
    unsaid = [f"`{check.name}`" for check in checks if check.passed is None]
    if failed:
        return "Stopped as a shadow: " + " ".join(check.sentence for check in failed)
    if not unsaid:
        return f"As a shadow it held its own over {requests:,} requests."
    return (
        f"Nothing was found against it over {requests:,} requests as a shadow; there was not enough evidence on "
        f"{', '.join(unsaid)}."
    )
