"""The AWS that these tests talk to: the embedded one, started here, or a real account.

    pytest tests/localaws                                 starts an embedded AWS on a free port and ends it
    WINDTUNNEL_TEST_AWS="bucket=... role=... image=..."   points the same tests at the account of the ambient
                                                          credentials: a bucket, a SageMaker execution role, and the URI
                                                          of the image built from tests/localaws/image/Dockerfile

Tests that need faults, a kill -9 or a look at our own processes are marked `embedded` and are deselected on an account.
boto3 comes from the environment the tests run in (Airflow's), the server runs in its own.
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deployments import Deployments
from embedded_aws import Embedded, Faults, Target

ACCOUNT = os.environ.get("WINDTUNNEL_TEST_AWS", "")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "embedded: needs the embedded AWS (faults, kill -9, a look at its processes)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not ACCOUNT:
        return
    only_embedded = [item for item in items if item.get_closest_marker("embedded")]
    config.hook.pytest_deselected(items=only_embedded)
    items[:] = [item for item in items if item not in only_embedded]


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """The server shared by all tests."""
    server = Embedded(tmp_path_factory.mktemp("localaws") / "state", ("--sandbox", "env", "--job-slots", "4"))
    server.start()
    yield server
    code = server.stop()
    sys.stderr.write(server.log.read_text())
    assert code == 0


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Embedded]:
    """A server of the test's own, not yet started, that it may kill."""
    server = Embedded(tmp_path / "state", ("--sandbox", "env"))
    yield server
    if server.process is not None and server.process.poll() is None:
        server.stop()


@pytest.fixture(scope="session")
def aws(request: pytest.FixtureRequest) -> Target:
    """The AWS under test."""
    if ACCOUNT:
        given = dict(pair.split("=", 1) for pair in ACCOUNT.split())
        region = given.get("region", Target.region)
        return Target(given["bucket"], given["role"], given["image"], region=region, patience=1800.0)
    server: Embedded = request.getfixturevalue("embedded")
    return server.target()


@pytest.fixture(scope="session")
def sagemaker(aws: Target) -> Any:
    return aws.client("sagemaker")


@pytest.fixture(scope="session")
def s3(aws: Target) -> Any:
    return aws.client("s3")


@pytest.fixture
def faults(aws: Target) -> Iterator[Faults]:
    """Tells the embedded AWS to misbehave; it is well again after the test."""
    console = Faults(str(aws.url))
    yield console
    console.ask("DELETE")


@pytest.fixture
def name() -> str:
    """A name no other test uses, valid for every SageMaker resource."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def prefix(aws: Target, name: str) -> str:
    """An S3 address of the test's own, without the last slash."""
    return f"s3://{aws.bucket}/{name}"


@pytest.fixture
def deployments(aws: Target, name: str) -> Iterator[Deployments]:
    """Makes models and endpoints, and removes them after the test."""
    made = Deployments(aws, name)
    yield made
    made.remove()
