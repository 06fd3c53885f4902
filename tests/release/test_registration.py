"""The Model Registry, against the embedded AWS: the same work is one version, whatever goes wrong on the way."""

from __future__ import annotations

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.release.made import evaluated
from windtunnel.aws import registry
from windtunnel.aws.clients import client

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


def versions(work_key: str) -> list[str]:
    found = client("sagemaker").list_model_packages(ModelPackageGroupName="flights", MaxResults=100)
    arns = [summary["ModelPackageArn"] for summary in found["ModelPackageSummaryList"]]
    described = [client("sagemaker").describe_model_package(ModelPackageName=arn) for arn in arns]
    return [d["ModelPackageArn"] for d in described if d["CustomerMetadataProperties"]["work_key"] == work_key]


def test_the_same_work_is_one_version() -> None:
    candidate = evaluated("Twice the same.")
    first = registry.register(candidate)
    assert registry.register(candidate) == first
    assert versions(candidate.plan.work_key) == [first.package_arn]


def test_other_work_is_another_version() -> None:
    assert registry.register(evaluated("One.")).package_arn != registry.register(evaluated("Another.")).package_arn


def test_two_copies_of_the_task_at_once_make_one_version() -> None:
    candidate = evaluated("Two copies of the task.")
    with ThreadPoolExecutor(4) as pool:
        made = {future.result().package_arn for future in [pool.submit(registry.register, candidate) for _ in range(8)]}
    assert versions(candidate.plan.work_key) == list(made)


def test_a_lost_reply_makes_no_second_version(aws_url: str) -> None:
    candidate = evaluated("The reply is lost.")
    registry.register(evaluated("So that the group exists."))
    fault = {"kind": "drop_reply", "operation": "sagemaker:CreateModelPackage", "times": 1}
    request = urllib.request.Request(f"{aws_url}/_localaws/faults", json.dumps(fault).encode(), method="PUT")  # noqa: S310
    with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - our own address
        made = registry.register(candidate)
    assert versions(candidate.plan.work_key) == [made.package_arn]


def test_the_record_of_a_version_is_whole() -> None:
    candidate = evaluated("Read it back.")
    assert registry.read(registry.register(candidate).package_arn).evaluated == candidate
