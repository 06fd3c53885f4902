"""A candidate becomes a version, against the embedded AWS: the same work is one version, whatever goes wrong on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from tests.forked import run_killed_everywhere
from tests.release.made import gated
from windtunnel.aws import clients, ledger, registry
from windtunnel.aws.clients import client
from windtunnel.core.contracts import Gated, RegisteredVersion
from windtunnel.core.errors import RevisionStale
from windtunnel.core.settings import settings
from windtunnel.stages.register import register

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


def packages(work_key: str) -> list[str]:
    found = client("sagemaker").list_model_packages(ModelPackageGroupName="flights", MaxResults=100)
    arns = [summary["ModelPackageArn"] for summary in found["ModelPackageSummaryList"]]
    described = [client("sagemaker").describe_model_package(ModelPackageName=arn) for arn in arns]
    return [d["ModelPackageArn"] for d in described if d["CustomerMetadataProperties"]["work_key"] == work_key]


def registered(candidate: Gated) -> RegisteredVersion:
    made = register(candidate)
    assert made is not None
    return made


def assert_registered_once(candidate: Gated, made: RegisteredVersion) -> None:
    assert packages(candidate.evaluated.plan.work_key) == [made.package_arn]
    history = ledger.history("flights", made.version)
    assert [entry.state for entry in history.entries] == ["allocated", "registered"]
    assert history.record.package_arn == made.package_arn
    assert registry.read(made.package_arn) == made


def test_the_same_work_is_one_version() -> None:
    candidate = gated("Twice the same.")
    first = registered(candidate)
    assert registered(candidate) == first
    assert_registered_once(candidate, first)


def test_other_work_is_the_next_version() -> None:
    made = [registered(gated(reason)).version for reason in ("One.", "Another.", "A third.")]
    assert made == ["V1.1.0", "V1.1.1", "V1.1.2"]


def test_a_candidate_that_the_gate_stops_is_no_version(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    stopped = gated("Worse.", answer="reject", sentence="Its RMSE is 9 % above that of V1.1.0.")
    assert register(stopped) is None
    assert "Its RMSE is 9 % above that of V1.1.0." in caplog.text
    assert ledger.versions("flights") == []


def test_a_forced_version_says_by_whom_and_why() -> None:
    made = registered(gated("Forced.", answer="reject", forced_by="sam", forced_because="The winter is over."))
    allocated, entered = ledger.history("flights", made.version).entries
    assert allocated.by == entered.by == "sam"
    assert "Forced by sam: The winter is over." in allocated.why
    said = client("sagemaker").describe_model_package(ModelPackageName=made.package_arn)["CustomerMetadataProperties"]
    assert (said["gate"], said["forced_by"]) == ("reject", "sam")


def test_the_package_names_the_version() -> None:
    made = registered(gated("Read it in the console."))
    found = client("sagemaker").describe_model_package(ModelPackageName=made.package_arn)
    assert found["ModelPackageDescription"].startswith(f"{made.version}. Read it in the console. Trained on ")
    assert found["CustomerMetadataProperties"]["version"] == made.version
    assert "forced_by" not in found["CustomerMetadataProperties"]


def test_two_copies_of_the_task_at_once_make_one_version() -> None:
    candidate = gated("Two copies of the task.")
    with ThreadPoolExecutor(4) as pool:
        made = {future.result().package_arn for future in [pool.submit(registered, candidate) for _ in range(8)]}
    assert_registered_once(candidate, registered(candidate))
    assert packages(candidate.evaluated.plan.work_key) == list(made)


@pytest.mark.parametrize("operation", ["sagemaker:CreateModelPackage", "dynamodb:TransactWriteItems", "s3:PutObject"])
def test_a_lost_reply_makes_no_second_version(operation: str, misbehave: Callable[..., Callable[[], int]]) -> None:
    registered(gated("So that the group exists."))
    candidate = gated(f"The reply of {operation} is lost.")
    struck = misbehave(kind="drop_reply", operation=operation)
    assert_registered_once(candidate, registered(candidate))
    assert struck() == 1


def test_killed_before_and_after_every_write_it_is_one_version() -> None:
    candidate = gated("Killed everywhere.")
    killed, ending = run_killed_everywhere(lambda: registered(candidate))
    made = ending.result()
    assert {mark.partition(":")[2] for mark in killed} == {
        "ledger.allocate", "registry.record", "registry.group", "registry.register", "ledger.move",
    }  # fmt: skip
    assert made.version == "V1.1.0"
    assert_registered_once(candidate, made)


def test_what_the_gate_said_first_stays_on_record() -> None:
    first = registered(gated("Judged twice."))
    again = registered(gated("Judged twice.", sentence="Another champion was in service by then."))
    assert again == first


def test_another_folder_under_the_same_revision_is_refused() -> None:
    registered(gated("Of the folder as it was."))
    candidate = gated("Of a folder that changed.")
    changed = candidate.evaluated.plan.model_copy(update={"folder_sha256": "e" * 64})
    candidate = Gated(evaluated=candidate.evaluated.model_copy(update={"plan": changed}), gate=candidate.gate)
    with pytest.raises(RevisionStale, match="make revision MODEL=flights"):
        register(candidate)
    assert [record.version for record in ledger.versions("flights")] == ["V1.1.0"]


@pytest.mark.parametrize(("approved", "status"), [(True, "Approved"), (False, "Rejected")])
def test_an_answer_stands_with_the_package(approved: bool, status: str) -> None:
    made = registered(gated(f"To be {status}."))
    for _ in range(2):  # a task that is run twice gives the same answer
        registry.decide(made.package_arn, approved=approved, sentence="By rita. I read it.")
    found = client("sagemaker").describe_model_package(ModelPackageName=made.package_arn)
    assert (found["ModelApprovalStatus"], found["ApprovalDescription"]) == (status, "By rita. I read it.")


def test_an_answer_is_written_under_the_approvers_role_and_the_reviewers_name(monkeypatch: pytest.MonkeyPatch) -> None:
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    role = boto3.client("iam").create_role(RoleName="approver", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    made = registered(gated("To be approved under another role."))
    monkeypatch.setenv("WINDTUNNEL_APPROVER_ROLE_ARN", role["Arn"])
    settings.cache_clear()
    calls: list[tuple[str, str]] = []
    asked = clients.client("sts").meta.events
    asked.register("before-parameter-build.sts.AssumeRole", lambda params, **_: calls.append(tuple(params.values())))
    registry.decide(made.package_arn, approved=True, sentence="By rita.", by="rita o'hara@example.com")
    assert calls == [(role["Arn"], "approve-rita-o-hara@example.com")]
    found = client("sagemaker").describe_model_package(ModelPackageName=made.package_arn)
    assert found["ModelApprovalStatus"] == "Approved"
