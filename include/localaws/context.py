"""What operations and runners are handed: the engine of the process, bound to the region of the request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from localaws.events import Events
from localaws.faults import Faults
from localaws.guard import Guard
from localaws.images import Images
from localaws.jobs import Jobs
from localaws.logs import Shipper
from localaws.sandbox import Sandbox
from localaws.store import Change, Store
from localaws.wire import Document


@dataclass
class Engine:
    """What the process owns, shared by all regions.

    Attributes:
        account: Twelve-digit account, also the access key of our own clients: ministack keys accounts by it.
        port: Our own port on 127.0.0.1.
        state: Folder of everything that outlives the process.
        store: SageMaker's documents.
        images: Which folder of programs an image URI stands for.
        sandbox: How a program gets its `/opt/ml`.
        guard: Ends the programs when this process dies.
        jobs: The job slots.
        shipper: Sends what programs print to CloudWatch Logs.
        events: EventBridge.
        faults: What a test told the embedded AWS to do wrong.
        closing: Set when the process stops; a runner then leaves its document alone, recovery will end it.
    """

    account: str
    port: int
    state: Path
    store: Store
    images: Images
    sandbox: Sandbox
    guard: Guard
    jobs: Jobs
    shipper: Shipper
    events: Events
    faults: Faults
    closing: threading.Event = field(default_factory=threading.Event)
    _session: Any = field(default_factory=boto3.session.Session)
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _owned: dict[Any, Any] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def own[Thing](self, kind: Callable[[Engine], Thing]) -> Thing:
        """The one object of a class that this process has, made when it is first asked for.

        For what a service keeps in memory, such as the fleets of endpoints; what must survive goes to the store.
        """
        with self._lock:
            if kind not in self._owned:
                self._owned[kind] = kind(self)
            found: Thing = self._owned[kind]
            return found

    @property
    def url(self) -> str:
        """Address of this embedded AWS."""
        return f"http://127.0.0.1:{self.port}"

    def at(self, region: str) -> Context:
        """The context of a region."""
        return Context(self, region)

    def client(self, service: str, region: str) -> Any:
        """A boto3 client on our own port: the services beside SageMaker are reached only through their API."""
        with self._lock:
            key = (service, region)
            if key not in self._clients:
                self._clients[key] = self._session.client(
                    service,
                    endpoint_url=self.url,
                    region_name=region,
                    aws_access_key_id=self.account,
                    aws_secret_access_key="embedded",  # noqa: S106 -- no secret: nothing checks it
                    config=Config(retries={"max_attempts": 3}, max_pool_connections=32),
                )
            return self._clients[key]


@dataclass(frozen=True)
class Context:
    """The engine as one region sees it."""

    engine: Engine
    region: str

    def arn(self, kind: str, name: str) -> str:
        """`arn:aws:sagemaker:<region>:<account>:<kind>/<name>`."""
        return f"arn:aws:sagemaker:{self.region}:{self.engine.account}:{kind}/{name}"

    def create(self, kind: str, name: str, document: Document) -> bool:
        """Stores a document if none of that name exists in the region."""
        return self.engine.store.create(self.region, kind, name, document)

    def get(self, kind: str, name: str) -> Document | None:
        """A document of the region, or None."""
        return self.engine.store.get(self.region, kind, name)

    def patch(
        self, kind: str, name: str, change: Change, *, when: Callable[[Document], bool] | None = None
    ) -> Document | None:
        """Changes a document in one step (`Store.patch`)."""
        return self.engine.store.patch(self.region, kind, name, change, when=when)

    def delete(self, kind: str, name: str, *, when: Callable[[Document], bool] | None = None) -> Document | None:
        """Removes a document (`Store.delete`)."""
        return self.engine.store.delete(self.region, kind, name, when=when)

    def all(self, kind: str) -> list[Document]:
        """All documents of a kind, in the order they were created."""
        return self.engine.store.all(self.region, kind)

    def next(self, counter: str) -> int:
        """The next value of a counter of the region."""
        return self.engine.store.next(self.region, counter)

    @property
    def s3(self) -> Any:
        """S3 on our own port."""
        return self.engine.client("s3", self.region)

    @property
    def logs(self) -> Any:
        """CloudWatch Logs on our own port."""
        return self.engine.client("logs", self.region)

    @property
    def cloudwatch(self) -> Any:
        """CloudWatch on our own port."""
        return self.engine.client("cloudwatch", self.region)

    def publish(self, detail_type: str, arn: str, detail: Document) -> None:
        """Sends an event of source `aws.sagemaker` to the region's default bus."""
        self.engine.events.publish(self.region, detail_type, arn, detail)
