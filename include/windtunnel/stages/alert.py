"""alert: a verdict -> a message to people, once per incident and window."""

from __future__ import annotations

import logging
from typing import Literal

from windtunnel.aws import outbox
from windtunnel.core.contracts import Alert, Delivered, Finding, MonitoringReport, Verdict
from windtunnel.stages.deliver import deliver

log = logging.getLogger(__name__)

Severity = Literal["info", "warning", "page"]


def alert(verdict: Verdict, report: MonitoringReport, link: str) -> Delivered:
    """Tell people of a verdict that is not `ignore`, and deliver what waits. No channel can fail it.

    Args:
        verdict: The same version, window and word are told once, however often they are found.
        report: Where the reports lie.
        link: Where a browser finds the run.

    Raises:
        CommitConflict: The message could not be stored, so it would be lost: the task is tried again.
    """
    log.info("alert: %s of %s %s in %s: %s", verdict.word, verdict.model, verdict.version, verdict.window, verdict.word)
    if verdict.word == "ignore":
        return _delivered(verdict.model)
    return tell(of_verdict(verdict, report, link))


def tell(alert: Alert) -> Delivered:
    """Store a message for every channel unless its key was told before, and deliver what waits.

    Raises:
        CommitConflict: The message could not be stored, so it would be lost: try again.
    """
    log.info("alert: %s `%s`: %s", alert.severity, alert.key, alert.title)
    if not outbox.put(alert):
        log.info("alert: `%s` was told before", alert.key)
    return _delivered(alert.model)


def of_verdict(verdict: Verdict, report: MonitoringReport, link: str) -> Alert:
    """The message of a verdict: word, number and window in its title, the sentence in its text."""
    newest = verdict.findings[-1] if verdict.findings else None
    until = f" As of labels until {verdict.labels_until}." if verdict.labels_until else " No label has come yet."
    number = _number(newest) if newest else ""
    return Alert(
        model=verdict.model,
        key=f"verdict/{verdict.version}/{verdict.window.label}/{verdict.word}",
        severity=_severity(verdict, newest),
        title=f"{verdict.model} {verdict.version}: {verdict.word.upper()}{number}, {verdict.window}"[:100],
        text=f"{verdict.sentence}{until}\nReport: {report.newest['html']}",
        link=link,
    )


def _severity(verdict: Verdict, newest: Finding | None) -> Severity:
    if newest and newest.says == "broken":
        return "page"
    return "warning" if verdict.word == "retrain" or (newest and newest.says == "damage") else "info"


def _number(newest: Finding) -> str:
    """The number that decides, in a few words."""
    if newest.says == "broken":
        return f", failed {' '.join(newest.failed)}"
    if newest.error is not None and newest.expected is not None and newest.says != "drift":
        return f", error {newest.error:.4g} against {newest.expected:.4g}"
    return f", drift {newest.drift:.2g}x{f' in {newest.drifted[0]}' if newest.drifted else ''}"


def _delivered(model: str) -> Delivered:
    try:
        return deliver(model) or Delivered(sent=0, waiting=0)
    except Exception:
        # The message is stored: what a delivery meets is the next delivery's business, not the pipeline's.
        log.exception("alert: the delivery stopped; the next one goes on")
        return Delivered(sent=0, waiting=1)
