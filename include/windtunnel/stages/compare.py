"""compare: a trained candidate -> the champion it is evaluated beside, pinned."""

from __future__ import annotations

import logging

from windtunnel.aws import jobs, ledger
from windtunnel.core.contracts import Comparison, TrainingPlan
from windtunnel.core.version import Version

log = logging.getLogger(__name__)


def compare(plan: TrainingPlan) -> Comparison:
    """Pin the version in service, and name the evaluation of the two beside each other.

    Beside another champion it is other work with a name of its own; beside the same one, what is done is adopted.
    """
    log.info("compare: %s", plan.job_name)
    champion = ledger.live(plan.model)
    name = plan.job_name
    if champion:
        name = jobs.attempt_name(f"{plan.job_name}-vs-{Version.parse(champion.version).slug}")
    log.info("compare: %s beside %s", name, champion.version if champion else "no champion: nothing is in service")
    return Comparison(plan=plan, champion=champion, job_name=name)
