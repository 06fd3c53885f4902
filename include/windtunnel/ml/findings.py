"""What each window adds to the verdict, and the rows of the table in which it stands."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time

import pyarrow as pa

from windtunnel.core.contracts import Finding, WindowChecks, WindowDrift, WindowQuality
from windtunnel.core.spec import Task
from windtunnel.core.window import Window
from windtunnel.ml.joined import PREDICTION
from windtunnel.ml.metrics import FIRST, worse_by
from windtunnel.ml.window_quality import bound

WINDOW_START = "window_start"
"""The moment that puts a finding into its month."""

MOST = 1_000.0
"""A bound of 0 makes any error infinitely worse; a table and a JSON document want a number."""

SCHEMA = pa.schema(
    [
        (WINDOW_START, pa.timestamp("us")),
        ("window_end", pa.date32()),
        ("version", pa.string()),
        ("labelled", pa.int64()),
        ("coverage", pa.float64()),
        ("mature", pa.bool_()),
        ("drift", pa.float64()),
        ("drifted", pa.string()),
        ("importance", pa.float64()),
        ("error", pa.float64()),
        ("expected", pa.float64()),
        ("worse", pa.bool_()),
        ("outdone_by", pa.string()),
        ("damage", pa.float64()),
        ("failed", pa.string()),
        ("says", pa.string()),
        ("labels_until", pa.date32()),
    ]
)
"""Lists stand as names with commas between them, so that any engine can read them."""


def findings(
    quality: Iterable[WindowQuality],
    drift: Iterable[WindowDrift],
    checks: Iterable[WindowChecks],
    *,
    version: str,
    control: str | None,
    importance: Mapping[str, float],
    task: Task,
    labels_until: date | None,
) -> tuple[Finding, ...]:
    """One finding per window in which the version answered, oldest first.

    Args:
        quality: Of each window.
        drift: Of the same windows, as far as it was looked for.
        checks: Of the same windows, as far as they were made.
        version: The champion.
        control: The frozen version before it.
        importance: Permutation importance of the version's features, in the first metric; empty: not measured.
        task: Says which metric is the first.
        labels_until: The watermark.
    """
    drifts = {found.window: found for found in drift}
    checked = {found.window: found for found in checks}
    return tuple(
        _finding(
            found,
            drifts.get(found.window),
            checked.get(found.window),
            version=version,
            control=control,
            importance=importance,
            metric=FIRST[task],
            labels_until=labels_until,
        )
        for found in sorted(quality, key=lambda found: found.window.start)
        if found.predictions
    )


def carried(drifted: Iterable[str], importance: Mapping[str, float]) -> float | None:
    """The share of the importance that some columns carry, 0 to 1; None where it was not measured.

    A feature whose shuffling makes the error smaller carries nothing. The prediction carries all: every feature speaks
    in it. The target is no feature; what it does to the model, the error says.
    """
    named = set(drifted)
    if PREDICTION in named:
        return 1.0
    weights = {name: max(value, 0.0) for name, value in importance.items()}
    total = sum(weights.values())
    return sum(weight for name, weight in weights.items() if name in named) / total if total else None


def weighted(drift: float, importance: float | None) -> float:
    """Drift as the model feels it: the mean ratio of score to threshold, weighted by importance.

    `1 + importance * (drift - 1)`, columns that have not drifted counting as 1. What was not measured counts in full.
    """
    return 1 + (1.0 if importance is None else importance) * max(drift - 1, 0.0)


def table(found: Sequence[Finding]) -> pa.Table:
    """Findings as rows of `SCHEMA`."""
    rows = [
        {
            **finding.model_dump(exclude={"window", "drifted", "failed"}),
            WINDOW_START: datetime.combine(finding.window.start, time.min),
            "window_end": finding.window.end,
            "drifted": ",".join(finding.drifted),
            "failed": ",".join(finding.failed),
        }
        for finding in found
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def of_table(rows: pa.Table) -> list[Finding]:
    """The findings back from `table`, oldest first."""
    found = []
    for row in rows.select(SCHEMA.names).sort_by([(WINDOW_START, "ascending"), ("version", "ascending")]).to_pylist():
        window = Window(start=row.pop(WINDOW_START).date(), end=row.pop("window_end"))
        names = {name: tuple(filter(None, row.pop(name).split(","))) for name in ("drifted", "failed")}
        found.append(Finding(window=window, **names, **row))
    return found


def _finding(
    quality: WindowQuality,
    drift: WindowDrift | None,
    checks: WindowChecks | None,
    *,
    version: str,
    control: str | None,
    importance: Mapping[str, float],
    metric: str,
    labels_until: date | None,
) -> Finding:
    ratio = min(drift.columns[0].ratio, MOST) if drift and drift.columns else 0.0
    drifted = tuple(dict.fromkeys(column.column for column in drift.drifted)) if drift else ()
    share = carried(drifted, importance)
    error, limit = quality.metrics.get(metric), _bound(quality, metric)
    worse = quality.worse if quality.mature and error is not None else None
    failed = tuple(check.name for check in checks.failed) if checks else ()
    outdone = quality.mature and quality.control is not None and quality.control.low > 0
    realised = 1.0
    if worse is not None and error is not None and limit is not None:
        realised = worse_by(metric, error, limit)
    return Finding(
        window=quality.window,
        version=version,
        labelled=quality.labelled,
        coverage=quality.labelled / quality.predictions,
        mature=quality.mature,
        drift=ratio,
        drifted=drifted,
        importance=share,
        error=error,
        expected=limit,
        worse=worse,
        outdone_by=control if outdone else None,
        damage=min(weighted(ratio, share) * realised, MOST),
        failed=failed,
        says="broken" if failed else "damage" if worse else "drift" if drifted else "quiet",
        labels_until=labels_until,
    )


def _bound(quality: WindowQuality, metric: str) -> float | None:
    """The side of the expected interval that the error must not cross; None where it says nothing."""
    found = bound(metric, quality.expected) if quality.expected else math.inf
    return found if math.isfinite(found) else None
