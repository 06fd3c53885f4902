"""The head of a monitoring report: the verdict and the exact numbers, as HTML that needs no script."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from windtunnel.core.contracts import Check, ColumnDrift, Interval, LabelCounts, WindowDrift, WindowQuality
from windtunnel.core.spec import ModelSpec
from windtunnel.ml.look import Look
from windtunnel.ml.markup import Html, bounds, days, percent, prose, table, text

_SQUARED = ("mse",)
_IN_UNITS = ("rmse", "mae")
_COUNTED = {
    "duplicates": "asked again, the first answer counts",
    "unjoinable": "without a key",
    "unreadable": "unreadable",
    "between": "captured while a release was under way",
    "contradicted": "with two different labels, so with none",
    "changed": "labels that changed since the last look",
}
"""What is set aside is shown where there is any."""


def summary(title: str, note: str, look: Look, spec: ModelSpec) -> str:
    """Verdict, counts, quality beside what was expected, every column's drift beside its threshold, and the checks.

    Args:
        title: Of the report.
        note: What the reader must know of what follows.
        look: The numbers.
        spec: Knows the unit.
    """
    return "".join(
        (
            f"<h1>{text(title)}</h1>",
            _verdict(look),
            _counts(look),
            "<h2>Quality</h2>",
            *_quality(look, spec),
            "<h2>Drift, exact, over every row</h2>",
            *_drift(look.drift),
            "<h2>Checks of the requests</h2>",
            *_checks(look),
            *_sources(look),
            f'<p class="note">{prose(note)}</p>',
        )
    )


def _verdict(look: Look) -> str:
    verdict, finding = look.verdict, look.finding
    about = f"About {days(verdict.window)}"
    if finding is not None:
        about += f"; this window: {finding.says}"
    return (
        f'<div class="verdict {verdict.word}"><b>{verdict.word.upper()}</b>'
        f"<p>{prose(verdict.sentence)}</p><small>{text(about)}.</small></div>"
    )


def _counts(look: Look) -> str:
    collected, quality = look.rescoring.collected, look.quality
    control = collected.control.version if collected.control else "none"
    share = quality.labelled / quality.predictions if quality.predictions else 0.0
    figures = {
        "version": collected.champion.version,
        "control, frozen": control,
        "predictions of this version": f"{quality.predictions:,}",
        "with labels": f"{quality.labelled:,} ({share:.1%})",
        "requests in the window": f"{look.drift.rows:,}",
    }
    boxes = "".join(f"<div>{text(name)}<b>{text(value)}</b></div>" for name, value in figures.items())
    return (
        f'<div class="figures">{boxes}</div><p>As of labels until {_day(collected.labels_until)} '
        f"({text(collected.labels.tag)}, snapshot {text(collected.labels.snapshot_id)}). {_aside(collected.counts)}</p>"
    )


def _aside(counts: LabelCounts) -> str:
    found = [f"{value:,} {what}" for name, what in _COUNTED.items() if (value := getattr(counts, name))]
    return text(f"In the span set aside: {', '.join(found)}.") if found else ""


def _day(day: date | None) -> str:
    return f"{day:%-d %B %Y}" if day else "no day yet"


def _quality(look: Look, spec: ModelSpec) -> Iterator[str]:
    quality = look.quality
    if not quality.metrics:
        yield "<p>No label has come yet, so there is no quality to state.</p>"
        return
    yield table(
        ("metric", "value"),
        [(_named(name, spec), f"{value:,.4f}") for name, value in quality.metrics.items()],
        numbers=(1,),
    )
    yield f"<p>{prose(_expected(quality))}</p>"
    yield f"<p>{text(_control(quality, look))}</p>"
    names = list(quality.metrics)
    yield table(
        ("day", *names, "rows"),
        [
            (day.isoformat(), *(f"{found[name]:,.4f}" if name in found else "" for name in names), f"{found['rows']:,}")
            for day, found in look.by_day.items()
        ],
        numbers=range(1, len(names) + 2),
    )


def _named(name: str, spec: ModelSpec) -> str:
    unit = f", {spec.unit}" if name in _IN_UNITS else f", {spec.unit}²" if name in _SQUARED else ""
    return f"{name}{unit}"


def _expected(quality: WindowQuality) -> str:
    if quality.expected is None:
        return "The champion's holdout is too short to say what to expect of so many days."
    found = quality.expected
    said = f"Expected of so many days by the champion's holdout: {found.estimate:,.4f}, {found.low:,.4f} to {found.high:,.4f}. "
    if quality.worse is None:
        return said + "Not judged: the labels of the window are not complete."
    return said + ("It is worse than that." if quality.worse else "It is no worse than that.")


def _control(quality: WindowQuality, look: Look) -> str:
    collected = look.rescoring.collected
    if collected.control is None:
        return "There is no control: nothing was in service before this version."
    if quality.control is None:
        return f"Nothing to compare with the control {collected.control.version} on."
    return f"Against the control {collected.control.version} on the same rows: {_change(quality.control)}."


def _change(found: Interval) -> str:
    return f"{percent(found.estimate)} ({bounds(found)}); below 0 the champion is better"


def _drift(found: WindowDrift) -> Iterator[str]:
    if found.untested is not None:
        yield f"<p>{prose(found.untested)}</p>"
    if not found.columns:
        return
    season = f" of {found.season}" if found.season else ""
    yield (
        f"<p>{text(_drifted(found))} Thresholds are calibrated on the reference's own history{text(season)} so that at most "
        f"{found.rate:.0%} of quiet windows are called drift; there they would have fired "
        f"<b>{found.would_have_fired} of {found.replayed}</b> times.</p>"
    )
    yield table(
        ("column", "score", "threshold", "ratio", "method", "reference rows", "current rows", ""),
        [_column(column) for column in found.columns],
        numbers=(1, 2, 3, 5, 6),
    )


def _drifted(found: WindowDrift) -> str:
    names = [column.column for column in found.drifted]
    if not names:
        return f"None of {len(found.columns)} columns has drifted."
    return f"{len(names)} of {len(found.columns)} columns {'have' if len(names) > 1 else 'has'} drifted: {', '.join(names)}."


def _column(column: ColumnDrift) -> tuple[object, ...]:
    return (
        column.column,
        f"{column.score:.5f}",
        f"{column.threshold:.5f}",
        f"{column.ratio:.2f}",
        column.method,
        f"{column.reference_rows:,}",
        f"{column.current_rows:,}",
        _mark(passed=column.ratio <= 1, bad="drifted", good=""),
    )


def _checks(look: Look) -> Iterator[str]:
    checks = look.checks
    if not checks.checks:
        yield "<p>No check fits the requests of this window.</p>"
    else:
        yield table(("check", "", "what it found"), [_check(check) for check in checks.checks])
    if checks.report is not None:
        yield f"<p>The page of Great Expectations: <code>{text(checks.report)}</code></p>"


def _check(check: Check) -> tuple[object, ...]:
    mark = Html("open") if check.passed is None else _mark(passed=check.passed, bad="failed", good="passed")
    return check.name, mark, prose(check.sentence)


def _mark(*, passed: bool, bad: str, good: str) -> Html:
    return Html(good) if passed else Html(f'<b class="bad">{bad}</b>')


def _sources(look: Look) -> Iterator[str]:
    collected = look.rescoring.collected
    addresses = {
        "joined rows": collected.rows,
        "offline answers": look.rescoring.answers,
        "holdout": collected.champion.evaluated.evaluation,
        "verdict": look.verdict.report,
    }
    tables = [(name, f"{said['table']}, snapshot {said['snapshot_id']}") for name, said in look.stored.items()]
    yield "<h2>Computed from</h2>"
    yield table(("what", "where"), [*addresses.items(), *tables])
