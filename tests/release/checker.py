"""Judges a release path afterwards by what stands in DynamoDB, the registry, S3 and SageMaker, through boto3 alone."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer

from windtunnel.core.settings import settings

_from_wire = TypeDeserializer()


def _aws(service: str) -> Any:
    client: Any = boto3.client  # its stubs want one literal name per service
    return client(service)


class Counted:
    """Counts, by the events that SageMaker sends, how often endpoints were created and updated."""

    def __init__(self, name: str) -> None:
        self._sqs, events = _aws("sqs"), _aws("events")
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        asked = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Endpoint State Change"]}
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": asked["Attributes"]["QueueArn"]}])
        self._seen: Counter[tuple[str, str]] = Counter()

    def changes(self, endpoint: str) -> dict[str, int]:
        """How often an endpoint was created and how often it was updated, until now."""
        while messages := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                detail = json.loads(message["Body"])["detail"]
                self._seen[detail["EndpointName"], detail["EndpointStatus"]] += 1
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return {status: self._seen[endpoint, status] for status in ("CREATING", "UPDATING")}


def entries(model: str) -> list[dict[str, Any]]:
    """Every entry of a model's journal, in order."""
    found = [item for item in _items() if item["pk"] == model and item["sk"].startswith("entry#")]
    return sorted(found, key=lambda entry: int(entry["sequence"]))


def states(model: str) -> dict[str, list[str]]:
    """Version -> every state it came to, in order."""
    came: dict[str, list[str]] = {}
    for entry in entries(model):
        came.setdefault(entry["version"], []).append(entry["state"])
    return came


def check(model: str) -> None:
    """What holds whatever was killed: numbers, one version per work, one package per version, leases free, one truth."""
    journal = entries(model)
    sequences = [int(entry["sequence"]) for entry in journal]
    assert sequences == list(range(1, len(journal) + 1)), "an entry that is missing, or there twice"
    items = _items()
    versions = [item["version"] for item in items if item["pk"] == model and item["sk"].startswith("version#")]
    once = {item["sk"]: item["version"] for item in items if item["pk"] == model and item["sk"].startswith("once#")}
    assert sorted(once.values()) == sorted(versions), "one version per work key, and no other"
    numbered = sorted((version, key.removeprefix("once#")) for key, version in once.items())
    assert sorted(_packages(model)) == numbered, "one package per version, and no other"
    now = datetime.now(UTC)
    held = [item["owner"] for item in items if item["sk"] == "lease" and datetime.fromisoformat(item["until"]) > now]
    assert held == [], "a lease that nobody gave back"
    _in_service(model, items)


def exported(model: str) -> list[int]:
    """The sequence numbers of the archive in S3."""
    listed = _aws("s3").list_objects_v2(Bucket=settings().bucket, Prefix=f"ledger/{model}/").get("Contents", [])
    return [int(found["Key"].rpartition("/")[2].removesuffix(".json")) for found in listed]


def standing(model: str) -> dict[str, set[str]]:
    """The names of everything in SageMaker that has the model in its name."""
    sagemaker = _aws("sagemaker")
    asked = {
        "EndpointName": sagemaker.list_endpoints(NameContains=model, MaxResults=100)["Endpoints"],
        "EndpointConfigName": sagemaker.list_endpoint_configs(NameContains=model, MaxResults=100)["EndpointConfigs"],
        "ModelName": sagemaker.list_models(NameContains=model, MaxResults=100)["Models"],
    }
    return {name: {found[name] for found in listed} for name, listed in asked.items()}


def _in_service(model: str, items: list[dict[str, Any]]) -> None:
    """The ledger's champion, its last entry `live`, and what the endpoint serves are one."""
    head = next(item for item in items if (item["pk"], item["sk"]) == (model, "head"))
    live = [item["version"] for item in items if item["sk"].startswith("version#") and item.get("state") == "live"]
    if head["champion"] is None:
        assert live == []
        return
    assert live == [head["champion"]["version"]]
    sagemaker = _aws("sagemaker")
    found = sagemaker.describe_endpoint(EndpointName=f"windtunnel-{model}")
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", head["champion"]["endpoint_config"])
    assert not found.get("ShadowProductionVariants")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=found["EndpointConfigName"])
    (variant,) = config["ProductionVariants"]
    served = sagemaker.describe_model(ModelName=variant["ModelName"])["Containers"][0]["ModelPackageName"]
    assert served == head["champion"]["package_arn"]


def _packages(model: str) -> list[tuple[str, str]]:
    """Version and work key of every package of this test's bucket in the registry."""
    sagemaker, found = _aws("sagemaker"), []
    for page in sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=model):
        for summary in page["ModelPackageSummaryList"]:
            said = sagemaker.describe_model_package(ModelPackageName=summary["ModelPackageArn"])
            metadata = said["CustomerMetadataProperties"]
            if metadata["windtunnel_record"].startswith(f"s3://{settings().bucket}/"):
                found.append((metadata["version"], metadata["work_key"]))
    return found


def _items() -> list[dict[str, Any]]:
    """The whole table of the ledger."""
    pages = _aws("dynamodb").get_paginator("scan").paginate(TableName=settings().ledger_table, ConsistentRead=True)
    return [
        {name: _from_wire.deserialize(value) for name, value in item.items()}
        for page in pages
        for item in page["Items"]
    ]
