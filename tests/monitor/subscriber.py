"""Somebody who listens to an SNS topic."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

from windtunnel.aws.clients import client


def subscribe(topic: str) -> Callable[[], list[str]]:
    """Subscribe a queue of one's own; what it gives are the subjects of the messages since it was asked last."""
    queue = client("sqs").create_queue(QueueName=f"listening-{uuid.uuid4().hex}")["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def heard() -> list[str]:
        found = []
        while messages := client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"])["Subject"])
                client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    return heard
