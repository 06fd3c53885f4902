"""inspect: collected requests and offline answers -> the checks of training, held against serving."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from windtunnel.aws import reports, scored
from windtunnel.core.catalog import model_expectations, model_spec
from windtunnel.core.contracts import Check, InspectedRequests, Rescoring, WindowChecks
from windtunnel.core.window import Window

if TYPE_CHECKING:
    import pandas as pd

    from windtunnel.core.spec import ModelSpec

log = logging.getLogger(__name__)


def inspect(rescoring: Rescoring) -> InspectedRequests:
    """Hold every window's requests and answers against what training expects and the model says offline.

    A check that fails is an outcome of the window, not of the stage: serving goes on, and the verdict names it.

    Raises:
        ArtefactInvalid: The offline answers are to other rows.
    """
    from windtunnel.ml import serving_checks
    from windtunnel.ml.joined import DAY, on

    collected = rescoring.collected
    log.info("inspect: %s beside %s", collected.rows, rescoring.answers)
    spec = model_spec(collected.champion.model)
    rows, report = scored.rows(rescoring), scored.report(rescoring)
    windows = []
    for window in collected.windows:
        part = rows.filter(on(rows[DAY], window)).to_pandas()
        page, expected = _expectations(part, spec, window, collected.work_key)
        found = WindowChecks(window=window, checks=(expected, *serving_checks.judge(part, spec, report)), report=page)
        windows.append(found)
        log.info("inspect: %s, %d requests: %s", window.label, len(part), _sentence(found))
    log.info("inspect: %d windows, %d with a failed check", len(windows), sum(bool(each.failed) for each in windows))
    return InspectedRequests(windows=tuple(windows))


def _expectations(rows: pd.DataFrame, spec: ModelSpec, window: Window, work_key: str) -> tuple[str | None, Check]:
    """Address of the page and the outcome of the suite."""
    from windtunnel.ml import expectations, serving_expectations

    suite = serving_expectations.suite(spec, model_expectations(spec.name))
    if not suite:
        sentence = "No expectation of training is on features alone."
        return None, Check(name="expectations", passed=None, sentence=sentence)
    asked = serving_expectations.requests(rows, spec)
    found = expectations.validate(asked, suite, f"{spec.name} {window.label} requests")
    address = reports.address(spec.name, window, work_key, "expectations", "monitor")
    reports.write(address, *serving_expectations.documents(found))
    return address, serving_expectations.judge(found, len(asked), spec)


def _sentence(found: WindowChecks) -> str:
    if found.failed:
        return " ".join(f"`{check.name}` failed: {check.sentence}" for check in found.failed)
    passed = sum(bool(check.passed) for check in found.checks)
    return f"{passed} of {len(found.checks)} checks passed, the others had too little to say anything"
