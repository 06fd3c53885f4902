"""rescore: collected predictions -> the job that asks champion and control the same offline."""

from __future__ import annotations

import logging
from typing import Any

from windtunnel.aws import jobs
from windtunnel.core.contracts import CollectedPredictions, Rescoring
from windtunnel.core.settings import settings
from windtunnel.core.workkey import work_key
from windtunnel.ml.scoring_report import SCORED

log = logging.getLogger(__name__)


def rescore(collected: CollectedPredictions) -> dict[str, Any]:
    """Name the scoring of the collected rows, and say what SageMaker is to run.

    The same rows, versions and image give the same name, so what is done is adopted; a scoring that failed gets the
    next name.

    Returns:
        `rescoring`, a `Rescoring`, and `scoring_job`, the body of CreateProcessingJob.
    """
    control = collected.control.version if collected.control else "no control"
    log.info("rescore: %s, %s beside %s", collected.rows, collected.champion.version, control)
    work = work_key(collected=collected.work_key, image=settings().model_image)
    name = jobs.attempt_name(f"{collected.champion.model}-score-{work[:16]}")
    folder = collected.rows.rpartition("/")[0]
    rescoring = Rescoring(collected=collected, job_name=name, answers=f"{folder}/{name}/{SCORED}")
    log.info("rescore: %d rows in %s, answers to %s", collected.counts.predictions, name, rescoring.answers)
    return {"rescoring": rescoring, "scoring_job": jobs.scoring_job(rescoring)}
