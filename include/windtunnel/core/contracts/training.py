"""From a wish or a dataset version to a candidate that the gate has judged."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from windtunnel.core.contracts.base import Contract
from windtunnel.core.contracts.data import DatasetVersion
from windtunnel.core.window import Window


class TrainingRequest(Contract):
    """A person's wish for a retrain, from the form."""

    model: str
    train: Window | None = None
    holdout: Window | None = None
    hyperparameters: dict[str, str] = {}
    reason: str
    requested_by: str
    force: bool = False
    "Register whatever the gate says; goes on record with the name and the reason."
    commit: str | None = None
    "Of main, whose folder of the model is to be trained; None: whatever is deployed."


class DeployedCommit(Contract):
    """A commit of main that was deployed, written by the deployment and by nobody else."""

    commit: str
    folders: dict[str, str]
    "Model -> digest of its folder in that commit."


class TrainingPlan(Contract):
    """Everything a training is made of, pinned once; `work_key` is its digest and names its jobs."""

    model: str
    dataset: DatasetVersion
    train: Window
    holdout: Window
    hyperparameters: dict[str, str]
    reason: str
    requested_by: str
    force: bool = False
    "Not part of the work key: how a candidate goes on is not what it is made of."
    tag: int
    revision: int
    "With `tag` the first two numbers of the version, as the spec gave them when this was planned."
    folder_sha256: str
    "Digest of the model's folder under that revision."
    commit: str | None = None
    "Of main, which holds that folder: the one that was asked for. None: nobody asked for one."
    code_sha256: str
    git_commit: str
    "Of the deployed code; it may be later than `commit`."
    image: str
    work_key: str
    job_name: str
    train_manifest: str
    holdout_manifest: str
    train_rows: int
    holdout_rows: int


class Champion(Contract):
    """The version in service: what a challenger is compared with and what a rollback leaves or brings back."""

    model: str
    version: str
    package_arn: str
    model_data: str
    "Address of its model.tar.gz."
    artefact_sha256: str
    train: Window
    holdout: Window
    endpoint_config: str
    "The config that serves it, with its alarms, capture and instances as they were proved."
    live_since: datetime


class Comparison(Contract):
    """A trained candidate and the champion it is evaluated beside, pinned together; `job_name` names its evaluation."""

    plan: TrainingPlan
    champion: Champion | None
    "None: nothing is in service yet."
    job_name: str


class Evaluated(Contract):
    """A candidate with its evaluation on the holdout."""

    plan: TrainingPlan
    champion: Champion | None = None
    "The version that was scored on the same rows."
    model_data: str
    "Address of model.tar.gz."
    artefact_sha256: str
    metrics: dict[str, float]
    "mse, rmse, mae, r2 of the model; the same with the prefixes `seasonal_naive_`, `linear_` and `champion_`."
    unit: str
    evaluation: str
    "Address of evaluation.json; `holdout.parquet` with every row's answers lies beside it."


class Interval(Contract):
    """An estimate and its bounds, each at one-sided 95 %."""

    estimate: float
    low: float
    high: float


class Check(Contract):
    """One question put to a version, and the answer."""

    name: str
    "`overall`, `slice:carrier=UA`, `baseline:linear`, `golden-rows`, ..."
    passed: bool | None
    "None: not enough evidence to say."
    sentence: str
    "With the numbers, for a person."
    numbers: dict[str, float | int | str | None] = {}


class Gate(Contract):
    """What the gate answered, and why."""

    answer: Literal["promote", "reject", "not-enough-evidence"]
    sentence: str
    champion: str | None
    "The version it was compared with; None for a first release."
    better: Interval | None
    "RMSE of the challenger over that of the champion, minus 1: below 0 is better."
    rows: int
    days: int
    checks: tuple[Check, ...]
    forced_by: str | None = None
    "Who had the version registered although the answer is not promote."
    forced_because: str | None = None
    report: str
    "Address of gate.json."

    @property
    def goes_on(self) -> bool:
        """Whether the candidate becomes a version."""
        return self.answer == "promote" or self.forced_by is not None


class Gated(Contract):
    """A candidate and the gate's answer."""

    evaluated: Evaluated
    gate: Gate
