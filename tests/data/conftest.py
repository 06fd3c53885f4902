"""The ingest tests' AWS: an embedded one of their own, a bucket and a database per test, and a small model."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

import windtunnel.models
from local.place import ROOT, VENVS
from local.ports import unused
from tests.data import journey
from windtunnel.aws import lake
from windtunnel.aws.clients import client
from windtunnel.core import catalog


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An embedded AWS for the tests of this folder."""
    state, port = tmp_path_factory.mktemp("aws"), unused(1)
    command = [str(VENVS / "localaws/bin/python"), "-m", "localaws", "--port", str(port), "--state", str(state)]
    with (state / "log").open("wb") as log:
        process = subprocess.Popen(command, env={"PYTHONPATH": str(ROOT / "include")}, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while not _ready(address):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"The embedded AWS did not start:\n{(state / 'log').read_text()}")
        time.sleep(0.05)
    yield address
    process.terminate()
    assert process.wait(30) == 0


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_localaws/health", timeout=5) as answer:  # noqa: S310
            return bool(json.load(answer) == {"status": "ready"})
    except OSError:
        return False


@pytest.fixture(autouse=True)
def project(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket and a database of the test's own. Returns the name of both."""
    name = f"t{uuid4().hex[:12]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("WINDTUNNEL_BUCKET", name)
    monkeypatch.setenv("WINDTUNNEL_DATABASE", name)
    journey.forget()
    lake.ensure()
    yield name
    journey.forget()


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> str:
    """The small model of this folder, the only one there is, with an empty source. Returns its name."""
    monkeypatch.setattr(windtunnel.models, "__path__", windtunnel.models.__path__)
    monkeypatch.setattr(catalog, "MODELS", catalog.MODELS)
    journey.use_trips()
    s3 = client("s3")
    s3.create_bucket(Bucket=journey.TRIPS)
    for found in s3.list_objects_v2(Bucket=journey.TRIPS).get("Contents", []):
        s3.delete_object(Bucket=journey.TRIPS, Key=found["Key"])
    return "trips"


@pytest.fixture
def misbehave(address: str) -> Iterator[Callable[..., None]]:
    """Tell the embedded AWS to misbehave: `misbehave(kind="drop_reply", operation="glue:UpdateTable", times=1)`."""

    def call(method: str, fault: dict[str, Any] | None = None) -> None:
        request = urllib.request.Request(  # noqa: S310
            f"{address}/_localaws/faults", json.dumps(fault or {}).encode(), method=method
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            assert answer.status < 300

    yield lambda **fault: call("PUT", fault)
    call("DELETE")
