"""The stacks on the embedded AWS: made, changed, removed, with what they hold kept."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from infra.deployment import Deployment
from infra.fault import Fault
from infra.plan import Plan, Stack, plan
from tests.infra.conftest import COMMIT, Account
from tests.infra.reduced import UNKNOWN, Reduced

type Reductions = tuple[Path, dict[str, Reduced]]


def test_nothing_is_left_out_but_what_the_embedded_aws_does_not_know(
    account: Account, reductions: Reductions, capsys: pytest.CaptureFixture[str]
) -> None:
    left_out = Counter(kind for each in reductions[1].values() for kind in each.unknown.values())
    hanging = sorted(name for each in reductions[1].values() for name in each.hanging)
    with capsys.disabled():
        print("\nleft out:", ", ".join(sorted(left_out)), "and what hangs on them:", ", ".join(hanging))
    assert set(left_out) == UNKNOWN
    assert hanging == ["PrivateRoute"]  # the way to the NAT gateway
    cloudformation = account.client("cloudformation")
    for kind in UNKNOWN:
        body = json.dumps({"Resources": {"One": {"Type": kind, "Properties": {}}}})
        with pytest.raises(cloudformation.exceptions.ClientError, match=kind):
            cloudformation.create_stack(StackName="unknown", TemplateBody=body)


def test_every_stack_stands(account: Account) -> None:
    cloudformation = account.client("cloudformation")
    states = {
        stack.name: cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]["StackStatus"]
        for stack in account.plan.stacks
    }
    assert set(states.values()) == {"CREATE_COMPLETE"}
    assert len(states) == 11


def test_what_the_code_is_told_exists(account: Account) -> None:
    told, here = account.outputs, account.plan.account
    s3, iam = account.client("s3"), account.client("iam")
    for name in ("DataBucket", "SourceBucket", "CodeBucket"):
        assert s3.get_bucket_versioning(Bucket=told[name])["Status"] == "Enabled"
        assert s3.get_public_access_block(Bucket=told[name])["PublicAccessBlockConfiguration"]["BlockPublicPolicy"]
    assert account.client("glue").get_database(Name=told["Database"])["Database"]["LocationUri"].endswith("/lake")
    table = account.client("dynamodb").describe_table(TableName=told["LedgerTable"])["Table"]
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"]
    assert told["SagemakerRoleArn"] == iam.get_role(RoleName="windtunnel-dev-sagemaker")["Role"]["Arn"]
    assert account.client("sns").create_topic(Name=told["AlertTopic"])["TopicArn"] == told["TopicArn"]
    assert told["TopicArn"].split(":")[4] == here


def test_a_file_that_comes_reaches_the_queue(account: Account) -> None:
    s3, sqs = account.client("s3"), account.client("sqs")
    s3.put_object(Bucket=account.outputs["SourceBucket"], Key="flights/2013-05.csv", Body=b"a,b\n")
    s3.put_object(Bucket=account.outputs["DataBucket"], Key="reports/nobody-waits-for.html", Body=b"-")
    s3.put_object(Bucket=account.outputs["DataBucket"], Key="batches/incoming/flights/a.csv", Body=b"a,b\n")
    assert _keys(sqs, account.outputs["ArrivalsUrl"]) == ["flights/2013-05.csv"]
    assert _keys(sqs, account.outputs["BatchesUrl"]) == ["batches/incoming/flights/a.csv"]


def _keys(sqs: Any, url: str) -> list[str]:
    found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"])["detail"]["object"]["key"] for message in found]


def test_each_client_has_a_key_of_its_own_under_the_plan(account: Account) -> None:
    gateway = account.client("apigateway")
    (usage,) = gateway.get_usage_plans()["items"]
    keys = gateway.get_usage_plan_keys(usagePlanId=usage["id"])["items"]
    assert [key["name"] for key in keys] == ["windtunnel-dev-flights-demo"]
    assert usage["throttle"] == {"rateLimit": 20.0, "burstLimit": 40}
    methods = [
        (resource["path"], method)
        for resource in gateway.get_resources(restApiId=usage["apiStages"][0]["apiId"])["items"]
        for method in resource.get("resourceMethods", {})
    ]
    assert sorted(methods) == [("/batch", "POST"), ("/predict", "POST"), ("/stream", "POST")]


def test_a_second_deployment_changes_nothing(account: Account, signed_in: Plan, reductions: Reductions) -> None:
    said: list[str] = []
    Deployment(signed_in, _never, said.append, reductions[0], seconds=1).apply({})
    assert said == [f"{stack.name}: nothing to change" for stack in account.plan.stacks]


def test_a_changed_value_is_shown_and_changes_its_stack_alone(
    account: Account, signed_in: Plan, reductions: Reductions
) -> None:
    stacks = [_with(stack, "serving", Clients="demo,partner") for stack in signed_in.stacks]
    said: list[str] = []
    asked: list[str] = []
    changed = signed_in._replace(stacks=tuple(stacks))

    def yes(question: str) -> bool:
        asked.append(question)
        return True

    Deployment(changed, yes, said.append, reductions[0], seconds=1).apply({})
    assert asked == ["Change windtunnel-dev-serving-flights?"]
    (shown,) = [each for each in said if each.startswith("\n")]
    assert "+ Keypartner (AWS::ApiGateway::ApiKey)" in shown
    gateway = account.client("apigateway")
    names = {key["name"] for key in gateway.get_api_keys()["items"]}
    assert names == {"windtunnel-dev-flights-demo", "windtunnel-dev-flights-partner"}


def test_only_the_stacks_that_are_named_are_touched(account: Account, signed_in: Plan, reductions: Reductions) -> None:
    stacks = [
        _with(_with(stack, "serving", Clients="demo"), "events", DataBucket="another-bucket")
        for stack in signed_in.stacks
    ]
    said: list[str] = []
    asked: list[str] = []

    def yes(question: str) -> bool:
        asked.append(question)
        return True

    deployment = Deployment(signed_in._replace(stacks=tuple(stacks)), yes, said.append, reductions[0], seconds=1)
    outputs = deployment.apply({}, ["airflow", "images"])
    assert asked == []
    assert said == [
        "Only airflow images; read, and left as they are: lake, network, ledger, sagemaker, events, observability",
        "windtunnel-dev-images: nothing to change",
        "windtunnel-dev-airflow: nothing to change",
    ]
    assert outputs["PipelineArn"] == account.outputs["PipelineArn"]
    assert "CiArn" not in outputs, "a stack was read that gives them nothing"


@pytest.mark.parametrize(
    ("only", "released", "said"),
    [
        (["airflow", "lakes"], {}, r"^`ONLY` has `lakes`\. Allowed for `prod`: `airflow`, .*, `serving-flights`\.$"),
        (["lake"], {"ImageTag": COMMIT}, r"^`SET` gives \['ImageTag'\], which `lake` does not take\. Add `airflow`"),
        (
            ["people"],
            {},
            r"takes outputs of `lake`, `images`: not there.*`make deploy ENV=prod ONLY=\"lake images people\"`",
        ),
    ],
)
def test_what_cannot_be_done_alone_is_refused_before_anything_is_made(
    cloud: pytest.MonkeyPatch, reductions: Reductions, only: list[str], released: dict[str, str], said: str
) -> None:
    empty = plan("prod")
    cloud.setenv("AWS_ACCESS_KEY_ID", empty.account)
    with pytest.raises(Fault, match=said):
        Deployment(empty, _never, templates=reductions[0], seconds=1).apply(released, only)
    assert Account(empty, [], {}).client("cloudformation").describe_stacks()["Stacks"] == []


def test_a_no_leaves_everything_as_it_is(account: Account, signed_in: Plan, reductions: Reductions) -> None:
    stacks = [_with(stack, "events", DataBucket="another-bucket") for stack in signed_in.stacks]
    deployment = Deployment(
        signed_in._replace(stacks=tuple(stacks)), lambda _: False, lambda _: None, reductions[0], seconds=1
    )
    with pytest.raises(Fault, match="left as it is"):
        deployment.apply({})
    rule = account.client("events").describe_rule(Name="windtunnel-dev-dropped")
    assert account.outputs["DataBucket"] in rule["EventPattern"]


def test_credentials_of_another_account_are_refused(cloud: pytest.MonkeyPatch, reductions: Reductions) -> None:
    cloud.setenv("AWS_ACCESS_KEY_ID", "999999999999")
    with pytest.raises(Fault, match="credentials of account `999999999999`; `dev` is account `111111111111`"):
        Deployment(plan("dev"), _never, templates=reductions[0])


def test_everything_is_removed_and_what_it_holds_is_kept(cloud: pytest.MonkeyPatch, reductions: Reductions) -> None:
    """In an account of its own, by the plan of `prod`: signed, with the ledger protected, and here without a way out."""
    production = plan("prod")
    production = production._replace(
        stacks=tuple(_with(stack, "network", Private="true") for stack in production.stacks)
    )
    cloud.setenv("AWS_ACCESS_KEY_ID", production.account)
    there = Account(production, [], {})
    deployment = Deployment(production, lambda _: True, there.said.append, reductions[0], seconds=1)
    outputs = deployment.apply({"ImageTag": COMMIT})
    endpoints = there.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    assert Counter(each["VpcEndpointType"] for each in endpoints) == {"Gateway": 2, "Interface": 16}
    s3, dynamodb = there.client("s3"), there.client("dynamodb")
    s3.put_object(Bucket=outputs["DataBucket"], Key="lake/flights/data/part-0.parquet", Body=b"rows")
    entry = {"pk": {"S": "flights"}, "sk": {"S": "head"}}
    dynamodb.put_item(TableName=outputs["LedgerTable"], Item=entry)

    kept = deployment.remove()

    cloudformation = there.client("cloudformation")
    standing = [
        each for each in cloudformation.describe_stacks()["Stacks"] if each["StackName"].startswith("windtunnel-")
    ]
    assert not standing
    roles = [role["RoleName"] for role in there.client("iam").list_roles()["Roles"]]
    assert not [name for name in roles if name.startswith("windtunnel-")]
    assert {outputs[name] for name in ("DataBucket", "SourceBucket", "CodeBucket", "LedgerTable", "Database")} <= set(
        kept
    )
    body = s3.get_object(Bucket=outputs["DataBucket"], Key="lake/flights/data/part-0.parquet")["Body"].read()
    assert body == b"rows"
    assert dynamodb.get_item(TableName=outputs["LedgerTable"], Key=entry)["Item"] == entry
    assert there.client("kms").describe_key(KeyId=outputs["KeyArn"])["KeyMetadata"]["KeyState"] == "Enabled"


def _with(stack: Stack, template: str, **values: str) -> Stack:
    return stack._replace(values={**stack.values, **values}) if stack.template == template else stack


def _never(question: str) -> bool:
    raise AssertionError(f"nothing is to be asked: {question}")
