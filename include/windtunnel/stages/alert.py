"""alert: a verdict -> a message to people, once per incident and window."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from windtunnel.aws import outbox
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Alert, Delivered, MonitoringReport, Verdict
from windtunnel.stages.deliver import deliver

if TYPE_CHECKING:
    from windtunnel.ml.verdict import Judgement

log = logging.getLogger(__name__)


def alert(verdict: Verdict, report: MonitoringReport, link: str) -> Delivered:
    """Tell people of a verdict that is not `ignore`, and deliver what waits. No channel can fail it.

    Args:
        verdict: The same word for the same reason in the same window is told once, however often it is found.
        report: Where the reports lie.
        link: Where a browser finds the run.

    Raises:
        CommitConflict: The message could not be stored, so it would be lost: the task is tried again.
    """
    log.info("alert: %s %s in %s says %s", verdict.model, verdict.version, verdict.window, verdict.word)
    if verdict.word == "ignore":
        log.info("alert: nothing new to tell; what waits is delivered")
        return _delivered(verdict.model)
    return tell(of_verdict(verdict, report, link))


def tell(alert: Alert) -> Delivered:
    """Store a message for every channel unless its key was told before, and deliver what waits. No channel can fail it.

    Raises:
        CommitConflict: The message could not be stored, so it would be lost: try again.
    """
    log.info("alert: %s `%s`: %s", alert.severity, alert.key, alert.title)
    if not outbox.put(alert):
        log.info("alert: `%s` was told before", alert.key)
    return _delivered(alert.model)


def of_verdict(verdict: Verdict, report: MonitoringReport, link: str) -> Alert:
    """The message of a verdict: the word, the number and the window in its title, the sentence in its text.

    Failed checks page somebody: clients get answers to questions they did not ask. A model that got worse is a warning,
    because its retrain goes its way; what may become one is for information.
    """
    from windtunnel.ml.verdict import judge

    judged = judge(verdict.findings, verdict.version, model_spec(verdict.model).monitoring)
    window = judged.named.window if judged.named else verdict.window
    word = verdict.word.upper()
    return Alert(
        model=verdict.model,
        key=f"verdict/{verdict.version}/{window.label}/{verdict.word}-{judged.because}",
        severity={"broken": "page", "damage": "warning", "outdone": "warning"}.get(judged.because, "info"),
        title=f"{verdict.model} {verdict.version}: {word}, {_number(judged, verdict.model)}, {window}",
        text=f"{verdict.sentence}\nReport: {report.newest['html']}",
        link=link,
    )


def _number(judged: Judgement, model: str) -> str:
    """What decided, with its number, in a few words."""
    from windtunnel.ml.metrics import FIRST
    from windtunnel.ml.window_quality import shown

    found = judged.named
    if found is None:
        return judged.because
    if judged.because == "broken":
        return f"failed {' '.join(found.failed)}"
    if judged.because == "outdone":
        return f"{found.outdone_by} was better"
    if judged.because in {"damage", "hint"} and found.error is not None and found.expected is not None:
        return f"{shown(FIRST[model_spec(model).task])} {found.error:.4g} against {found.expected:.4g}"
    return f"drift {found.drift:.2g}x in {' '.join(found.drifted)}"


def _delivered(model: str) -> Delivered:
    try:
        return deliver(model) or Delivered(sent=0, waiting=0)
    except Exception:
        # The message is stored: what a delivery meets is the next delivery's business, not the pipeline's.
        log.exception("alert: the delivery stopped; the next one goes on")
        return Delivered(sent=0, waiting=None)
