"""A candidate for the tests of the registry and of releases; its model is the test image's."""

from __future__ import annotations

from windtunnel.core.contracts import ApprovedVersion, DatasetVersion, Evaluated, RegisteredVersion, TrainingPlan
from windtunnel.core.settings import settings
from windtunnel.core.window import Window
from windtunnel.core.workkey import work_key

IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/windtunnel-test:1"


def evaluated(reason: str) -> Evaluated:
    """A candidate of its own for each reason."""
    key = work_key(reason=reason, bucket=settings().bucket)
    plan = TrainingPlan(
        model="flights",
        dataset=DatasetVersion(
            model="flights",
            table="windtunnel.flights",
            snapshot_id="1",
            tag="d1",
            window=Window.month("2013-04"),
            rows=1,
            quarantined=0,
            report="s3://nowhere/report.html",
        ),
        train=Window.parse("2013-01", "2013-04"),
        holdout=Window.month("2013-04"),
        hyperparameters={},
        reason=reason,
        requested_by="sam",
        code_sha256="c" * 64,
        git_commit="0" * 40,
        image=IMAGE,
        work_key=key,
        job_name=f"flights-{key[:16]}",
        train_manifest=settings().uri("train.manifest"),
        holdout_manifest=settings().uri("holdout.manifest"),
        train_rows=1,
        holdout_rows=1,
    )
    return Evaluated(
        plan=plan,
        model_data=settings().uri("jobs", plan.job_name, "output", "model.tar.gz"),
        artefact_sha256="b" * 64,
        metrics={"mse": 4.0, "rmse": 2.0, "mae": 1.0, "r2": 0.5},
        unit="minutes",
        evaluation=settings().uri("evaluation.json"),
    )


def approved(registered: RegisteredVersion) -> ApprovedVersion:
    """The version with a reviewer's yes."""
    return ApprovedVersion.from_json(
        {"registered": registered.to_json(), "approved_by": "rita", "approved_at": "2013-05-01T00:00:00Z"}
    )
