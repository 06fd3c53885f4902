"""The bodies we send to SageMaker, checked against botocore's own model of each operation."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from tests import candidate
from windtunnel.aws import jobs, registry
from windtunnel.core.contracts import Evaluated

SAGEMAKER = botocore.session.get_session().get_service_model("sagemaker")
PLAN = candidate.plan(hyperparameters={"max_iter": "50"})
EVALUATED = candidate.evaluated(plan=PLAN)


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("CreateTrainingJob", jobs.training_job(PLAN)),
        ("CreateProcessingJob", jobs.evaluation_job(PLAN)),
        ("CreateModelPackage", registry.package(EVALUATED, "s3://windtunnel/versions/flights/a/record.json")),
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


def test_contracts_survive_their_own_json() -> None:
    assert Evaluated.from_json(EVALUATED.to_json()) == EVALUATED
