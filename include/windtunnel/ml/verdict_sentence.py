"""The verdict in words: exactly one sentence, with the reason, the numbers and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from windtunnel.core.contracts import Finding, WindowChecks
from windtunnel.core.errors import quoted
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.ml.joined import PREDICTION
from windtunnel.ml.markup import days
from windtunnel.ml.metrics import FIRST, MORE_IS_BETTER
from windtunnel.ml.verdict import Judgement
from windtunnel.ml.window_quality import OF_ONE, shown

MANY_TIMES = 100
"""Above it the multiple of a threshold says no more than that it is far."""


class _Topic(NamedTuple):
    """What a sentence is about."""

    judged: Judgement
    spec: ModelSpec
    checks: Iterable[WindowChecks]


def sentence(
    judged: Judgement, spec: ModelSpec, asked: Window | None = None, checks: Iterable[WindowChecks] = ()
) -> str:
    """The verdict in one sentence.

    Args:
        judged: The word, and what it rests on.
        spec: Of the model.
        asked: The window after which a retrain was asked for, if that one holds this one back.
        checks: What the checks found, as far as it is at hand: a finding keeps their names only.
    """
    text = _TEXTS[judged.because](_Topic(judged, spec, checks))
    if judged.word == "retrain" and asked:
        text += (
            f"; a retrain was asked for after those of {days(asked)} and is not asked for again within "
            f"{spec.monitoring.cooldown_days} days of data"
        )
    return f"{text}{_as_of(judged)}."


def _broken(topic: _Topic) -> str:
    judged, spec, checks = topic
    found = _named(judged)
    said = {check.name: check.sentence for each in checks if each.window == found.window for check in each.failed}
    failed = (f"{quoted([name])}{_in_brackets(said.get(name, ''))}" for name in found.failed)
    text = (
        f"Watch {judged.version} and mend the way of its data first: from {days(found.window)} the requests failed "
        f"{', '.join(failed)}, and a retrain would learn the fault"
    )
    if (worse := sum(bool(each.worse) for each in judged.told)) and judged.told[-1].worse:
        text += f", so its {_metric(spec)}, worse than promised in {_of(worse, judged)}, is no reason for one yet"
    return text


def _in_brackets(said: str) -> str:
    """A sentence as a part of another one; of several the first."""
    first = said.partition(". ")[0].removesuffix(".")
    return f" ({first[0].lower()}{first[1:]})" if first else ""


def _damage(topic: _Topic) -> str:
    judged, spec, _ = topic
    return (
        f"Retrain {judged.version}: {_error(_named(judged), spec)}, and so it was in {_of(len(judged.damaged), judged)}"
        f"{_rollback(judged) or _drift_beside(_named(judged))}"
    )


def _hint(topic: _Topic) -> str:
    judged, spec, _ = topic
    return (
        f"Watch {judged.version}: {_error(_named(judged), spec)}, in {_of(len(judged.damaged), judged)} where a retrain "
        f"takes {spec.monitoring.damaged}{_rollback(judged) or _drift_beside(_named(judged))}"
    )


def _outdone(topic: _Topic) -> str:
    judged, spec, _ = topic
    found = _named(judged)
    return (
        f"Watch {judged.version} and think of the way back: {found.outdone_by}, frozen since, was surely better on the "
        f"same rows in {_of(len(judged.outdone), judged)}, those of {days(found.window)} among them, though the "
        f"{_metric(spec)} of {judged.version} is within what its holdout promises; the `rollback` DAG brings "
        f"{found.outdone_by} back"
    )


def _drift(topic: _Topic) -> str:
    judged = topic.judged
    found = _named(judged)
    return f"Watch {judged.version}: from {days(found.window)} {_moved(found)}{_share(found)}, and {_unanswered(found)}"


def _harmless(topic: _Topic) -> str:
    judged = topic.judged
    found = _named(judged)
    return f"Nothing to do for {judged.version}: from {days(found.window)} {_moved(found)}, but{_share(found)[1:]}"


def _quiet(topic: _Topic) -> str:
    judged, spec, _ = topic
    found = _named(judged)
    text = f"Nothing to do for {judged.version}: {_error(found, spec)}"
    if found.drifted:
        return f"{text}, although {_moved(found)}{_share(found)}"
    return f"{text}, and no drift was found{' since' if judged.waiting else ''}"


def _unlabelled(topic: _Topic) -> str:
    judged = topic.judged
    found = _named(judged)
    known = (
        "its holdout is too small to say which error is normal"
        if found.mature
        else f"labels have come for {found.coverage:.0%} of the predictions"
    )
    return f"Nothing to do for {judged.version} yet: from {days(found.window)} no drift was found, and {known}"


def _unknown(topic: _Topic) -> str:
    judged = topic.judged
    return f"Nothing to do for {judged.version} yet: none of its answers lies in a measured window"


_TEXTS = {
    "broken": _broken,
    "damage": _damage,
    "hint": _hint,
    "outdone": _outdone,
    "drift": _drift,
    "harmless": _harmless,
    "quiet": _quiet,
    "unlabelled": _unlabelled,
    "unknown": _unknown,
}


def _error(found: Finding, spec: ModelSpec) -> str:
    metric = FIRST[spec.task]
    unit = "" if metric in OF_ONE else f" {spec.unit}"
    text = f"from {days(found.window)} its {shown(metric)} was {_figure(found.error)}{unit}"
    if found.expected is None:
        return text
    limit = "at least" if metric in MORE_IS_BETTER else "at most"
    return f"{text} where its holdout promises {limit} {_figure(found.expected)}"


def _rollback(judged: Judgement) -> str:
    if not judged.outdone:
        return ""
    control = judged.outdone[-1].outdone_by
    return (
        f"; {control} before it was surely better on the same rows in {len(judged.outdone)} of them, so bring it back "
        "with the `rollback` DAG meanwhile"
    )


def _drift_beside(found: Finding) -> str:
    return f"; {_moved(found)}{_share(found)}" if found.drifted else ""


def _moved(found: Finding) -> str:
    first, *others = found.drifted
    more = f" and {len(others)} more" if others else ""
    times = f"more than {MANY_TIMES}" if found.drift > MANY_TIMES else f"{found.drift:.1f}"
    return f"`{first}`{more} drifted, to {times} times its threshold"


def _share(found: Finding) -> str:
    if PREDICTION in found.drifted:
        return ", which all features feed" if found.drifted == (PREDICTION,) else ", the answers with it"
    if found.importance is None:
        return ""
    return f", with {found.importance:.0%} of the model's importance"


def _unanswered(found: Finding) -> str:
    if found.mature:
        return "its holdout is too small to say which error is normal"
    return f"labels that would say whether it hurts are there for {found.coverage:.0%} of the predictions"


def _of(count: int, judged: Judgement) -> str:
    """Such as `2 of the last 5 windows with labels`."""
    known = len(judged.told)
    return f"{count} of the last {known} windows with labels" if known > 1 else "the only window with labels"


def _as_of(judged: Judgement) -> str:
    if not judged.told:
        return ""
    return f" (as of labels until {judged.labels_until})" if judged.labels_until else ""


def _metric(spec: ModelSpec) -> str:
    return shown(FIRST[spec.task])


def _figure(value: float | None) -> str:
    assert value is not None  # noqa: S101 - a window that tells has an error
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"


def _named(judged: Judgement) -> Finding:
    assert judged.named is not None  # noqa: S101 - only the unknown has none
    return judged.named
