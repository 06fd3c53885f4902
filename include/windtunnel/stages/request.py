"""request: the retrain form -> a training request that can succeed."""

from __future__ import annotations

import logging

from windtunnel.core.catalog import model_estimator
from windtunnel.core.contracts import TrainingRequest
from windtunnel.ml.hyperparameters import resolve
from windtunnel.stages.force import accountable

log = logging.getLogger(__name__)


def request(wish: TrainingRequest) -> TrainingRequest:
    """Check a person's wish before anything starts.

    Raises:
        HyperparameterInvalid: A hyper-parameter is unknown or outside its range.
        ReleaseRefused: It is to be forced past the gate, and no person stands for it with a reason.
    """
    log.info("request: %s", wish.to_json())
    if wish.force:
        accountable(wish)
    resolve(model_estimator(wish.model).HYPERPARAMETERS, wish.hyperparameters)
    log.info("request: accepted, training of `%s` starts by itself", wish.model)
    return wish
