"""request: the retrain form -> a training request that can succeed."""

from __future__ import annotations

import logging

from windtunnel.aws import commits, lake
from windtunnel.core.catalog import model_estimator, model_spec
from windtunnel.core.contracts import TrainingRequest
from windtunnel.core.errors import WindowInvalid, quoted
from windtunnel.ml.hyperparameters import resolve
from windtunnel.ml.windows import choose
from windtunnel.stages.force import accountable

log = logging.getLogger(__name__)


def request(wish: TrainingRequest) -> TrainingRequest:
    """Check a person's wish before anything starts, on the months that are published now.

    Raises:
        CommitAwaited: It is for a commit whose folder of the model is not the one deployed here, or not yet.
        CommitRefused: It is for a commit that was not deployed here from main.
        HyperparameterInvalid: A hyper-parameter is unknown or outside its range.
        ReleaseRefused: It is to be forced past the gate, and no person stands for it with a reason.
        SourceMissing: Nothing is published yet.
        WindowInvalid: Training does not end before the holdout, or a month is not published.
    """
    chosen = wish.hyperparameters or "the defaults"
    log.info("request: %s asks for a training of %s with %s: %s", wish.requested_by, wish.model, chosen, wish.reason)
    if wish.force:
        accountable(wish)
    if wish.commit:
        commits.require(wish.commit, wish.model)
    resolve(model_estimator(wish.model).HYPERPARAMETERS, wish.hyperparameters)
    spec, dataset = model_spec(wish.model), lake.current(wish.model)
    months = lake.months(dataset.table, dataset.snapshot_id)
    train, holdout, missing = choose(spec, months, wish)
    if missing:
        raise WindowInvalid(
            f"`{wish.model}` trains on {spec.windows.train_months} months and is judged on {spec.windows.holdout_months}; "
            f"{quoted(missing)} of `{train}` and `{holdout}` are not published. It has: "
            f"{quoted((month.label for month in months), most=24)}. Ingest more, or choose months among these."
        )
    log.info("request: accepted, a training on %s, judged on %s, starts by itself", train, holdout)
    return wish
