"""register: an evaluated candidate -> a version in the Model Registry, waiting for a person."""

from __future__ import annotations

import logging

from windtunnel.aws import jobs, objects, registry
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Evaluated, RegisteredVersion, TrainingPlan

log = logging.getLogger(__name__)


def register(plan: TrainingPlan) -> RegisteredVersion:
    """Read the evaluation of a planned training and register the candidate with all that it is made of.

    Raises:
        ClientError: The evaluation is not there: its job has not run.
    """
    log.info("register: %s", plan.job_name)
    evaluation = f"{jobs.evaluation_folder(plan)}/evaluation.json"
    found = objects.get_json(evaluation)
    evaluated = Evaluated(
        plan=plan,
        model_data=jobs.model_data(plan),
        artefact_sha256=found["artefact_sha256"],
        metrics=found["metrics"],
        unit=model_spec(plan.model).unit,
        evaluation=evaluation,
    )
    registered = registry.register(evaluated)
    log.info("register: %s, RMSE %.2f %s", registered.package_arn, evaluated.metrics["rmse"], evaluated.unit)
    return registered
