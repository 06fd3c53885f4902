"""The bodies we send to SageMaker, checked against botocore's own model of each operation."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from tests import candidate
from windtunnel.aws import jobs, registry
from windtunnel.core.contracts import Comparison, Gated, Rescoring

SAGEMAKER = botocore.session.get_session().get_service_model("sagemaker")
PLAN = candidate.plan(hyperparameters={"max_iter": "50"})
FIRST = Comparison(plan=PLAN, champion=None, job_name=PLAN.job_name)
BESIDE = Comparison(plan=PLAN, champion=candidate.champion(), job_name=f"{PLAN.job_name}-vs-V1-1-0")
ALONE = Rescoring(
    collected=candidate.collected(), job_name="flights-score-a", answers="s3://windtunnel/a/scored.parquet"
)
BOTH = ALONE.model_copy(update={"collected": candidate.collected(control=candidate.registered(version="V1.1.1"))})
GATED = candidate.gated(evaluated=candidate.evaluated(plan=PLAN))


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("CreateTrainingJob", jobs.training_job(PLAN)),
        ("CreateProcessingJob", jobs.evaluation_job(FIRST)),
        ("CreateProcessingJob", jobs.evaluation_job(BESIDE)),
        ("CreateProcessingJob", jobs.scoring_job(ALONE)),
        ("CreateProcessingJob", jobs.scoring_job(BOTH)),
        ("CreateModelPackage", registry.package(GATED, "V1.1.2", "s3://windtunnel/versions/flights/a/record.json")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_body_is_what_the_operation_takes(operation: str, body: dict[str, Any]) -> None:
    shape = SAGEMAKER.operation_model(operation).input_shape
    assert shape is not None
    errors = ParamValidator().validate(body, shape)
    assert not errors.has_errors(), errors.generate_report()


def test_an_evaluation_beside_a_champion_gets_its_archive_with_the_digest_to_check() -> None:
    job = jobs.evaluation_job(BESIDE)
    inputs = {given["InputName"]: given["S3Input"]["S3Uri"] for given in job["ProcessingInputs"]}
    assert inputs["champion"] == candidate.champion().model_data
    assert job["AppSpecification"]["ContainerArguments"][-4:] == [
        *("--champion-version", "V1.1.0"),
        *("--champion-sha256", "d" * 64),
    ]
    first = jobs.evaluation_job(FIRST)
    assert "champion" not in str(first)
    folders = [each["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] for each in (first, job)]
    assert folders[0] != folders[1]


def test_a_scoring_asks_the_control_only_where_there_is_one() -> None:
    alone, both = jobs.scoring_job(ALONE), jobs.scoring_job(BOTH)
    assert [given["InputName"] for given in alone["ProcessingInputs"]] == ["rows", "champion"]
    assert [given["InputName"] for given in both["ProcessingInputs"]] == ["rows", "champion", "control"]
    assert both["AppSpecification"]["ContainerEntrypoint"] == ["score"]
    assert both["AppSpecification"]["ContainerArguments"] == [
        *("--model", "flights"),
        *("--champion-version", "V1.1.2", "--champion-sha256", "b" * 64),
        *("--control-version", "V1.1.1", "--control-sha256", "b" * 64),
    ]
    assert both["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] == "s3://windtunnel/a"


def test_values_fit_the_registrys_limit_of_256_characters() -> None:
    metadata = registry.package(GATED, "V1.1.2", "s3://windtunnel/record.json")["CustomerMetadataProperties"]
    assert len(metadata) <= 50
    assert {name: value for name, value in metadata.items() if not 1 <= len(value) <= 256} == {}


def test_contracts_survive_their_own_json() -> None:
    assert Gated.from_json(GATED.to_json()) == GATED
