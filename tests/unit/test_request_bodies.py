"""The bodies we send to SageMaker, checked against botocore's own model of each operation."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from windtunnel.aws import endpoint, jobs, registry
from windtunnel.core.contracts import DatasetVersion, Evaluated, RegisteredVersion, TrainingPlan
from windtunnel.core.window import Window

SAGEMAKER = botocore.session.get_session().get_service_model("sagemaker")
ARN = "arn:aws:sagemaker:us-east-1:000000000000:model-package/flights/3"

DATASET = DatasetVersion(
    model="flights",
    table="windtunnel.flights",
    snapshot_id="4382762837462736482",
    tag="d4",
    window=Window.month("2013-04"),
    rows=28_330,
    quarantined=0,
    report="s3://windtunnel/reports/ingest/flights/2013-04/index.html",
)
PLAN = TrainingPlan(
    model="flights",
    dataset=DATASET,
    train=Window.parse("2013-01", "2013-04"),
    holdout=Window.month("2013-04"),
    hyperparameters={"max_iter": "50"},
    reason="New data: d4.",
    requested_by="ingest",
    code_sha256="c" * 64,
    git_commit="0" * 40,
    image="000000000000.dkr.ecr.us-east-1.amazonaws.com/windtunnel-model:1",
    work_key="a" * 64,
    job_name="flights-aaaaaaaaaaaaaaaa",
    train_manifest="s3://windtunnel/manifests/flights/a/train.manifest",
    holdout_manifest="s3://windtunnel/manifests/flights/a/holdout.manifest",
    train_rows=80_789,
    holdout_rows=28_330,
)
EVALUATED = Evaluated(
    plan=PLAN,
    model_data="s3://windtunnel/jobs/flights-aaaaaaaaaaaaaaaa/output/model.tar.gz",
    artefact_sha256="b" * 64,
    metrics={"mse": 338.6, "rmse": 18.4, "mae": 12.1, "r2": 0.81},
    unit="minutes",
    evaluation="s3://windtunnel/evaluations/flights/x/evaluation.json",
)
DEPLOYMENT = endpoint.deployment(RegisteredVersion(model="flights", package_arn=ARN, evaluated=EVALUATED))


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("CreateTrainingJob", jobs.training_job(PLAN)),
        ("CreateProcessingJob", jobs.evaluation_job(PLAN)),
        ("CreateModelPackage", registry.package(EVALUATED, "s3://windtunnel/versions/flights/a/record.json")),
        ("CreateModel", DEPLOYMENT["Model"]),
        ("CreateEndpointConfig", DEPLOYMENT["EndpointConfig"]),
        ("CreateEndpoint", DEPLOYMENT["Endpoint"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_body_is_what_the_operation_takes(operation: str, body: dict[str, Any]) -> None:
    shape = SAGEMAKER.operation_model(operation).input_shape
    assert shape is not None
    errors = ParamValidator().validate(body, shape)
    assert not errors.has_errors(), errors.generate_report()


def test_values_fit_the_registrys_limit_of_256_characters() -> None:
    metadata = registry.package(EVALUATED, "s3://windtunnel/record.json")["CustomerMetadataProperties"]
    assert len(metadata) <= 50
    assert {name: value for name, value in metadata.items() if not 1 <= len(value) <= 256} == {}


def test_other_endpoint_settings_make_another_config_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from windtunnel.core.settings import read

    monkeypatch.setattr(endpoint, "settings", lambda: read({"WINDTUNNEL_ENDPOINT_INSTANCE_COUNT": "3"}))
    other = endpoint.deployment(RegisteredVersion(model="flights", package_arn=ARN, evaluated=EVALUATED))
    assert other["EndpointConfig"]["EndpointConfigName"] != DEPLOYMENT["EndpointConfig"]["EndpointConfigName"]
    assert other["Model"] == DEPLOYMENT["Model"]


def test_contracts_survive_their_own_json() -> None:
    assert Evaluated.from_json(EVALUATED.to_json()) == EVALUATED
