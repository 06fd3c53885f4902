"""Endpoints for tests: models of known weights, configurations and endpoints of them, and what came of a request."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from embedded_aws import Target

AT_REST = ("InService", "Failed", "OutOfService")


def packed(**files: bytes) -> bytes:
    """A model archive; `_` in a name stands for `.`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@dataclass
class Deployments:
    """Makes models and endpoints under names of the test's own, and removes them again."""

    aws: Target
    name: str
    _made: list[tuple[str, str]] = field(default_factory=list)

    @property
    def sagemaker(self) -> Any:
        return self.aws.client("sagemaker")

    @property
    def runtime(self) -> Any:
        return self.aws.client("sagemaker-runtime")

    def put(self, key: str, body: bytes) -> str:
        """An object of the test's own; returns its address."""
        self.aws.client("s3").put_object(Bucket=self.aws.bucket, Key=f"{self.name}/{key}", Body=body)
        return f"s3://{self.aws.bucket}/{self.name}/{key}"

    def data(self, weight: float = 1.0, bias: float = 0.0) -> str:
        """A model archive for the test image: y = weight * x + bias."""
        body = packed(model_json=json.dumps({"weight": weight, "bias": bias}).encode())
        return self.put(f"model-{uuid.uuid4().hex[:8]}.tar.gz", body)

    def model(self, weight: float = 1.0, bias: float = 0.0, data: str | None = None, **environment: str) -> str:
        """A model; returns its name."""
        name = f"{self.name}-{uuid.uuid4().hex[:8]}"
        container = {
            "Image": self.aws.image,
            "ModelDataUrl": data or self.data(weight, bias),
            "Environment": environment,
        }
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=self.aws.role, PrimaryContainer=container)
        self._made.append(("model", name))
        return name

    def config(self, *variants: dict[str, Any], **members: Any) -> str:
        """An endpoint configuration; returns its name."""
        name = f"{self.name}-{uuid.uuid4().hex[:8]}"
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=list(variants), **members)
        self._made.append(("endpoint_config", name))
        return name

    def endpoint(self, config: str, **members: Any) -> str:
        """An endpoint in service; returns its name."""
        name = f"{self.name}-{uuid.uuid4().hex[:8]}"
        self._made.append(("endpoint", name))
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config, **members)
        described = self.settled(name)
        assert described["EndpointStatus"] == "InService", described.get("FailureReason")
        return name

    def describe(self, name: str) -> Any:
        return self.sagemaker.describe_endpoint(EndpointName=name)

    def settled(self, name: str) -> Any:
        """The endpoint's description once it is in no transitional state."""
        return self.aws.wait(lambda: self.describe(name), lambda found: found["EndpointStatus"] in AT_REST)

    def ask(self, name: str, body: str = "2", **members: Any) -> Any:
        """One InvokeEndpoint of CSV."""
        return self.runtime.invoke_endpoint(EndpointName=name, Body=body.encode(), ContentType="text/csv", **members)

    def answer(self, name: str, body: str = "2", **members: Any) -> str:
        """The answer's text."""
        return str(self.ask(name, body, **members)["Body"].read().decode().strip())

    def answers(self, name: str, count: int) -> Counter[str]:
        """How often each answer came."""
        return Counter(self.answer(name) for _ in range(count))

    def records(self, prefix: str) -> list[Any]:
        """All captured records below a key prefix of the test bucket, in the order of their files."""
        s3 = self.aws.client("s3")
        found = s3.list_objects_v2(Bucket=self.aws.bucket, Prefix=prefix).get("Contents", [])
        bodies = [s3.get_object(Bucket=self.aws.bucket, Key=each["Key"])["Body"].read() for each in found]
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    def remove(self) -> None:
        """Removes what was made, endpoints first."""
        for kind, name in sorted(self._made, key=lambda made: made[0] != "endpoint"):
            member = {"endpoint": "EndpointName", "endpoint_config": "EndpointConfigName", "model": "ModelName"}[kind]
            try:
                if kind == "endpoint":
                    self.settled(name)
                getattr(self.sagemaker, f"delete_{kind}")(**{member: name})
            except ClientError as error:
                # The test itself may have deleted it.
                if "Could not find" not in str(error):
                    raise


def variant(model: str, name: str = "only", weight: float = 1.0, count: int = 1, **members: Any) -> dict[str, Any]:
    """A production variant."""
    return {
        "VariantName": name,
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": count,
        "InitialVariantWeight": weight,
        **members,
    }


def statuses(events: Iterable[Any]) -> list[str]:
    """The endpoint states that events tell of, in order, each once."""
    told = [event["detail"]["EndpointStatus"] for event in sorted(events, key=lambda event: event["time"])]
    return list(dict.fromkeys(told))
