"""DAGs of the amazon provider's own operators, run by Airflow on a database of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from embedded_aws import Target

PROGRAM = Path(__file__).parent / "dags/provider_operators.py"
Endings = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def made(aws: Target) -> dict[str, str]:
    """Names and addresses of the run; the data is y = 2x + 1."""
    name = f"provider-{os.urandom(4).hex()}"
    s3 = aws.client("s3")
    s3.put_object(Bucket=aws.bucket, Key=f"{name}/raw/points.csv", Body=b"3,1\n5,2\n7,3\n")
    s3.put_object(Bucket=aws.bucket, Key=f"{name}/questions/rows.csv", Body=b"10\n20\n")
    return {"name": name, "prefix": f"s3://{aws.bucket}/{name}", "image": aws.image, "role": aws.role}


@pytest.fixture(scope="module")
def endings(aws: Target, made: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Endings:
    """How the tasks of both DAGs ended."""
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROGRAM.parent),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AWS_DEFAULT_REGION": aws.region,
        "PROVIDER_TEST": json.dumps(made),
    }
    if aws.url is not None:
        environment |= {
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_ACCESS_KEY_ID": "123456789012",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
    result = home / "endings.json"
    for command in (["-m", "airflow", "db", "migrate"], [str(PROGRAM), str(result)]):
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    endings: Endings = json.loads(result.read_text())
    return endings


@pytest.mark.parametrize("dag", ["provider-sync", "provider-deferrable"])
def test_every_task_succeeds(endings: Endings, dag: str) -> None:
    assert set(endings[dag]["tasks"].values()) == {"success"}, endings[dag]["tasks"]
    assert endings[dag]["state"] == "success"


def test_what_was_prepared_was_trained_on(aws: Target, endings: Endings, made: dict[str, str], s3: Any) -> None:
    prepared = s3.get_object(Bucket=aws.bucket, Key=f"{made['name']}/prepared/points.csv")["Body"].read()
    assert prepared == b"3,1\n5,2\n7,3\n"
    described = endings["provider-sync"]["returned"]["train"]["Training"]
    assert described["TrainingJobStatus"] == "Completed"
    assert described["FinalMetricDataList"][0]["Value"] == pytest.approx(0.0)
    artefact = described["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{aws.bucket}/")
    assert s3.head_object(Bucket=aws.bucket, Key=artefact)["ContentLength"] > 0


@pytest.mark.parametrize("dag", ["provider-sync", "provider-deferrable"])
def test_the_tuning_found_the_smaller_penalty(endings: Endings, sagemaker: Any, dag: str) -> None:
    described = endings[dag]["returned"]["tune"]["Tuning"]
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    children = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=described["HyperParameterTuningJobName"]
    )["TrainingJobSummaries"]
    least = min(float(child["TunedHyperParameters"]["penalty"]) for child in children)
    assert float(described["BestTrainingJob"]["TunedHyperParameters"]["penalty"]) == least


def test_the_version_is_approved_and_is_what_the_model_serves(
    endings: Endings, sagemaker: Any, made: dict[str, str]
) -> None:
    arn = endings["provider-sync"]["returned"]["register"]
    assert arn.endswith(f":model-package/{made['name']}/1")
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["CustomerMetadataProperties"] == {"job": f"{made['name']}-sync"}
    model = sagemaker.describe_model(ModelName=made["name"])
    assert model["PrimaryContainer"]["ModelPackageName"] == arn


@pytest.mark.parametrize("suffix", ["sync", "defer"])
def test_the_questions_are_answered(aws: Target, endings: Endings, made: dict[str, str], s3: Any, suffix: str) -> None:
    assert endings
    key = f"{made['name']}/answers/{suffix}/rows.csv.out"
    assert s3.get_object(Bucket=aws.bucket, Key=key)["Body"].read() == b"21.0000\n41.0000\n"


def test_the_endpoint_serves_what_it_was_changed_to_last(
    aws: Target, endings: Endings, made: dict[str, str], sagemaker: Any
) -> None:
    """Created on `first`, updated to `second`; asked to be created on `first` again, it was updated back."""
    updated = endings["provider-sync"]["returned"]["update"]["Endpoint"]
    assert (updated["EndpointStatus"], updated["EndpointConfigName"]) == ("InService", f"{made['name']}-second")
    described = sagemaker.describe_endpoint(EndpointName=made["name"])
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", f"{made['name']}-first")
    runtime = aws.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName=made["name"], ContentType="text/csv", Body=b"0.5\n")
    assert answer["Body"].read() == b"2.0000\n"
    assert answer["InvokedProductionVariant"] == "first"
    sagemaker.delete_endpoint(EndpointName=made["name"])
