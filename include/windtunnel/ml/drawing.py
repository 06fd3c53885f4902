"""Drawings as inline SVG: no script, no address, colours that the page decides and that follow light and dark.

A page defines the classes: `ink`, `soft` (text), `rule` (lines of the grid), and one of `TONES` for what is shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from typing import Literal, NamedTuple

from windtunnel.ml.markup import short, text

Tone = Literal["own", "other", "plain", "good", "bad", "open"]
TONES: tuple[Tone, ...] = ("own", "other", "plain", "good", "bad", "open")

WIDTH = 760
"Units of a drawing's own; the page scales it to its column."
_LINE = 26
_LABEL = 190
_VALUE = 170
_LONGEST = 26


class Mark(NamedTuple):
    """A value with its interval, on a line of its own."""

    label: str
    value: float
    low: float | None
    high: float | None
    said: str
    "The value as a person reads it."
    tone: Tone = "own"


class Line(NamedTuple):
    """A value per day; None where there was none."""

    label: str
    values: Sequence[float | None]
    tone: Tone


def intervals(
    marks: Sequence[Mark], *, title: str, about: str, axis: str, zero: float | None = None, limit: float | None = None
) -> str:
    """Values with their intervals below each other.

    Args:
        marks: At least one.
        title: What is shown.
        about: The same for those who hear it.
        axis: What the numbers are, with their unit.
        zero: Where neither side is better; drawn as a line.
        limit: What may not be passed; drawn as a broken line.
    """
    shown = [edge for mark in marks for edge in (mark.value, mark.low, mark.high) if edge is not None]
    low, high, ticks = _scale([*shown, *(edge for edge in (zero, limit) if edge is not None)])
    left, right = _LABEL, WIDTH - _VALUE
    bottom = len(marks) * _LINE + 10

    def x(value: float) -> float:
        return round(left + (value - low) / (high - low) * (right - left), 1)

    parts = [_grid(x(tick), bottom, _number(tick, ticks)) for tick in ticks]
    if zero is not None:
        parts.append(f'<line class="ink-line" x1="{x(zero)}" x2="{x(zero)}" y1="4" y2="{bottom}"/>')
    if limit is not None:
        parts.append(f'<line class="limit" x1="{x(limit)}" x2="{x(limit)}" y1="4" y2="{bottom}"/>')
    for at, mark in enumerate(marks):
        y = at * _LINE + 22
        parts.append(f'<text class="ink" x="{left - 12}" y="{y + 4}" text-anchor="end">{_label(mark.label)}</text>')
        if mark.low is not None and mark.high is not None:
            parts.append(f'<line class="{mark.tone}-line" x1="{x(mark.low)}" x2="{x(mark.high)}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="{mark.tone}" cx="{x(mark.value)}" cy="{y}" r="5"/>')
        parts.append(f'<text class="soft" x="{right + 14}" y="{y + 4}">{text(mark.said)}</text>')
    parts.append(
        f'<text class="soft" x="{(left + right) / 2}" y="{bottom + 38}" text-anchor="middle">{text(axis)}</text>'
    )
    return _svg(parts, bottom + 46, title, about)


def by_day(days: Sequence[date], lines: Sequence[Line], *, title: str, about: str, axis: str) -> str:
    """Values by day, from 0 upwards.

    Args:
        days: At least one, in order.
        lines: A value per day for each.
        title: What is shown.
        about: The same for those who hear it.
        axis: What the numbers are, with their unit.
    """
    left, right, top, bottom = 52, WIDTH - 150, 30, 232
    known = [value for line in lines for value in line.values if value is not None]
    _, high, ticks = _scale([0.0, *known])

    def x(at: int) -> float:
        return round(left + at / max(len(days) - 1, 1) * (right - left), 1)

    def y(value: float) -> float:
        return round(bottom - value / high * (bottom - top), 1)

    parts = [f'<text class="soft" x="{left - 40}" y="16">{text(axis)}</text>']
    for tick in ticks:
        parts.append(f'<line class="rule" x1="{left}" x2="{right}" y1="{y(tick)}" y2="{y(tick)}"/>')
        parts.append(
            f'<text class="soft" x="{left - 8}" y="{y(tick) + 4}" text-anchor="end">{_number(tick, ticks)}</text>'
        )
    every = max(1, math.ceil(len(days) / 8))
    parts += [
        f'<text class="soft" x="{x(at)}" y="{bottom + 20}" text-anchor="middle">{days[at].day} {days[at]:%b}</text>'
        for at in range(0, len(days), every)
    ]
    for line in lines:
        parts += [f'<path class="{line.tone}-line" d="{path}"/>' for path in _paths(line.values, x, y)]
    parts += _names(lines, right, y)
    return _svg(parts, bottom + 28, title, about)


def bars(marks: Sequence[Mark], *, title: str, about: str, axis: str) -> str:
    """Sizes from 0, the intervals of the marks left out."""
    _, high, ticks = _scale([0.0, *(mark.value for mark in marks)])
    left, right = _LABEL, WIDTH - _VALUE
    bottom = len(marks) * _LINE + 10

    def x(value: float) -> float:
        return round(left + value / high * (right - left), 1)

    parts = [_grid(x(tick), bottom, _number(tick, ticks)) for tick in ticks]
    for at, mark in enumerate(marks):
        y = at * _LINE + 22
        width = max(x(mark.value) - left, 1.5)
        parts.append(f'<text class="ink" x="{left - 12}" y="{y + 4}" text-anchor="end">{_label(mark.label)}</text>')
        parts.append(f'<rect class="{mark.tone}" x="{left}" y="{y - 7}" width="{width:.1f}" height="14" rx="2"/>')
        parts.append(f'<text class="soft" x="{right + 14}" y="{y + 4}">{text(mark.said)}</text>')
    parts.append(
        f'<text class="soft" x="{(left + right) / 2}" y="{bottom + 38}" text-anchor="middle">{text(axis)}</text>'
    )
    return _svg(parts, bottom + 46, title, about)


def _svg(parts: Sequence[str], height: float, title: str, about: str) -> str:
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {height:g}" aria-label="{text(title)}. {text(about)}">'
        f"<title>{text(title)}</title><desc>{text(about)}</desc>{''.join(parts)}</svg>"
    )


def _grid(x: float, bottom: float, said: str) -> str:
    return (
        f'<line class="rule" x1="{x}" x2="{x}" y1="4" y2="{bottom}"/>'
        f'<text class="soft" x="{x}" y="{bottom + 18}" text-anchor="middle">{said}</text>'
    )


def _label(label: str) -> str:
    if len(label) <= _LONGEST:
        return text(label)
    return f"{text(short(label, _LONGEST))}<title>{text(label)}</title>"


def _names(lines: Sequence[Line], right: float, y: Callable[[float], float]) -> list[str]:
    """The name of each line at its end, those that would overlap moved apart."""
    known = [(line, [value for value in line.values if value is not None]) for line in lines]
    ends = sorted(((y(values[-1]), line) for line, values in known if values), key=lambda end: end[0])
    placed: list[str] = []
    last = -math.inf
    for at, line in ends:
        last = max(at, last + 17)
        placed.append(f'<text class="{line.tone}-text" x="{right + 10}" y="{last + 4:g}">{_label(line.label)}</text>')
    return placed


def _paths(values: Sequence[float | None], x: Callable[[int], float], y: Callable[[float], float]) -> list[str]:
    """One path per stretch without a gap."""
    paths: list[str] = []
    pen_down = False
    for at, value in enumerate(values):
        if value is None:
            pen_down = False
            continue
        point = f"{x(at)} {y(value)}"
        if pen_down:
            paths[-1] += f" L {point}"
        else:
            paths.append(f"M {point} l 0.1 0")
            pen_down = True
    return paths


def _scale(values: Sequence[float]) -> tuple[float, float, list[float]]:
    """Ends and round ticks of an axis that holds some finite values."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - abs(low or 1) / 2, high + abs(high or 1) / 2
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [round(number * step, 12) for number in range(first, last + 1)]
    return ticks[0], ticks[-1], ticks


def _number(value: float, ticks: Sequence[float]) -> str:
    step = ticks[1] - ticks[0]
    return f"{value:,.{max(0, -math.floor(math.log10(step) + 1e-9)) + (1 if _half(step) else 0)}f}"


def _half(step: float) -> bool:
    """Whether a step such as 2.5 or 0.25 needs one more digit than its size says."""
    scaled = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    return abs(scaled - round(scaled)) > 1e-6
