"""The sections of a dossier that are drawn: errors with their bounds, by day, by slice, and drift."""

from __future__ import annotations

from windtunnel.core.contracts import Check
from windtunnel.ml.dossier.document import MOVED, Document
from windtunnel.ml.drawing import Line, Mark, Tone, bars, by_day, intervals
from windtunnel.ml.holdout import Errors, Slice
from windtunnel.ml.markup import bounds, percent, table, text

TONES: dict[str, Tone] = {"this version": "own", "champion": "other"}
MOST_DRAWN = 24


def quality(document: Document) -> str:
    """Errors of the version, the champion and the baselines, with bounds and by day."""
    holdout, plan = document.evidence.holdout, document.registered.evaluated.plan
    unit = document.registered.evaluated.unit
    rows = (
        (
            found.name,
            f"{found.quality.rmse:.2f}",
            _rmse_bounds(found),
            f"{found.quality.mae:.2f}",
            f"{found.quality.mse:.1f}",
            "none" if found.quality.r2 is None else f"{found.quality.r2:.3f}",
        )
        for found in holdout.errors
    )
    marks = [
        Mark(
            found.name,
            found.quality.rmse,
            found.rmse.low if found.rmse else None,
            found.rmse.high if found.rmse else None,
            f"{found.quality.rmse:.2f} {unit}",
            TONES.get(found.name, "open"),
        )
        for found in holdout.errors
    ]
    drawn = intervals(
        marks,
        title=f"RMSE of each, {unit}",
        about="; ".join(f"{mark.label} {mark.said}" for mark in marks),
        axis=f"RMSE, {unit}; lower is better",
    )
    header = ("", f"RMSE, {unit}", "bounds", f"MAE, {unit}", f"MSE, {unit}²", "R²")
    return (
        f"<p>All of them answered the same {plan.holdout_rows:,} rows of {text(plan.holdout)}, which no training has seen. "
        "Bounds are one-sided 95 % each, from a bootstrap over whole days.</p>"
        + table(header, rows, numbers=range(1, 6))
        + _figure(drawn)
        + _days(document)
    )


def slices(document: Document) -> str:
    """Every slice beside the champion with its count; without a champion its errors."""
    holdout, gate, unit = document.evidence.holdout, document.registered.gate, document.registered.evaluated.unit
    if not holdout.slices:
        return "<p>The spec declares no slices, or its answers are no finite numbers.</p>"
    judged = {check.name.removeprefix("slice:"): check for check in gate.checks if check.name.startswith("slice:")}
    compared = [
        found for found in holdout.slices if found.change is not None and f"{found.column}={found.value}" in judged
    ]
    compared = compared or [found for found in holdout.slices if found.change is not None]
    if compared:
        margin = document.declared.slice_margin
        words = (
            f"RMSE over the champion's on the same rows, minus 1: left of the line it is better. No slice may lose more "
            f"than {margin:.0%}, the broken line. Slices below {document.declared.slice_least_rows:,} rows are shown and not judged."
        )
        marks = [_change(found, judged.get(f"{found.column}={found.value}")) for found in compared[:MOST_DRAWN]]
        drawn = intervals(
            marks, title="RMSE by slice, against the champion", axis="RMSE over the champion's, %; below 0 is better",
            about="; ".join(f"{mark.label} {mark.said}" for mark in marks), zero=0, limit=margin * 100,
        )  # fmt: skip
    else:
        words = "Nothing is in service to compare it with: each slice's own error, the largest slices first."
        marks = [
            Mark(f"{s.column} {s.value}", s.rmse, None, None, f"{s.rmse:.2f} ({s.rows:,} rows)") for s in holdout.slices
        ]
        drawn = bars(
            marks[:MOST_DRAWN], title="RMSE by slice", axis=f"RMSE, {unit}; lower is better",
            about="; ".join(f"{mark.label} {mark.said}" for mark in marks[:MOST_DRAWN]),
        )  # fmt: skip
    left_out = "".join(
        f"<p>{count:,} smaller values of {text(name)} are left out.</p>" for name, count in holdout.more_slices.items()
    )
    rows = (_slice_row(found, judged.get(f"{found.column}={found.value}")) for found in holdout.slices)
    header = ("slice", "rows", f"RMSE, {unit}", "champion", "change", "bounds", "the gate")
    listed = table(header, rows, numbers=range(1, 6))
    return f"<p>{text(words)}</p>{_figure(drawn)}<details><summary>All slices as numbers</summary>{listed}</details>{left_out}"


def drift(document: Document) -> str:
    """Exact drift of the holdout against the training rows, over every row."""
    found = sorted(document.evidence.drift.items(), key=lambda item: -item[1].score)
    if not found:
        return "<p>No column has values on both sides.</p>"
    marks = [
        Mark(
            name,
            score.score,
            None,
            None,
            f"{score.score:.3f} {score.method}",
            "open" if score.score >= MOVED else "own",
        )
        for name, score in found[:MOST_DRAWN]
    ]
    plan = document.registered.evaluated.plan
    drawn = bars(
        marks, title="Drift by column", axis="distance; the words below say which",
        about="; ".join(f"{mark.label} {mark.said}" for mark in marks),
    )  # fmt: skip
    return (
        f"<p>{text(plan.holdout)} against {text(plan.train)}, over every row. Numbers: Wasserstein distance in standard "
        f"deviations of the training rows; categories: Jensen-Shannon distance, at most 0.83. From {MOVED} on a column is "
        f"marked. Months differ by season as well as by fault: the error on these rows, above, says what it costs "
        f"{text(document.registered.model)}.</p>{_figure(drawn)}"
    )


def _days(document: Document) -> str:
    days, unit = document.evidence.holdout.days, document.registered.evaluated.unit
    names = [name for name in TONES if any(name in day.rmse for day in days)]
    if not names:
        return ""
    lines = [Line(name, [day.rmse.get(name) for day in days], TONES[name]) for name in names]
    worst = max(days, key=lambda day: day.rmse.get(names[0], 0.0))
    about = f"{len(days)} days; the worst is {worst.day} with {worst.rmse.get(names[0], 0.0):.2f} {unit}"
    drawn = by_day([day.day for day in days], lines, title="RMSE by day", about=about, axis=f"RMSE by day, {unit}")
    return _figure(drawn, f"{about} over {worst.rows:,} rows.")


def _change(found: Slice, check: Check | None) -> Mark:
    change = found.change
    assert change is not None  # noqa: S101 - only those with a change are drawn
    tone: Tone = "open" if check is None or check.passed is None else "good" if check.passed else "bad"
    said = f"{percent(change.estimate)} ({found.rows:,} rows)"
    label = f"{found.column} {found.value}"
    return Mark(label, change.estimate * 100, change.low * 100, change.high * 100, said, tone)


def _slice_row(found: Slice, check: Check | None) -> tuple[str, ...]:
    word = "not judged" if check is None or check.passed is None else "passed" if check.passed else "failed"
    return (
        f"{found.column} {found.value}",
        f"{found.rows:,}",
        f"{found.rmse:.2f}",
        "" if found.champion_rmse is None else f"{found.champion_rmse:.2f}",
        "" if found.change is None else percent(found.change.estimate),
        "" if found.change is None else bounds(found.change),
        word,
    )


def _rmse_bounds(found: Errors) -> str:
    return "too few days" if found.rmse is None else f"{found.rmse.low:.2f} to {found.rmse.high:.2f}"


def _figure(drawn: str, caption: str = "") -> str:
    return f"<figure>{drawn}{f'<figcaption>{text(caption)}</figcaption>' if caption else ''}</figure>"
