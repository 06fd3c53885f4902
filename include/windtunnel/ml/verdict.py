"""The verdict on a live model: ignore, watch or retrain. `ml/verdict_sentence.py` says it in words.

Labels decide. Drift warns while they are missing and explains when they are there; alone it never retrains. A window
whose checks failed accuses the way of the data, not the model: a retrain would learn the fault.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from windtunnel.core.contracts import Finding
from windtunnel.core.spec import Monitoring
from windtunnel.core.window import Window
from windtunnel.ml.findings import weighted

Word = Literal["ignore", "watch", "retrain"]
Because = Literal["broken", "damage", "outdone", "hint", "drift", "harmless", "quiet", "unlabelled", "unknown"]

LEAST_WEIGHTED = 1.05
"""Weighted drift that is worth watching: twice its threshold in a twentieth of what the model relies on."""


@dataclass(frozen=True)
class Judgement:
    """The word, and what it rests on.

    Attributes:
        word: What to do.
        because: The rule that decided.
        version: Whom it is about.
        told: The last N windows whose labels say how the version does, oldest first.
        waiting: Up to N windows after those, oldest first.
        damaged: Of `told`: those worse than the holdout promises, with nothing wrong in their requests.
        outdone: Of `told`: those in which the control of the newest one was surely better.
        named: The finding that the sentence is about; None without any.
    """

    word: Word
    because: Because
    version: str
    told: tuple[Finding, ...]
    waiting: tuple[Finding, ...]
    damaged: tuple[Finding, ...]
    outdone: tuple[Finding, ...]
    named: Finding | None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that was looked at, oldest first."""
        return (*self.told, *self.waiting)

    @property
    def labels_until(self) -> date | None:
        """The newest watermark of the findings."""
        return max((found.labels_until for found in self.findings if found.labels_until), default=None)


def judge(findings: Iterable[Finding], version: str, rules: Monitoring) -> Judgement:
    """Weigh the windows of a version; those of other versions play no part.

    - **retrain**: K of the last N windows whose labels have come are worse than the champion's own holdout promises, the
      newest of them included, and nothing is wrong with their requests or with those of the last N windows after them.
    - **watch**: checks failed in the newest window with labels or in the last N after it; or the control was surely
      better in K of N; or the newest window is worse and the others are not yet enough; or what the model relies on
      drifted, and no label says yet whether it hurts.
    - **ignore**: all else; drift too, when the labels say that the error is where it was.

    Args:
        findings: Windows in any order, each at most once per version.
        version: The champion.
        rules: K, N and the rest of the spec's `monitoring`.
    """
    own = sorted((found for found in findings if found.version == version), key=lambda found: found.window.start)
    told = tuple(found for found in own if found.worse is not None)[-rules.windows :]
    later = own if not told else [found for found in own if found.window.start > told[-1].window.start]
    waiting = tuple(later[-rules.windows :])
    damaged = tuple(found for found in told if found.worse and not found.failed)
    outdone = _outdone(told, rules)

    def answer(word: Word, because: Because, named: Finding | None) -> Judgement:
        return Judgement(word, because, version, told, waiting, damaged, outdone, named)

    if not own:
        return answer("ignore", "unknown", None)
    if broken := [found for found in (*told[-1:], *waiting) if found.failed]:
        return answer("watch", "broken", broken[-1])
    newest = told[-1] if told else None
    if newest and newest.worse:
        enough = len(damaged) >= rules.damaged
        return answer("retrain", "damage", newest) if enough else answer("watch", "hint", newest)
    if outdone:
        return answer("watch", "outdone", newest)
    drifted = [found for found in waiting if found.drift > 1]
    if felt := [found for found in drifted if weighted(found.drift, found.importance) > LEAST_WEIGHTED]:
        return answer("watch", "drift", felt[-1])
    if drifted:
        return answer("ignore", "harmless", drifted[-1])
    return answer("ignore", "quiet", newest) if newest else answer("ignore", "unlabelled", waiting[-1])


def cooling(asked: Window, window: Window, days: int) -> bool:
    """Whether a retrain that was asked for holds another one back: so many days of data have not passed since.

    The same window, or an older one, is held back however few days there are to wait.

    Args:
        asked: The window that the last retrain was asked for.
        window: The newest window now.
        days: `Monitoring.cooldown_days`.
    """
    return (window.end - asked.end).days < max(days, 1)


def _outdone(told: tuple[Finding, ...], rules: Monitoring) -> tuple[Finding, ...]:
    """The windows in which the control was better, when they are enough and the newest is among them."""
    if not told or told[-1].outdone_by is None:
        return ()
    found = tuple(each for each in told if each.outdone_by == told[-1].outdone_by and not each.failed)
    return found if told[-1] in found and len(found) >= rules.damaged else ()
