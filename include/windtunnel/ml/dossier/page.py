"""A dossier as a page: it opens from a file, without a network, for decades; nothing in it can run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from windtunnel.ml import test_score
from windtunnel.ml.dossier.document import Document
from windtunnel.ml.dossier.figures import contributions, drift, quality, slices
from windtunnel.ml.dossier.sections import changes, checks, cost, data, lineage, score
from windtunnel.ml.dossier.style import POLICY, STYLE
from windtunnel.ml.dossier.weighing import outcome
from windtunnel.ml.holdout import bounded
from windtunnel.ml.markup import bounds, markdown, percent, prose, text

SECTIONS: tuple[tuple[str, str, Callable[[Document], str]], ...] = (
    ("quality", "How good it is", quality),
    ("slices", "Where it is better and worse", slices),
    ("contributions", "What its answers are made of", contributions),
    ("checks", "Every check", checks),
    ("changes", "What changed since the champion", changes),
    ("data", "The data", data),
    ("drift", "Drift between learning and judging", drift),
    ("lineage", "Where it comes from", lineage),
    ("cost", "What it cost", cost),
    ("score", "ML Test Score", score),
)
"""Anchor, heading, and what stands below it."""


def render(document: Document) -> bytes:
    """The page of a document. The same document gives the same bytes."""
    registered = document.registered
    title = f"{registered.model} {registered.version}: dossier"
    anchors = "".join(f'<a href="#{name}">{text(heading)}</a>' for name, heading, _ in SECTIONS)
    body = "".join(
        f'<section id="{name}"><h2>{text(heading)}</h2>{draw(document)}</section>' for name, heading, draw in SECTIONS
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}</style></head><body><main>"
        f"{_head(document)}{_verdict(document)}{_first_screen(document)}{_tiles(document)}"
        f"<nav>{anchors}</nav>{body}{_foot(document)}</main></body></html>\n"
    ).encode()


def summary(document: Document, page: str) -> str:
    """Markdown for the reviewer's question: the verdict, what to weigh, the figures, and where the page is.

    Args:
        document: The dossier.
        page: Address of its page, for a browser.
    """
    registered, gate = document.registered, document.registered.gate
    forced = (
        [f"## FORCED by {markdown(gate.forced_by)}", f"Reason: {markdown(gate.forced_because)}"]
        if gate.forced_by
        else []
    )
    figures = [
        f"| {markdown(name)} | {markdown(value)} | {markdown(more)} |" for name, value, more in _figures(document)
    ]
    return "\n\n".join(
        [
            *forced,
            f"**{markdown(document.headline)}.** {markdown(document.tally)}. {markdown(gate.sentence)}",
            "\n".join(["| | | |", "|---|---|---|", *figures]),
            "**What you decide**",
            "\n".join(f"- **{markdown(point.about)}.** {markdown(point.said)}" for point in document.points)
            or "- Nothing is left open.",
            f"**Yes:** {markdown(document.yes)}",
            f"**No:** {markdown(document.no)}",
            f"**Who:** {markdown(document.who)}",
            f"**[Read the whole dossier of {markdown(registered.version)}]({page})**",
        ]
    )


def _head(document: Document) -> str:
    registered, plan = document.registered, document.registered.evaluated.plan
    return (
        f"<header><h1>{text(registered.model)} {text(registered.version)} <span>dossier</span></h1></header>"
        f'<p class="soft">{text(document.declared.about)}<br>Asked for by <b>{text(plan.requested_by)}</b>: {text(plan.reason)} '
        f"Evidence as of {document.evidence.at:%-d %B %Y, %H:%M} UTC.</p>"
    )


def _verdict(document: Document) -> str:
    gate = document.registered.gate
    answer, told = text(gate.answer.replace("-", " ")), f"<p>{text(document.tally)}.</p>"
    if gate.forced_by:
        return (
            '<div class="forced" role="alert"><strong>Forced past the gate</strong>'
            f"<div><b>{text(document.headline)}.</b><p>By <b>{text(gate.forced_by)}</b>, because: "
            f"<b>{text(gate.forced_because)}</b></p>"
            f"{told}<p>The gate says <b>{answer}</b>: {prose(gate.sentence)}</p></div></div>"
        )
    return (
        f'<div class="verdict {document.verdict}"><b>{text(document.headline)}.</b>{told}'
        f"<p>The gate says <strong>{answer}</strong>: {prose(gate.sentence)}</p></div>"
    )


def _first_screen(document: Document) -> str:
    points = "".join(f"<li><strong>{text(point.about)}.</strong> {prose(point.said)}</li>" for point in document.points)
    listed = f'<ol class="points">{points}</ol>' if points else "<p>Nothing is left open: every check was passed.</p>"
    return (
        f'<div class="two"><div><h2>What you decide</h2>{listed}</div><div><h2>What your answer does</h2><dl>'
        f"<dt>Yes</dt><dd>{text(document.yes)}</dd><dt>No</dt><dd>{text(document.no)}</dd>"
        f"<dt>Who</dt><dd>{text(document.who)}</dd></dl></div></div>"
    )


def _tiles(document: Document) -> str:
    tiles = (
        f'<div class="tile"><span>{text(name)}</span><b>{text(value)}</b><small>{text(more)}</small></div>'
        for name, value, more in _figures(document)
    )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _figures(document: Document) -> Iterable[tuple[str, str, str]]:
    """What one wants to know at once: name, value, what belongs to it."""
    evidence, registered = document.evidence, document.registered
    gate, metrics, unit = registered.gate, registered.evaluated.metrics, registered.evaluated.unit
    if gate.better is not None:
        yield (
            f"RMSE against {gate.champion}",
            percent(gate.better.estimate),
            f"{bounds(gate.better)}; below 0 is better" if bounded(gate.better) else "too few days for bounds",
        )
    own = next((found.rmse for found in evidence.holdout.errors if found.name == "this version"), None)
    around = f"{own.low:.2f} to {own.high:.2f}" if own else "no bounds: too few days"
    yield (f"RMSE, {unit}", f"{metrics['rmse']:.2f}", f"{around}, on {gate.rows:,} rows of {gate.days} days")
    if "linear_rmse" in metrics:
        yield (
            "RMSE of a straight line",
            f"{metrics['linear_rmse']:.2f}",
            f"mean by season: {metrics['seasonal_naive_rmse']:.2f}" if "seasonal_naive_rmse" in metrics else "",
        )
    shadowed, rehearsed = evidence.shadowed, evidence.shadowed.rehearsed
    if shadowed.champion is None:
        yield (
            "Rehearsal",
            _word(rehearsed.passed),
            f"{rehearsed.golden_rows} golden rows on staging; no shadow: first release",
        )
    else:
        yield (
            "Shadow",
            _word(outcome(shadowed)),
            f"{shadowed.requests:,} live requests, {shadowed.labelled:,} with labels",
        )
    yield (
        "ML Test Score",
        f"{evidence.score.score:g} of 7",
        "smallest of " + ", ".join(f"{name} {evidence.score.sections[name]:g}" for name in test_score.SECTIONS),
    )


def _foot(document: Document) -> str:
    return (
        f"<footer>This page was drawn from the document with the SHA-256 <code>{document.sha256()}</code>, which lies "
        "beside it as JSON. An approval is bound to the digest of this page; a release refuses any other bytes.</footer>"
    )


def _word(passed: bool | None) -> str:
    return {True: "passed", False: "failed", None: "open"}[passed]
