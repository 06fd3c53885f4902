"""What a training costs, against jobs that really ran on the embedded AWS: every attempt is billed, none is guessed."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests import candidate
from tests.release.made import IMAGE
from windtunnel.aws import billing, objects
from windtunnel.aws.clients import client
from windtunnel.core.contracts import Comparison, RunCost, TrainingPlan
from windtunnel.core.settings import settings
from windtunnel.core.workkey import work_key
from windtunnel.stages.account import account, cost_address

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


def plan_of_its_own() -> TrainingPlan:
    key = work_key(bucket=settings().bucket)
    return candidate.plan(work_key=key, job_name=f"flights-{key[:16]}")


def cluster(instance_type: str) -> dict[str, Any]:
    return {"InstanceCount": 1, "InstanceType": instance_type, "VolumeSizeInGB": 1}


def train(name: str, instance_type: str = "ml.m5.xlarge", **hyperparameters: str) -> None:
    client("s3").put_object(Bucket=settings().bucket, Key="train/rows.csv", Body=b"1,1\n2,2\n3,3\n")
    source: Any = {"S3DataType": "S3Prefix", "S3Uri": settings().uri("train/")}
    job: Any = {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": hyperparameters,
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": settings().uri("jobs")},
        "ResourceConfig": cluster(instance_type),
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    client("sagemaker").create_training_job(TrainingJobName=name, RoleArn=settings().role_arn, **job)
    until_ended(lambda: client("sagemaker").describe_training_job(TrainingJobName=name)["TrainingJobStatus"])


def evaluate(name: str) -> None:
    job: Any = {
        "AppSpecification": {"ImageUri": IMAGE, "ContainerArguments": ["--sleep", "1"]},
        "ProcessingResources": {"ClusterConfig": cluster("ml.m5.xlarge")},
    }
    client("sagemaker").create_processing_job(ProcessingJobName=name, RoleArn=settings().role_arn, **job)
    until_ended(lambda: client("sagemaker").describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"])


def until_ended(status: Any) -> None:
    for _ in range(300):
        if status() not in ("InProgress", "Stopping"):
            return
        time.sleep(0.1)
    raise TimeoutError


def test_every_attempt_is_billed_the_failed_one_too() -> None:
    plan = plan_of_its_own()
    train(plan.job_name, fail="on purpose")
    train(f"{plan.job_name}-2")
    pinned = Comparison(plan=plan.model_copy(update={"job_name": f"{plan.job_name}-2"}), champion=None, job_name="none")
    evaluation = f"{plan.job_name}-2-vs-V1-1-0"
    evaluate(evaluation)
    cost = account(pinned.model_copy(update={"job_name": evaluation}))
    assert [(job.kind, job.name, job.status) for job in cost.jobs] == [
        ("training", plan.job_name, "Failed"),
        ("training", f"{plan.job_name}-2", "Completed"),
        ("processing", evaluation, "Completed"),
    ]
    described = client("sagemaker").describe_training_job(TrainingJobName=plan.job_name)
    assert cost.jobs[0].billed_seconds == described["BillableTimeInSeconds"] >= 1
    assert cost.jobs[2].billed_seconds >= 1
    hours = sum(job.billed_seconds for job in cost.jobs) / 3600
    assert cost.usd == pytest.approx(0.23 * hours)
    assert RunCost.from_json(objects.get_json(cost_address("flights", plan.work_key))) == cost
    assert account(pinned.model_copy(update={"job_name": evaluation})) == cost  # a task that is run twice

    # The same work judged again, beside another champion: what was paid before stays paid.
    again = f"{plan.job_name}-2-vs-V1-1-1"
    evaluate(again)
    assert [job.name for job in account(pinned.model_copy(update={"job_name": again})).jobs] == [
        *(job.name for job in cost.jobs),
        again,
    ]


def test_a_type_without_a_price_leaves_no_sum() -> None:
    plan = plan_of_its_own()
    train(plan.job_name, "ml.g5.xlarge")
    cost = account(plan)
    assert cost.usd is None
    assert cost.jobs[0].usd is None
    assert cost.jobs[0].billed_seconds >= 1
    assert "no price is known for `ml.g5.xlarge`" in cost.sentence


def test_work_that_never_began_costs_nothing() -> None:
    cost = account(plan_of_its_own())
    assert (cost.jobs, cost.usd) == ((), 0.0)


@pytest.mark.parametrize("work", ["", "-2-vs-V1-2-14"])
@pytest.mark.parametrize("attempt", ["", "-2", "-13"])
def test_any_attempt_stands_for_all_though_keys_and_versions_end_in_digits(work: str, attempt: str) -> None:
    key = work_key(bucket=settings().bucket).translate(str.maketrans("abcdef", "012345"))[:16]
    train(f"flights-{key}{work}")
    assert [job.name for job in billing.attempts([f"flights-{key}{work}{attempt}"])] == [f"flights-{key}{work}"]
