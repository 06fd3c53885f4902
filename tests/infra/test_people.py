"""Who may do what on AWS: every case of docs/aws-rights.md, against the roles that the stacks made."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from infra.deployment import Deployment
from infra.plan import Plan
from infra.template import read, resources
from tests.infra.cases import PAGE, ROLES, Case, cases
from tests.infra.conftest import Account
from tests.infra.policies import Document, Request, decide
from tests.infra.reduced import Reduced

CASES = cases()
AT_LEAST = 60


class Role(NamedTuple):
    """A role as IAM has it."""

    arn: str
    trust: Document
    policies: list[Document]
    boundaries: list[Document]


@pytest.fixture(scope="module")
def roles(account: Account) -> Mapping[str, Role]:
    iam, boundaries = account.client("iam"), _boundaries(account)
    names = {**ROLES, "approver": "approver", "gateway": "serving-flights"}
    return {column: _role(iam, f"windtunnel-dev-{name}", boundaries) for column, name in names.items()}


def _boundaries(account: Account) -> dict[str, str]:
    """Role -> ARN of its boundary, by the templates: the embedded AWS makes a stack's role without its boundary."""
    cloudformation, found = account.client("cloudformation"), {}
    for stack in account.plan.stacks:
        listed = cloudformation.describe_stack_resources(StackName=stack.name)["StackResources"]
        physical = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed}
        for name, body in resources(read(stack.template)).items():
            if boundary := body.get("Properties", {}).get("PermissionsBoundary"):
                found[physical[name]] = physical[boundary["Ref"]]
    return found


def _role(iam: Any, name: str, boundaries: Mapping[str, str]) -> Role:
    found = iam.get_role(RoleName=name)["Role"]
    managed = [each["PolicyArn"] for each in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]]
    inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
    policies = [_document(iam, arn) for arn in managed]
    policies += [iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in inline]
    boundary = boundaries.get(name)
    return Role(
        found["Arn"], found["AssumeRolePolicyDocument"], policies, [_document(iam, boundary)] if boundary else []
    )


def _document(iam: Any, arn: str) -> Document:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found: Document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return found


def _request(case: Case, account: Account) -> Request:
    return case.request(account.plan.account, account.plan.region, account.outputs["KeyArn"])


def _may(role: Role, request: Request, attached: list[Document] | None = None) -> bool:
    """Whether a role may do it, or might if other policies were attached."""
    by_it = Request(request.action, request.resource, {**request.context, "aws:PrincipalArn": role.arn})
    return decide(by_it, role.policies if attached is None else attached, role.boundaries) == "allowed"


@pytest.mark.parametrize("case", CASES, ids=lambda case: re.sub(r"\W+", "-", case.what.lower()))
def test_a_case_is_decided_as_the_page_says(case: Case, roles: Mapping[str, Role], account: Account) -> None:
    request = _request(case, account)
    found = {column: _may(roles[column], request) for column in ROLES}
    assert found == case.allowed, f"{PAGE.name} and the stacks differ in `{case.what}`"
    alone = {column: _may(roles[column]._replace(boundaries=[]), request) for column in ROLES}
    assert alone == case.allowed, f"only a boundary keeps `{case.what}` as {PAGE.name} says: mend the policy"


def test_the_page_has_enough_cases_and_no_case_twice() -> None:
    assert len(CASES) >= AT_LEAST, f"{len(CASES)} cases per person"
    asked = [(case.action, case.resource, tuple(case.context.items())) for case in CASES]
    assert len(asked) == len(set(asked))
    for column in ROLES:
        answers = {case.allowed[column] for case in CASES}
        assert answers == {True, False}, f"`{column}` is asked about one kind of thing only"


def test_simulate_principal_policy_says_the_same_where_neither_context_nor_boundary_plays_a_part(
    roles: Mapping[str, Role], account: Account
) -> None:
    iam, differ, asked = account.client("iam"), [], 0
    for case in CASES:
        request = Request(_request(case, account).action, _request(case, account).resource)
        for column in ROLES:
            answer = iam.simulate_principal_policy(
                PolicySourceArn=roles[column].arn, ActionNames=[request.action], ResourceArns=[request.resource]
            )["EvaluationResults"][0]["EvalDecision"]
            asked += 1
            if answer != decide(request, roles[column].policies):
                differ.append((column, case.what, answer))
    assert asked == len(CASES) * len(ROLES)
    assert not differ


@pytest.mark.parametrize("column", list(ROLES))
def test_a_boundary_holds_whatever_is_attached(column: str, roles: Mapping[str, Role], account: Account) -> None:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    role = roles[column]
    assert role.boundaries, f"`{column}` has no boundary"
    region, number = account.plan.region, account.plan.account
    sagemaker = f"arn:aws:sagemaker:{region}:{number}"
    never: list[tuple[str, str, dict[str, str]]] = [
        ("iam:AttachRolePolicy", role.arn, {}),
        ("iam:DeleteRolePermissionsBoundary", role.arn, {}),
        ("airflow:CreateCliToken", f"arn:aws:airflow:{region}:{number}:environment/windtunnel-dev", {}),
        ("sts:AssumeRole", f"arn:aws:iam::{number}:role/Admin", {}),
        ("dynamodb:DeleteTable", f"arn:aws:dynamodb:{region}:{number}:table/windtunnel-dev-ledger", {}),
        ("sagemaker:StopTrainingJob", f"{sagemaker}:training-job/flights-7a", {}),
    ]
    if column == "reviewer":
        never.append(("sagemaker:CreateTrainingJob", f"{sagemaker}:training-job/flights-7a", {}))
    else:
        approved = {"sagemaker:ModelApprovalStatus": "Approved"}
        never.append(("sagemaker:UpdateModelPackage", f"{sagemaker}:model-package/flights/7", approved))
    if column not in ("engineer", "pipeline"):
        raw = (
            f"{account.outputs['SourceBucket']}/flights/a.csv",
            f"{account.outputs['DataBucket']}/landing/flights/a.csv",
        )
        never += [("s3:GetObject", f"arn:aws:s3:::{key}", {}) for key in raw]
    outgrown = [
        action for action, resource, context in never if _may(role, Request(action, resource, context), [everything])
    ]
    assert not outgrown, f"with everything attached `{column}` could {outgrown}"


def test_iam_takes_the_policies(account: Account) -> None:
    """IAM's quotas, which the embedded AWS does not hold: characters without white space, policies per role."""
    iam = account.client("iam")
    sizes = {
        policy["PolicyName"]: len(json.dumps(_document(iam, policy["Arn"]), separators=(",", ":")))
        for page in iam.get_paginator("list_policies").paginate(Scope="Local")
        for policy in page["Policies"]
    }
    assert len(sizes) > 12
    assert {name: size for name, size in sizes.items() if size > 6_144} == {}
    for role in iam.list_roles()["Roles"]:
        trust = len(json.dumps(role["AssumeRolePolicyDocument"], separators=(",", ":")))
        attached = iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"]
        assert trust <= 2_048, role["RoleName"]
        assert len(attached) <= 10, role["RoleName"]


def test_the_approver_writes_an_answer_and_nothing_else(roles: Mapping[str, Role], account: Account) -> None:
    role = roles["approver"]
    allowed = {case.what for case in CASES if _may(role, _request(case, account))}
    assert allowed == {"Approve a version", "Reject a version"}


def test_the_gateway_asks_one_endpoint_and_nothing_else(roles: Mapping[str, Role], account: Account) -> None:
    role = roles["gateway"]
    allowed = {case.what for case in CASES if _may(role, _request(case, account))}
    assert allowed == {"Ask the live endpoint past the gateway"}


def _may_take(role: Role, action: str = "sts:AssumeRole", **context: str) -> bool:
    return decide(Request(action, "*", context), [role.trust]) == "allowed"


def test_a_role_is_taken_by_those_it_is_for(roles: Mapping[str, Role], account: Account) -> None:
    reserved = f"arn:aws:iam::{account.plan.account}:role/aws-reserved/sso.amazonaws.com/eu-central-1"
    scientist = f"{reserved}/AWSReservedSSO_DataScientist_1a"
    engineer = f"{reserved}/AWSReservedSSO_DataEngineer_1a"
    assert _may_take(roles["engineer"], **{"aws:PrincipalArn": engineer})
    assert not _may_take(roles["engineer"], **{"aws:PrincipalArn": scientist})
    assert not _may_take(roles["reviewer"], **{"aws:PrincipalArn": scientist})
    sam = {"aws:PrincipalArn": scientist, "aws:userid": "AROA1:sam"}
    assert _may_take(roles["scientist"], **sam, **{"sts:RoleSessionName": "sam"})
    assert not _may_take(roles["scientist"], **sam, **{"sts:RoleSessionName": "eva"})


def test_the_approver_is_taken_by_the_pipeline_under_a_reviewers_name(roles: Mapping[str, Role]) -> None:
    pipeline = {"aws:PrincipalArn": roles["pipeline"].arn}
    assert _may_take(roles["approver"], **pipeline, **{"sts:RoleSessionName": "approve-rita"})
    assert not _may_take(roles["approver"], **pipeline, **{"sts:RoleSessionName": "train"})
    assert not _may_take(
        roles["approver"], **{"aws:PrincipalArn": roles["engineer"].arn, "sts:RoleSessionName": "approve-rita"}
    )


def test_ci_is_one_environment_of_one_repository(roles: Mapping[str, Role]) -> None:
    issuer = "token.actions.githubusercontent.com"
    given = {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": "repo:example/windtunnel:environment:dev"}
    web = "sts:AssumeRoleWithWebIdentity"
    assert _may_take(roles["CI"], web, **given)
    assert not _may_take(roles["CI"], web, **{**given, f"{issuer}:sub": "repo:example/windtunnel:ref:refs/heads/main"})
    assert not _may_take(roles["CI"], web, **{**given, f"{issuer}:sub": "repo:mallory/windtunnel:environment:dev"})
    assert not _may_take(roles["CI"], web, **{f"{issuer}:sub": given[f"{issuer}:sub"]})


def test_ci_may_make_every_call_of_its_deployment_and_look_at_no_other_stack(
    roles: Mapping[str, Role], signed_in: Plan, reductions: tuple[Path, dict[str, Reduced]]
) -> None:
    """The calls of `make deploy ONLY=airflow`, of a deployment that changes something and of one that does not."""
    # An embedded AWS makes no environment: a right of the pipeline stands for what the code's version changes.
    changed = [
        stack._replace(values={**stack.values, "Database": "other"}) if stack.template == "airflow" else stack
        for stack in signed_in.stacks
    ]
    made: set[tuple[str, str]] = set()
    for stacks in (changed, signed_in.stacks, signed_in.stacks):
        deployment = Deployment(
            signed_in._replace(stacks=tuple(stacks)), lambda _: True, lambda _: None, reductions[0], seconds=1
        )
        deployment._client.meta.events.register(
            "provide-client-params.cloudformation",
            lambda params, model, **_: made.add((model.name, params["StackName"])),
        )
        deployment.apply({}, ["airflow"])

    assert {"CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet", "DeleteChangeSet"} <= {name for name, _ in made}
    arn = f"arn:aws:cloudformation:{signed_in.region}:{signed_in.account}:stack"
    refused = [
        call for call in made if not _may(roles["CI"], Request(f"cloudformation:{call[0]}", f"{arn}/{call[1]}/1"))
    ]
    assert not refused, "infra/stacks/people.yaml: CI lacks a right that its deployment needs"
    looked_at = {name for _, name in made}
    may_look_at = {
        stack.name
        for stack in signed_in.stacks
        if _may(roles["CI"], Request("cloudformation:DescribeStacks", f"{arn}/{stack.name}/1"))
    }
    assert may_look_at == looked_at, (
        "infra/stacks/people.yaml: CI may look at a stack that its deployment does not need"
    )
