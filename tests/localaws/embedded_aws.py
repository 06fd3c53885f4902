"""An AWS under test, and the server process of ours that may be one."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).parents[2]
IMAGE_FILE = Path(__file__).parent / "image/local.json"
PORTS = range(15100, 15150)
START_REFUSED = 2


@dataclass
class Target:
    """An AWS under test."""

    bucket: str
    role: str
    image: str
    url: str | None = None
    region: str = "eu-west-1"
    patience: float = 30.0
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client; on the embedded AWS it cannot reach anything else."""
        where = region or self.region
        if (service, where) not in self._clients:
            keys = {"aws_access_key_id": "123456789012", "aws_secret_access_key": "x"} if self.url else {}
            self._clients[service, where] = boto3.session.Session().client(  # type: ignore[call-overload]
                service,
                region_name=where,
                endpoint_url=self.url,
                config=Config(retries={"total_max_attempts": 1}),
                **keys,
            )
        return self._clients[service, where]

    def wait(self, describe: Callable[[], Mapping[str, Any]], until: Callable[[Mapping[str, Any]], bool]) -> Any:
        """Describes until the condition holds; fails with the last description when patience is over."""
        deadline = time.monotonic() + self.patience
        while True:
            found = describe()
            if until(found):
                return found
            if time.monotonic() > deadline:
                pytest.fail(f"Nothing changed in {self.patience} s: {found}")
            time.sleep(0.1 if self.url else 5)


@dataclass
class Embedded:
    """A server process of ours with a state folder; may be killed and started again on the same port."""

    state: Path
    arguments: tuple[str, ...] = ()
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.state.with_suffix(".log")

    def start(self) -> None:
        """Starts the server and waits until it answers; a port that is taken is left for the next one."""
        for port in [self.port] if self.port else random.sample(PORTS, len(PORTS)):
            self.port = port
            said = len(self.log.read_text()) if self.log.exists() else 0
            self.process = start_server(port, self.state, *self.arguments, log=self.log)
            if self._ready(said):
                return
        pytest.fail(f"The embedded AWS did not start:\n{self.log.read_text()}")

    def stop(self) -> int:
        """SIGTERM, an orderly stop; returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def kill(self) -> None:
        """Kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def target(self) -> Target:
        """The server as an AWS under test, with a bucket."""
        target = Target(
            bucket="windtunnel-test",
            role="arn:aws:iam::123456789012:role/windtunnel-test",
            image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/windtunnel-test:1",
            url=self.url,
        )
        target.client("s3").create_bucket(
            Bucket=target.bucket, CreateBucketConfiguration={"LocationConstraint": target.region}
        )
        return target

    def _ready(self, since: int) -> bool:
        """Whether our own process says that it is ready; a health check could be answered by another one's server."""
        assert self.process is not None
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                if self.process.returncode != START_REFUSED:
                    pytest.fail(f"The embedded AWS ended:\n{self.log.read_text()}")
                return False
            if f"{self.url} is ready" in self.log.read_text()[since:]:
                return True
            time.sleep(0.05)
        return False


class Faults:
    """`/_localaws/faults` of a server: how it is told to misbehave."""

    def __init__(self, url: str) -> None:
        self._address = f"{url}/_localaws/faults"

    def ask(self, method: str, body: bytes | None = None) -> dict[str, Any]:
        with urllib.request.urlopen(urllib.request.Request(self._address, data=body, method=method)) as reply:  # noqa: S310
            answer: dict[str, Any] = json.load(reply)
            return answer

    def add(self, **fault: Any) -> None:
        self.ask("PUT", json.dumps(fault).encode())

    def struck(self) -> list[int]:
        """How often each fault has struck, in the order they were added."""
        return [fault["struck"] for fault in self.ask("GET")["faults"]]


def start_server(port: int, state: Path, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
    """`python -m localaws` in its own environment, its output in a file."""
    python = ROOT / ".venvs/localaws/bin/python"
    if not python.exists():
        pytest.fail(f"`{python}` does not exist. Make the environments first: `make setup`.")
    with log.open("ab") as output:
        return subprocess.Popen(
            [python, "-m", "localaws", "--port", str(port), "--state", state, "--image", IMAGE_FILE, *arguments],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "include")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
