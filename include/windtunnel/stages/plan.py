"""plan: a dataset version or a person's wish -> everything a training is made of, pinned once."""

from __future__ import annotations

import json
import logging

from windtunnel.aws import commits, jobs, lake, objects
from windtunnel.core.catalog import model_spec
from windtunnel.core.code import code_sha256, folder_sha256
from windtunnel.core.contracts import DatasetVersion, TrainingPlan, TrainingRequest
from windtunnel.core.errors import SpecInvalid, quoted
from windtunnel.core.settings import settings
from windtunnel.core.window import Window
from windtunnel.core.workkey import work_key
from windtunnel.ml.windows import choose

log = logging.getLogger(__name__)


def plan(model: str, dataset: DatasetVersion | None, request: TrainingRequest | None) -> TrainingPlan | None:
    """Pin the data, the windows, the code and the parameters of one training.

    The newest months of the snapshot are the holdout and the months before them the training window, unless the
    request names windows. The snapshot's own files are listed in a manifest per window; nothing is copied.

    Args:
        model: Name of the model.
        dataset: The dataset version to train on; None: the one published now.
        request: Who wants the training, why, and with what beside the defaults; None: new data alone is the reason.

    Returns:
        The plan, or None when the snapshot does not hold enough months yet.

    Raises:
        CommitAwaited: The request is for a commit whose folder of the model is not the one deployed here, or not yet.
        CommitRefused: It is for a commit that was not deployed here from main.
        SpecInvalid: The model's task is not one that can be trained yet.
        WindowInvalid: A requested window lacks a month, or training does not end before the holdout.
    """
    spec = model_spec(model)
    if spec.task != "regression":
        raise SpecInvalid(
            f"`{spec.name}` has the task `{spec.task}`: `train` and its gate know `regression` only; monitoring measures "
            "every task. Make the target a number."
        )
    dataset = dataset or lake.current(model)
    request = request or TrainingRequest(model=model, reason=f"New data: {dataset.tag}.", requested_by="ingest")
    log.info(
        "plan: %s asks for a training of %s on %s (snapshot %s), with %s: %s",
        request.requested_by,
        model,
        dataset.tag,
        dataset.snapshot_id,
        request.hyperparameters or "the defaults",
        request.reason,
    )
    if request.commit:
        commits.require(request.commit, model)
    months = lake.months(dataset.table, dataset.snapshot_id)
    train, holdout, missing = choose(spec, months, request)
    if missing:
        log.info(
            "plan: nothing to do, %s lacks %s of train %s and holdout %s", dataset.tag, quoted(missing), train, holdout
        )
        return None
    key = work_key(
        model=dataset.model,
        snapshot=dataset.snapshot_id,
        train=str(train),
        holdout=str(holdout),
        hyperparameters=request.hyperparameters,
        code=code_sha256(dataset.model),
        image=settings().model_image,
    )
    train_manifest, train_rows = _manifest(dataset, train, key, "train")
    holdout_manifest, holdout_rows = _manifest(dataset, holdout, key, "holdout")
    planned = TrainingPlan(
        model=dataset.model,
        dataset=dataset,
        train=train,
        holdout=holdout,
        hyperparameters=request.hyperparameters,
        reason=request.reason,
        requested_by=request.requested_by,
        force=request.force,
        tag=spec.tag,
        revision=spec.revision,
        folder_sha256=folder_sha256(dataset.model),
        commit=request.commit,
        code_sha256=code_sha256(dataset.model),
        git_commit=settings().git_commit,
        image=settings().model_image,
        work_key=key,
        job_name=jobs.attempt_name(f"{dataset.model}-{key[:16]}"),
        train_manifest=train_manifest,
        holdout_manifest=holdout_manifest,
        train_rows=train_rows,
        holdout_rows=holdout_rows,
    )
    log.info(
        "plan: %s trains on %d rows of %s and is judged on %d of %s",
        planned.job_name,
        train_rows,
        train,
        holdout_rows,
        holdout,
    )
    return planned


def _manifest(dataset: DatasetVersion, window: Window, key: str, name: str) -> tuple[str, int]:
    """A manifest of the snapshot's own files, as SageMaker's ManifestFile channel takes it, and their row count."""
    files = lake.files(dataset.table, dataset.snapshot_id, window)
    prefix = settings().uri("")
    body = [{"prefix": prefix}, *(file.uri.removeprefix(prefix) for file in files)]
    address = settings().uri("manifests", dataset.model, key, f"{name}.manifest")
    objects.put_once(address, json.dumps(body, indent=1).encode(), content_type="application/json")
    return address, sum(file.rows for file in files)
