"""Work that Airflow runs twice, against the embedded AWS: what exists under the work's name is adopted."""

from __future__ import annotations

import io
import tarfile
import time
from typing import Any

import pytest

from tests.release.made import IMAGE, approved, evaluated
from windtunnel.aws import endpoint, jobs, registry
from windtunnel.aws.clients import client
from windtunnel.core.contracts import RegisteredVersion
from windtunnel.core.errors import ReleaseRefused
from windtunnel.core.settings import settings
from windtunnel.orchestration.operators import AdoptingHook
from windtunnel.stages.prove import prove

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


@pytest.fixture
def hook() -> AdoptingHook:
    return AdoptingHook(aws_conn_id=None)  # type: ignore[no-untyped-call]


def training_job(name: str, **hyperparameters: str) -> dict[str, Any]:
    client("s3").put_object(Bucket=settings().bucket, Key="train/rows.csv", Body=b"1,1\n2,2\n3,3\n")
    channel = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": settings().uri("train/")}}
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": settings().role_arn,
        "HyperParameters": hyperparameters,
        "InputDataConfig": [{"ChannelName": "train", "DataSource": channel}],
        "OutputDataConfig": {"S3OutputPath": settings().uri("jobs")},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


def ended(name: str) -> str:
    for _ in range(300):
        status: str = client("sagemaker").describe_training_job(TrainingJobName=name)["TrainingJobStatus"]
        if status not in ("InProgress", "Stopping"):
            return status
        time.sleep(0.1)
    raise TimeoutError(name)


def test_a_training_that_is_started_twice_is_one_job(hook: AdoptingHook) -> None:
    job = training_job(f"adopted-{settings().bucket}")
    for _ in range(2):
        hook.create_training_job(dict(job), wait_for_completion=False, print_log=False)
    assert ended(job["TrainingJobName"]) == "Completed"
    listed = client("sagemaker").list_training_jobs(NameContains=job["TrainingJobName"])["TrainingJobSummaries"]
    assert len(listed) == 1


def test_work_that_failed_takes_the_next_name(hook: AdoptingHook) -> None:
    base = f"failed-{settings().bucket}"
    assert jobs.attempt_name(base) == base
    hook.create_training_job(training_job(base, fail="on purpose"), wait_for_completion=False, print_log=False)
    assert ended(base) == "Failed"
    assert jobs.attempt_name(base) == f"{base}-2"


def registered_model(reason: str) -> RegisteredVersion:
    candidate = evaluated(reason)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        body = b'{"weight": 1.0, "bias": 0.0}'
        member = tarfile.TarInfo("model.json")
        member.size = len(body)
        tar.addfile(member, io.BytesIO(body))
    key = candidate.model_data.removeprefix(settings().uri(""))
    client("s3").put_object(Bucket=settings().bucket, Key=key, Body=archive.getvalue())
    return registry.register(candidate)


def deploy(hook: AdoptingHook, registered: RegisteredVersion, name: str) -> dict[str, Any]:
    body = endpoint.deployment(registered)
    body["Endpoint"]["EndpointName"] = name
    hook.create_model(body["Model"])
    hook.create_endpoint_config(body["EndpointConfig"])
    return dict(body["Endpoint"])


def test_a_deployment_that_is_repeated_changes_nothing(hook: AdoptingHook, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"endpoint-{settings().bucket}"
    monkeypatch.setattr(endpoint, "endpoint_name", lambda _: name)
    first, second = registered_model("First."), registered_model("Second.")
    wanted = deploy(hook, first, name)
    assert deploy(hook, first, name) == wanted
    hook.create_endpoint(wanted, wait_for_completion=False)
    client("sagemaker").get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})
    modified = client("sagemaker").describe_endpoint(EndpointName=name)["LastModifiedTime"]
    hook.update_endpoint(wanted, wait_for_completion=False)
    assert client("sagemaker").describe_endpoint(EndpointName=name)["LastModifiedTime"] == modified

    # InService proves nothing: it serves the first version, not the second.
    deploy(hook, second, name)
    with pytest.raises(ReleaseRefused, match=r"endpoint config is .* it does not serve the approved version"):
        prove(approved(second))
    client("sagemaker").delete_endpoint(EndpointName=name)


def test_an_endpoint_that_failed_is_made_anew(hook: AdoptingHook, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"failed-{settings().bucket}"
    monkeypatch.setattr(endpoint, "endpoint_name", lambda _: name)
    broken, whole = registered_model("Broken."), registered_model("Whole.")
    key = broken.evaluated.model_data.removeprefix(settings().uri(""))
    client("s3").put_object(Bucket=settings().bucket, Key=key, Body=b"no archive")
    hook.create_endpoint(deploy(hook, broken, name), wait_for_completion=False)
    for _ in range(300):
        if client("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"] == "Failed":
            break
        time.sleep(0.1)
    hook.update_endpoint(deploy(hook, whole, name), wait_for_completion=False)
    client("sagemaker").get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})
    described = client("sagemaker").describe_endpoint(EndpointName=name)
    assert described["EndpointConfigName"] == endpoint.deployment(whole)["EndpointConfig"]["EndpointConfigName"]
    client("sagemaker").delete_endpoint(EndpointName=name)


def test_an_endpoint_that_is_not_there_is_not_proved() -> None:
    with pytest.raises(ReleaseRefused, match="status is `None`, not `InService`"):
        prove(approved(registered_model("Nowhere.")))
