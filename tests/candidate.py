"""A whole candidate of `flights` for tests that need one; each gives what it is about and takes the rest as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from windtunnel.core.contracts import (
    AbsorbedCaptures,
    Champion,
    CollectedPredictions,
    DatasetVersion,
    Evaluated,
    Gate,
    Gated,
    LabelCounts,
    Proof,
    RegisteredVersion,
    TrainingPlan,
)
from windtunnel.core.window import Window


def dataset(**given: Any) -> DatasetVersion:
    """A published April."""
    usual: dict[str, Any] = {
        "model": "flights",
        "table": "windtunnel.flights",
        "snapshot_id": "4382762837462736482",
        "tag": "d4",
        "window": Window.month("2013-04"),
        "rows": 28_330,
        "quarantined": 0,
        "report": "s3://windtunnel/reports/ingest/flights/2013-04/audit.html",
    }
    return DatasetVersion.model_validate(usual | given)


def plan(**given: Any) -> TrainingPlan:
    """January to March, judged on April."""
    usual: dict[str, Any] = {
        "model": "flights",
        "dataset": given.get("dataset") or dataset(),
        "train": Window.parse("2013-01", "2013-04"),
        "holdout": Window.month("2013-04"),
        "hyperparameters": {},
        "reason": "New data: d4.",
        "requested_by": "ingest",
        "tag": 1,
        "revision": 1,
        "folder_sha256": "f" * 64,
        "code_sha256": "c" * 64,
        "git_commit": "0" * 40,
        "image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/windtunnel-model:1",
        "work_key": "a" * 64,
        "job_name": "flights-aaaaaaaaaaaaaaaa",
        "train_manifest": "s3://windtunnel/manifests/flights/a/train.manifest",
        "holdout_manifest": "s3://windtunnel/manifests/flights/a/holdout.manifest",
        "train_rows": 80_789,
        "holdout_rows": 28_330,
    }
    return TrainingPlan.model_validate(usual | given)


def evaluated(**given: Any) -> Evaluated:
    """Its artefact and its errors."""
    usual: dict[str, Any] = {
        "plan": given.get("plan") or plan(),
        "model_data": "s3://windtunnel/jobs/flights-aaaaaaaaaaaaaaaa/output/model.tar.gz",
        "artefact_sha256": "b" * 64,
        "metrics": {"mse": 338.6, "rmse": 18.4, "mae": 12.1, "r2": 0.81},
        "unit": "minutes",
        "evaluation": "s3://windtunnel/evaluations/flights/a/evaluation.json",
    }
    return Evaluated.model_validate(usual | given)


def gate(**given: Any) -> Gate:
    """A first release that beats its baselines."""
    usual: dict[str, Any] = {
        "answer": "promote",
        "sentence": "Nothing is in service yet, and both baselines are beaten.",
        "champion": None,
        "better": None,
        "rows": 28_330,
        "days": 30,
        "checks": [],
        "report": "s3://windtunnel/evaluations/flights/a/gate.json",
    }
    return Gate.model_validate(usual | given)


def gated(**given: Any) -> Gated:
    """The candidate and the gate's answer."""
    return Gated(evaluated=given.get("evaluated") or evaluated(), gate=given.get("gate") or gate())


def champion(**given: Any) -> Champion:
    """In service since April: trained on December to February, judged on March."""
    usual: dict[str, Any] = {
        "model": "flights",
        "version": "V1.1.0",
        "package_arn": "arn:aws:sagemaker:us-east-1:000000000000:model-package/flights/1",
        "model_data": "s3://windtunnel/jobs/flights-cccccccccccccccc/output/model.tar.gz",
        "artefact_sha256": "d" * 64,
        "train": Window.parse("2012-12", "2013-03"),
        "holdout": Window.month("2013-03"),
        "endpoint_config": "flights-V1-1-0-00000000",
        "live_since": "2013-04-02T00:00:00Z",
    }
    return Champion.model_validate(usual | given)


def registered(**given: Any) -> RegisteredVersion:
    """V1.1.2, in the registry as number 3."""
    usual: dict[str, Any] = {
        "model": "flights",
        "version": "V1.1.2",
        "package_arn": "arn:aws:sagemaker:us-east-1:000000000000:model-package/flights/3",
        "evaluated": given.get("evaluated") or evaluated(),
        "gate": given.get("gate") or gate(),
    }
    return RegisteredVersion.model_validate(usual | given)


def proof(version: RegisteredVersion, config: str) -> Proof:
    """That the live endpoint serves a version with a config."""
    return Proof(
        model=version.model,
        version=version.version,
        endpoint=f"windtunnel-{version.model}",
        endpoint_config=config,
        package_arn=version.package_arn,
        weights={"champion": 1.0},
        capture_percent=100,
        golden_rows=64,
        largest_difference=0.0,
        proved_at=datetime.now(UTC),
    )


def collected(**given: Any) -> CollectedPredictions:
    """A May of which every prediction has its label."""
    may = Window.month("2013-05")
    counted = dict.fromkeys(LabelCounts.model_fields, 0) | {"predictions": 1_000, "labelled": 1_000}
    absorbed = {
        "model": "flights",
        "table": "windtunnel.flights_predictions",
        "snapshot_id": "1",
        "sequence": 1,
        "new_rows": 0,
    }
    usual: dict[str, Any] = {
        "champion": given.get("champion") or registered(),
        "control": None,
        "absorbed": AbsorbedCaptures.model_validate(absorbed),
        "labels": dataset(tag="d5", window=may),
        "span": may,
        "windows": tuple(may.parts(7)),
        "work_key": "e" * 64,
        "rows": "s3://windtunnel/monitor/flights/2013-05/e/predictions.parquet",
        "counts": LabelCounts.model_validate(counted),
        "labels_until": "2013-05-31",
    }
    return CollectedPredictions.model_validate(usual | given)
