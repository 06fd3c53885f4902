"""The head of a monitoring report: the exact numbers, as HTML that needs no script."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from windtunnel.core.contracts import MeasuredPredictions, Quality
from windtunnel.core.spec import ModelSpec


def summary(title: str, note: str, measured: MeasuredPredictions, spec: ModelSpec) -> str:
    """Version, counts, errors over all and by day, and every drift score, the largest first.

    Args:
        title: Of the report.
        note: What the reader must know of what follows.
        measured: The numbers.
        spec: Knows the unit.
    """
    collected = measured.collected
    version = collected.champion.package_arn.partition("/")[2]
    figures = {
        "predictions": f"{collected.predictions:,}",
        "with labels": f"{collected.labelled:,} ({collected.coverage:.1%})",
        **({"no label yet": "no quality"} if measured.quality is None else _figures(measured.quality, spec.unit)),
    }
    boxes = "".join(f"<div>{html.escape(name)}<b>{html.escape(value)}</b></div>" for name, value in figures.items())
    drift = sorted(measured.drift.items(), key=lambda item: -item[1].score)
    return (
        f"<h1>{html.escape(title)}</h1>"
        f"<p>Version {html.escape(version)}; labels as of {html.escape(collected.labels.tag)} "
        f"(snapshot {html.escape(collected.labels.snapshot_id)}).</p>"
        f'<div class="figures">{boxes}</div>'
        "<h2>Exact drift scores, over every row</h2>"
        + _table(
            ("column", "score", "method", "reference rows", "current rows"),
            ((n, f"{s.score:.5f}", s.method, f"{s.reference_rows:,}", f"{s.current_rows:,}") for n, s in drift),
        )
        + "<h2>Quality by day, over every labelled row</h2>"
        + _table(
            ("day", *_figures(measured.quality, spec.unit)) if measured.quality else ("day",),
            ((day, *_figures(found, spec.unit).values()) for day, found in measured.by_day.items()),
        )
        + f'<p class="note">{html.escape(note)}</p>'
    )


def _figures(found: Quality, unit: str) -> dict[str, str]:
    return {
        f"RMSE, {unit}": f"{found.rmse:.2f}",
        f"MAE, {unit}": f"{found.mae:.2f}",
        f"MSE, {unit}²": f"{found.mse:.1f}",
        "R²": "none" if found.r2 is None else f"{found.r2:.3f}",
    }


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str], kind: str) -> str:
        return f"<tr>{''.join(f'<{kind}>{html.escape(cell)}</{kind}>' for cell in cells)}</tr>"

    return f"<table>{line(header, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"
