"""The sections of a dossier that are tables: checks, changes, data, lineage, cost and score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from windtunnel.core.contracts import Check
from windtunnel.ml.dossier.document import Document
from windtunnel.ml.dossier.weighing import outcome
from windtunnel.ml.markup import Html, days, prose, table, text
from windtunnel.ml.test_score import SECTIONS, Row


def checks(document: Document) -> str:
    """The gate, the rehearsal and the shadow, check by check."""
    shadowed, gate = document.evidence.shadowed, document.registered.gate
    rehearsed = shadowed.rehearsed
    against = f"Beside {gate.champion}" if gate.champion else "Without a champion"
    stood = (
        f"{shadowed.requests:,} live requests were answered by both, {shadowed.labelled:,} of them have a label."
        if shadowed.champion
        else "First release: nothing was in service to stand beside, so there are the checks on staging only."
    )
    return (
        f"<h3>Gate: {text(gate.answer.replace('-', ' '))}</h3><p>{prose(gate.sentence)} {text(against)}, on {gate.rows:,} rows of "
        f"{gate.days} days. {_where(gate.report)}</p>{_listed(gate.checks)}"
        f"<h3>Rehearsal on the staging endpoint: {_word(rehearsed.passed)}</h3><p>{prose(rehearsed.sentence)} It served "
        f"after {rehearsed.seconds_to_serve:.0f} s. {_where(rehearsed.report)}</p>{_listed(rehearsed.checks)}"
        f"<h3>Shadow: {_word(outcome(shadowed)) if shadowed.champion else 'none'}</h3><p>{prose(shadowed.sentence)} "
        f"{text(stood)} {_where(shadowed.report)}</p>{_listed(shadowed.checks)}"
    )


def changes(document: Document) -> str:
    """What differs from the version in service."""
    champion = document.evidence.champion
    if champion is None:
        return "<p>First release: nothing is in service.</p>"
    said = f"<p>In service since {champion.live_since:%-d %B %Y, %H:%M} UTC: {text(champion.version)}.</p>"
    rows = ((change.what, change.before, change.after) for change in document.changes)
    return said + table(("", champion.version, document.registered.version), rows)


def data(document: Document) -> str:
    """The dataset version, its windows, and what Great Expectations found in each month."""
    plan = document.registered.evaluated.plan
    chosen = ", ".join(f"{name} = {value}" for name, value in plan.hyperparameters.items()) or "the defaults"
    rows = (
        (
            month.month.label,
            "judged" if plan.holdout.start <= month.month.start < plan.holdout.end else "trained",
            month.tag,
            f"{month.rows:,}",
            f"{month.quarantined:,}",
            "; ".join(f"{reason} ({count:,})" for reason, count in sorted(month.reasons.items())),
            _met(month.met, month.expectations, month.unmet),
            _code(month.report),
        )
        for month in document.evidence.months
    )
    header = ("month", "it was", "dataset", "rows", "quarantined", "why", "expectations met", "report")
    return (
        f"<dl><dt>Dataset</dt><dd>{text(plan.dataset.tag)}, snapshot <code>{text(plan.dataset.snapshot_id)}</code> of "
        f"{text(plan.dataset.table)}</dd><dt>Trained on</dt><dd>{text(days(plan.train))}, {plan.train_rows:,} rows</dd>"
        f"<dt>Judged on</dt><dd>{text(days(plan.holdout))}, {plan.holdout_rows:,} rows</dd>"
        f"<dt>Hyper-parameters</dt><dd>{text(chosen)}</dd></dl>"
        f"<p>At most {document.declared.quarantine_budget:.0%} of a month's rows may be quarantined.</p>"
        + table(header, rows, numbers=(3, 4), whole=(0,))
    )


def lineage(document: Document) -> str:
    """From the source to the version, with every digest."""
    rows = ((step.what, _stacked(step.name, step.address, step.digest)) for step in document.evidence.lineage)
    return table(("", "name, address, digest"), rows, whole=(0,))


def cost(document: Document) -> str:
    """What AWS bills for the jobs behind it."""
    found = document.evidence.cost
    if found is None:
        return "<p>Not accounted for yet.</p>"
    rows = (
        (job.name, job.kind, job.status, f"{job.instances} x {job.instance_type}", f"{job.billed_seconds:,}",
         "unknown" if job.usd is None else f"{job.usd:.4f}")
        for job in found.jobs
    )  # fmt: skip
    header = ("job", "kind", "status", "on", "billed seconds", "USD")
    return f"<p>{text(found.sentence)} {text(found.prices_of)}</p>" + table(header, rows, numbers=(4, 5))


def score(document: Document) -> str:
    """Every question of the ML Test Score, those without evidence too."""
    found = document.evidence.score
    sums = ", ".join(f"{section} {found.sections[section]:g} of 7" for section in SECTIONS)
    rows = (
        (row.id, row.question, _points(row.points), _stacked(row.why, row.evidence if row.points else None), _age(row))
        for row in found.rows
    )
    return (
        f"<p><b>{found.score:g}</b>, the smallest of {sums}. 1: done automatically with every version; 0.5: in part; 0: no "
        "evidence that someone can open. Nothing is counted that is only intended.</p>"
        + table(("", "question", "points", "why, and the evidence", "age"), rows, numbers=(2,), whole=(0, 4))
    )


def _listed(found: Iterable[Check]) -> str:
    """The checks one by one, those of slices folded: the section before has drawn them."""
    slices = [check for check in found if check.name.startswith("slice:")]
    others = [check for check in found if not check.name.startswith("slice:")]
    folded = f"<details><summary>{_count(slices)}</summary>{_rows(slices)}</details>" if slices else ""
    return (_rows(others) if others else "") + folded


def _rows(found: Iterable[Check]) -> str:
    rows = [(check.name, _word(check.passed), prose(check.sentence)) for check in found]
    return table(("check", "", "what was found"), rows, whole=(1,))


def _count(slices: Sequence[Check]) -> str:
    passed, failed = (sum(check.passed is state for check in slices) for state in (True, False))
    return (
        f"{len(slices)} slices: {passed} passed, {failed} failed, {len(slices) - passed - failed} shown and not judged"
    )


def _stacked(name: str, *below: str | None) -> Html:
    """A name, and in small what belongs to it."""
    return Html(text(name) + "".join(f"<small>{_code(line)}</small>" for line in below if line and line != name))


def _word(passed: bool | None) -> Html:
    word, tone = {True: ("passed", "good"), False: ("failed", "bad"), None: ("open", "open")}[passed]
    return Html(f'<span class="word {tone}">{word}</span>')


def _met(met: int, expectations: int, unmet: tuple[str, ...]) -> str:
    return f"{met} of {expectations}" + (f": {'; '.join(unmet)}" if unmet else "")


def _points(points: float) -> Html:
    tone = "good" if points == 1 else "open" if points else "bad"
    return Html(f'<span class="word {tone}">{points:g}</span>')


def _age(row: Row) -> str:
    if row.age_days is None or not row.points:
        return ""
    return "new" if row.age_days == 0 else f"{row.age_days} days"


def _where(address: str | None) -> str:
    return f"Full report: {_code(address)}" if address else ""


def _code(value: str) -> Html:
    return Html(f"<code>{text(value)}</code>" if value else "")
