"""The pipeline's role and the code agree: every call that the code makes is allowed, and nothing is allowed that none makes."""

from __future__ import annotations

import re
from collections import defaultdict

import boto3
import pytest

from infra.template import read, resources
from local.place import ROOT

PACKAGE = ROOT / "include" / "windtunnel"
ALIASES = {"s3": "s3", "sagemaker": "sagemaker", "dynamodb": "dynamodb"}
"""Names that the code gives to a client it keeps."""

BY_OTHERS = {
    # The operators' hook, which waits in the triggerer, and whose names carry Tags.
    "sagemaker": {"create_training_job", "create_processing_job", "add_tags"},
    # PyIceberg's Glue catalog: `lake.catalog`.
    "glue": {"create_database", "get_database", "create_table", "get_table", "get_tables", "update_table"},
    # Airflow's watcher of a queue.
    "sqs": {"receive_message", "delete_message", "get_queue_url", "get_queue_attributes"},
}
"""Calls that libraries make for us."""

ACTIONS = {
    "dynamodb:TransactWriteItems": {"dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"},
    "s3:DownloadFile": {"s3:GetObject"},
    "s3:DownloadFileobj": {"s3:GetObject"},
    "s3:HeadObject": {"s3:GetObject"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
    "s3:UploadFile": {"s3:PutObject", "s3:AbortMultipartUpload"},
    "sagemaker:UpdateModelPackage": {"sts:AssumeRole"},  # by the approver
    "dynamodb:CreateTable": set(),  # on a laptop; on AWS the table is there and is only described
}
"""Calls whose right has another name."""

BESIDE = {
    "iam:CreateServiceLinkedRole",  # the first RegisterScalableTarget of an account
    "iam:PassRole",  # CreateTrainingJob, CreateProcessingJob, CreateModel
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKey",
    "s3:GetBucketLocation",  # Arrow asks for a bucket's region
}
"""Rights that a call needs beside its own."""


def _called() -> dict[str, set[str]]:
    """Service -> methods that the package calls."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for service, method in re.findall(r'client\("([a-z0-9-]+)"\)\s*\.([a-z_0-9]+)\(', text):
            found[service].add(method)
        for service, method in re.findall(r'client\("([a-z0-9-]+)"\)\.get_paginator\("([a-z_0-9]+)"', text):
            found[service].add(method)
        for name, method in re.findall(r"\b([a-z0-9]+)\.([a-z_0-9]+)\(", text):
            if (name in ALIASES and f"{name} = client(" in text) or (name == "sagemaker" and "sagemaker_as(" in text):
                found[ALIASES[name]].add(method)
        found["sagemaker"] |= set(re.findall(r'_listed\("(list_[a-z_]+)"', text))
        if 'get_waiter("endpoint_deleted")' in text:
            found["sagemaker"].add("describe_endpoint")
    for service, methods in BY_OTHERS.items():
        found[service] |= methods
    return found


def _needed() -> set[str]:
    """The rights that the calls need."""
    found: set[str] = set()
    for service, methods in _called().items():
        client = boto3.client(service, region_name="us-east-1")  # type: ignore[call-overload]
        known: dict[str, str] = client.meta.method_to_api_mapping
        prefix = service.removesuffix("-runtime")
        for method in methods - {"get_paginator", "get_waiter", "exceptions", "meta"}:
            operation = known.get(method) or "".join(word.title() for word in method.split("_"))
            action = f"{prefix}:{operation}"
            found |= ACTIONS.get(action, {action})
    return found


def _granted() -> set[str]:
    """The rights of the policies about data and models; what MWAA itself needs stands in a policy of its own."""
    templates = resources(read("airflow"))
    found: set[str] = set()
    for name in ("DataPolicy", "ModelPolicy"):
        for statement in templates[name]["Properties"]["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            if statement["Effect"] == "Allow":
                found |= {actions} if isinstance(actions, str) else set(actions)
    return found


def test_every_call_is_allowed() -> None:
    needed = _needed()
    assert len(needed) > 40
    missing = sorted(needed - _granted())
    assert not missing, "infra/stacks/airflow.yaml: allow the pipeline what its code calls"


def test_nothing_is_allowed_that_no_call_needs() -> None:
    idle = sorted(_granted() - _needed() - BESIDE)
    assert not idle, "infra/stacks/airflow.yaml: take away what no code calls"


@pytest.mark.parametrize("service", ["s3", "sagemaker", "dynamodb", "cloudwatch", "sns", "secretsmanager"])
def test_the_test_reads_the_calls(service: str) -> None:
    assert _called()[service]


def test_the_ledgers_table_is_the_one_that_the_code_makes() -> None:
    made = (PACKAGE / "aws" / "ledger" / "table.py").read_text(encoding="utf-8")
    keys = re.findall(r'\{"AttributeName": "(\w+)", "KeyType": "(\w+)"\}', made)
    table = resources(read("ledger"))["Table"]["Properties"]
    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == keys
    assert table["BillingMode"] in made
