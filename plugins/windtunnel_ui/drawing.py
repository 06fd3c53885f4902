"""Small drawings as SVG: shapes with classes, so that the style sheet colours them in light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

WIDTH, HEIGHT, EDGE = 132, 34, 4


def quality(windows: Sequence[dict[str, Any]], metric: str, unit: str) -> Markup:
    """A metric over the last windows, its promise as a dashed line, windows that broke it as filled dots.

    Args:
        windows: `FeedWindow`s, oldest first; those without labels are left out.
        metric: Name of the task's first metric.
        unit: Of the target.
    """
    shown = [window for window in windows if window["error"] is not None]
    if not shown:
        return Markup('<span class="soft">no labels yet</span>')
    values = [float(window["error"]) for window in shown]
    bounds = [float(window["expected"]) for window in shown if window["expected"] is not None]
    low, high = min([*values, *bounds]), max([*values, *bounds])
    span = (high - low) or 1.0

    def x(at: int) -> float:
        return EDGE + (WIDTH - 2 * EDGE) * (at / (len(shown) - 1) if len(shown) > 1 else 0.5)

    def y(value: float) -> float:
        return HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value - low) / span

    points = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in enumerate(values))
    dots = [
        f'<circle cx="{x(at):.1f}" cy="{y(window["error"]):.1f}" r="3" class="{"bad" if window["worse"] else "own"}"/>'
        for at, window in enumerate(shown)
    ]
    promise = (
        f'<line x1="0" x2="{WIDTH}" y1="{y(bounds[-1]):.1f}" y2="{y(bounds[-1]):.1f}" class="promise"/>'
        if bounds
        else ""
    )
    said = f"{metric.upper()} in {unit} over the last {len(shown)} windows: " + ", ".join(f"{v:.4g}" for v in values)
    said += f"; at most {bounds[-1]:.4g} is promised" if bounds else ""
    return Markup(
        '<svg class="spark" role="img" aria-label="{said}" width="{width}" height="{height}" '
        'viewBox="0 0 {width} {height}"><title>{said}</title>{drawn}</svg>'
    ).format(
        said=said,
        width=WIDTH,
        height=HEIGHT,
        drawn=Markup(f'{promise}<polyline points="{points}" class="line"/>{"".join(dots)}'),  # noqa: S704 - numbers
    )


def services(stretches: Sequence[dict[str, Any]], now: datetime | None = None) -> Markup:
    """What was in service when: one bar, a part for each version, in order of time.

    Args:
        stretches: `FeedService`s, newest first.
        now: The end of the bar.
    """
    if not stretches:
        return Markup("")
    now = now or datetime.now(UTC)
    spans = [
        (s["version"], datetime.fromisoformat(s["since"]), datetime.fromisoformat(s["until"]) if s["until"] else now)
        for s in reversed(stretches)
    ]
    first, whole = spans[0][1], max((now - spans[0][1]).total_seconds(), 1.0)
    parts = []
    for at, (version, since, until) in enumerate(spans):
        left = (since - first).total_seconds() / whole * 1000
        width = max((until - since).total_seconds() / whole * 1000 - 2, 2)
        label = Markup('<text x="{x:.1f}" y="21">{version}</text>').format(x=left + 8, version=version)
        parts.append(
            Markup(
                '<g><title>{said}</title><rect x="{x:.1f}" y="2" width="{w:.1f}" height="28" class="{tone}"/>{t}</g>'
            ).format(
                said=f"{version}: from {since:%d %b %Y %H:%M} to {'now' if until is now else f'{until:%d %b %Y %H:%M}'}",
                x=left,
                w=width,
                tone="even" if at % 2 else "odd",
                t=label if width > 70 else "",
            )
        )
    return Markup('<svg class="services" role="img" aria-label="{said}" viewBox="0 0 1000 32">{parts}</svg>').format(
        said="In service, oldest first: " + ", ".join(version for version, _, _ in spans),
        parts=Markup("").join(parts),
    )
