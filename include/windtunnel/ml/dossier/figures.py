"""The sections of a dossier that are drawn: errors with their bounds, by day, by slice, contributions, and drift."""

from __future__ import annotations

from collections.abc import Sequence

from windtunnel.core.contracts import Check
from windtunnel.ml.dossier.document import MOVED, Document, change_of
from windtunnel.ml.drawing import Line, Mark, Tone, bars, by_day, intervals
from windtunnel.ml.holdout import Errors, Slice
from windtunnel.ml.markup import bounds, days, percent, table, text

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
            TONES.get(found.name, "plain"),
        )
        for found in holdout.errors
    ]
    drawn = intervals(
        marks,
        title=f"RMSE of each, {unit}",
        about=_told(marks),
        axis=f"RMSE, {unit}; lower is better",
    )
    header = ("", f"RMSE, {unit}", "bounds", f"MAE, {unit}", f"MSE, {unit}²", "R²")
    return (
        f"<p>All of them answered the same {document.registered.gate.rows:,} rows of {text(days(plan.holdout))}, which no training has seen. "
        "Bounds are one-sided 95 % each, from a bootstrap over whole days.</p>"
        + table(header, rows, numbers=range(1, 6))
        + _figure(drawn)
        + _days(document)
    )


def slices(document: Document) -> str:
    """Every slice beside the champion with its count; without a champion its errors."""
    holdout, unit = document.evidence.holdout, document.registered.evaluated.unit
    if not holdout.slices:
        return "<p>The spec declares no slices, or its answers are no finite numbers.</p>"
    judged = {check.name: check for check in document.registered.gate.checks if change_of(check)}
    compared = [found for found in holdout.slices if _name(found) in judged]
    if compared:
        drawn = _compared(document, [judged[_name(found)] for found in compared[:MOST_DRAWN]])
    else:
        marks = [
            Mark(_label(found), found.rmse, None, None, f"{found.rmse:.2f} ({found.rows:,} rows)")
            for found in holdout.slices[:MOST_DRAWN]
        ]
        drawn = "<p>Nothing is in service to compare it with: each slice's own error, the largest slices first.</p>"
        drawn += _figure(bars(marks, title="RMSE by slice", about=_told(marks), axis=f"RMSE, {unit}; lower is better"))
    rows = (_slice_row(found, judged.get(_name(found))) for found in holdout.slices)
    header = ("slice", "rows", f"RMSE, {unit}", "champion", "change", "bounds", "the gate")
    left_out = (
        f"<p>{count:,} smaller values of {text(name)} are left out.</p>"
        for name, count in sorted(holdout.more_slices.items())
    )
    listed = table(header, rows, numbers=range(1, 6))
    return f"{drawn}<details><summary>All slices as numbers</summary>{listed}</details>{''.join(left_out)}"


def _compared(document: Document, checks: Sequence[Check]) -> str:
    margin, least = document.declared.slice_margin, document.declared.slice_least_rows
    marks = []
    for check in checks:
        change = change_of(check)
        if change is None:
            continue
        said = f"{percent(change.estimate)} ({check.numbers['rows']:,} rows)"
        tone: Tone = "open" if check.passed is None else "good" if check.passed else "bad"
        label = check.name.removeprefix("slice:").replace("=", " ", 1)
        marks.append(Mark(label, change.estimate * 100, change.low * 100, change.high * 100, said, tone))
    drawn = intervals(
        marks,
        title="RMSE by slice, against the champion",
        about=_told(marks),
        axis="RMSE over the champion's, %; left of the line is better",
        zero=0,
        limit=margin * 100,
    )
    return (
        f"<p>RMSE over the champion's on the same rows, minus 1, with bounds at one-sided 95 % each. No slice may lose "
        f"more than {margin:.0%}, the broken line. Green: passed; amber: shown and not judged, for it has fewer than "
        f"{least:,} rows or may be off by chance.</p>{_figure(drawn)}"
    )


def contributions(document: Document) -> str:
    """How much each feature adds to an answer or takes from it, in the mean."""
    found, unit = document.evidence.contributions, document.registered.evaluated.unit
    if not found:
        return "<p>Not measured at its evaluation.</p>"
    largest_first = sorted(found.items(), key=lambda each: (-each[1], each[0]))  # a document's JSON keeps no order
    marks = [Mark(name, size, None, None, f"{size:.2f} {unit}", "own") for name, size in largest_first[:MOST_DRAWN]]
    drawn = bars(marks, title="Contributions by feature", axis=f"mean contribution, {unit}", about=_told(marks))
    return (
        "<p>Mean size of what a feature adds to an answer or takes from it: Shapley values of rows of the holdout against "
        f"rows of the training, which add up to each answer. The same is told of one row by the server's "
        f"<code>/explain</code>.</p>{_figure(drawn)}"
    )


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
        marks, title="Drift by column", axis="distance",
        about=_told(marks),
    )  # fmt: skip
    return (
        f"<p>{text(days(plan.holdout))} against {text(days(plan.train))}, over every row. Numbers: Wasserstein distance in standard "
        f"deviations of the training rows; categories: Jensen-Shannon distance, at most 0.83. From {MOVED} on a column is "
        f"marked. Months differ by season as well as by fault: the error on these rows, above, says what it costs "
        f"{text(document.registered.model)}.</p>{_figure(drawn)}"
    )


def _days(document: Document) -> str:
    found, unit = document.evidence.holdout.days, document.registered.evaluated.unit
    names = [name for name in TONES if any(name in day.rmse for day in found)]
    if not names:
        return ""
    lines = [Line(name, [day.rmse.get(name) for day in found], TONES[name]) for name in names]
    worst = max(found, key=lambda day: day.rmse.get(names[0], 0.0))
    about = f"{len(found)} days; the worst is {worst.day} with {worst.rmse.get(names[0], 0.0):.2f} {unit}"
    drawn = by_day([day.day for day in found], lines, title="RMSE by day", about=about, axis=f"RMSE by day, {unit}")
    return _figure(drawn, f"{about} over {worst.rows:,} rows.")


def _slice_row(found: Slice, check: Check | None) -> tuple[str, ...]:
    change = check and change_of(check)
    return (
        _label(found),
        f"{found.rows:,}",
        f"{found.rmse:.2f}",
        "" if found.champion_rmse is None else f"{found.champion_rmse:.2f}",
        percent(change.estimate) if change else "",
        bounds(change) if change else "",
        "not judged" if check is None or check.passed is None else "passed" if check.passed else "failed",
    )


def _name(found: Slice) -> str:
    return f"slice:{found.column}={found.value}"


def _label(found: Slice) -> str:
    return f"{found.column} {found.value}"


def _told(marks: Sequence[Mark]) -> str:
    return "; ".join(f"{mark.label} {mark.said}" for mark in marks)


def _rmse_bounds(found: Errors) -> str:
    return "too few days" if found.rmse is None else f"{found.rmse.low:.2f} to {found.rmse.high:.2f}"


def _figure(drawn: str, caption: str = "") -> str:
    return f"<figure>{drawn}{f'<figcaption>{text(caption)}</figcaption>' if caption else ''}</figure>"
