"""InvokeEndpointAsync: input from S3, answers and failures to S3, messages on the topics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from deployments import Deployments, variant
from embedded_aws import Embedded


@dataclass
class Inbox:
    """A topic with a queue behind it."""

    deployments: Deployments
    topic: str
    queue: str

    def message(self) -> Any:
        """The next message."""
        sqs = self.deployments.aws.client("sqs")
        found = self.deployments.aws.wait(
            lambda: sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=1), lambda answer: "Messages" in answer
        )
        return json.loads(json.loads(found["Messages"][0]["Body"])["Message"])


@pytest.fixture
def inbox(deployments: Deployments) -> Iterator[Inbox]:
    sns, sqs = deployments.aws.client("sns"), deployments.aws.client("sqs")
    topic = sns.create_topic(Name=deployments.name)["TopicArn"]
    queue = sqs.create_queue(QueueName=deployments.name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    yield Inbox(deployments, topic, queue)
    sns.delete_topic(TopicArn=topic)
    sqs.delete_queue(QueueUrl=queue)


def asynchronous(deployments: Deployments, topic: str | None = None, slow_start: str = "0") -> str:
    """An asynchronous endpoint that doubles; returns its name."""
    base = f"s3://{deployments.aws.bucket}/{deployments.name}"
    output: dict[str, Any] = {"S3OutputPath": f"{base}/out", "S3FailurePath": f"{base}/failed"}
    if topic:
        output["NotificationConfig"] = {"SuccessTopic": topic, "ErrorTopic": topic}
    model = deployments.model(2, SLOW_START=slow_start)
    return deployments.endpoint(deployments.config(variant(model), AsyncInferenceConfig={"OutputConfig": output}))


def content(deployments: Deployments, address: str) -> str:
    """An object, once it is there."""
    s3, place = deployments.aws.client("s3"), urlsplit(address)

    def found() -> dict[str, Any]:
        try:
            return dict(s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/")))
        except s3.exceptions.NoSuchKey:
            return {}

    return str(deployments.aws.wait(found, bool)["Body"].read().decode())


def test_an_answer_goes_to_s3_and_a_message_to_the_topic(deployments: Deployments, inbox: Inbox) -> None:
    name = asynchronous(deployments, inbox.topic)
    where = deployments.put("in.csv", b"4\n5\n")
    accepted = deployments.runtime.invoke_endpoint_async(
        EndpointName=name, InputLocation=where, ContentType="text/csv", InferenceId="batch-1"
    )
    assert accepted["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert accepted["InferenceId"] == "batch-1"
    assert accepted["OutputLocation"].startswith(f"s3://{deployments.aws.bucket}/{deployments.name}/out/")
    assert content(deployments, accepted["OutputLocation"]) == "8.0000\n10.0000\n"
    message = inbox.message()
    assert message["invocationStatus"] == "Completed"
    assert message["requestParameters"] == {"contentType": "text/csv", "endpointName": name, "inputLocation": where}
    assert message["responseParameters"]["outputLocation"] == accepted["OutputLocation"]
    assert (message["inferenceId"], message["eventName"]) == ("batch-1", "InferenceResult")


def test_a_failure_goes_to_the_failure_path_and_the_error_topic(deployments: Deployments, inbox: Inbox) -> None:
    name = asynchronous(deployments, inbox.topic)
    accepted = deployments.runtime.invoke_endpoint_async(
        EndpointName=name, InputLocation=deployments.put("in.csv", b"boom"), ContentType="text/csv"
    )
    assert content(deployments, accepted["FailureLocation"]) == "the model failed"
    message = inbox.message()
    assert message["invocationStatus"] == "Failed"
    assert "Received server error (500)" in message["failureReason"]


def test_an_input_that_is_not_there_is_a_failure(deployments: Deployments) -> None:
    name = asynchronous(deployments)
    absent = f"s3://{deployments.aws.bucket}/{deployments.name}/absent.csv"
    accepted = deployments.runtime.invoke_endpoint_async(EndpointName=name, InputLocation=absent)
    assert "Failed to download" in content(deployments, accepted["FailureLocation"])


def test_each_kind_of_endpoint_takes_its_own_kind_of_request(deployments: Deployments) -> None:
    waits = asynchronous(deployments)
    answers = deployments.endpoint(deployments.config(variant(deployments.model())))
    with pytest.raises(ClientError, match="Call InvokeEndpointAsync"):
        deployments.ask(waits)
    where = deployments.put("in.csv", b"1")
    with pytest.raises(ClientError, match="Call InvokeEndpoint"):
        deployments.runtime.invoke_endpoint_async(EndpointName=answers, InputLocation=where)
    with pytest.raises(ClientError, match="AsyncInferenceConfig parameter cannot be added"):
        deployments.sagemaker.update_endpoint(
            EndpointName=answers, EndpointConfigName=deployments.describe(waits)["EndpointConfigName"]
        )


@pytest.mark.embedded
def test_what_was_accepted_is_answered_after_a_kill(own_server: Embedded, name: str) -> None:
    own_server.start()
    here = Deployments(own_server.target(), name)
    endpoint = asynchronous(here, slow_start="1")
    locations = [
        here.runtime.invoke_endpoint_async(EndpointName=endpoint, InputLocation=here.put(f"{n}.csv", b"%d" % n))
        for n in range(20)
    ]
    own_server.kill()
    own_server.start()
    for n, accepted in enumerate(locations):
        assert float(content(here, accepted["OutputLocation"])) == 2 * n
