"""What all tests share: an environment that reaches nothing outside, and one running stack for those that ask for it.

The variables are set when this file is imported, before any test imports Airflow, which reads them once.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import processes, services, supervisor
from local.environment import own
from local.place import ROOT, Place, place
from local.ports import unused
from tests.stack import RUNS, Stack, embedded_aws, free_place

pytest_plugins = ["tests.browser"]

for name in ("WINDTUNNEL_DATABASE_URL", "WINDTUNNEL_BROKER_URL"):
    os.environ.pop(name, None)  # a person's databases are none of the tests' business
HERE: Place = free_place(RUNS / str(os.getpid()))
AMBIENT = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
os.environ.update(own(HERE, os.environ))
if os.environ.get("WINDTUNNEL_TEST_AWS"):  # tests/localaws/conftest.py: the same tests against a real account
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(AMBIENT)


def pytest_sessionstart() -> None:
    """End and remove what test runs left behind that were killed; the folder of the last run stays for its logs."""
    for folder in RUNS.iterdir():
        if folder.name.isdigit() and not processes.alive(int(folder.name)):
            supervisor.stop(place({"WINDTUNNEL_HOME": str(folder)}))
            shutil.rmtree(folder, ignore_errors=True)  # two sessions that begin together both clean up


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Airflow and the embedded AWS, started by the code of `make up` on ports of their own, once per run."""
    services.up(HERE)
    yield Stack(HERE)
    services.down(HERE)


@pytest.fixture(scope="session")
def aws_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of one embedded AWS for all tests that ask for it."""
    image = ROOT / "tests/localaws/image/local.json"
    with embedded_aws(tmp_path_factory.mktemp("embedded") / "aws", unused(1), image) as url:
        yield url


@pytest.fixture
def lake_of_its_own(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings, clients and catalog that point at an empty bucket, an empty database and an empty ledger."""
    from windtunnel.aws import lake, ledger
    from windtunnel.aws.clients import client
    from windtunnel.core.settings import settings

    def forget() -> None:
        cached: tuple[Any, ...] = (settings, client, lake.catalog)
        for function in cached:
            function.cache_clear()

    name = f"test-{uuid.uuid4().hex[:12]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_url)
    monkeypatch.setenv("WINDTUNNEL_BUCKET", name)
    monkeypatch.setenv("WINDTUNNEL_DATABASE", name.replace("-", "_"))
    monkeypatch.setenv("WINDTUNNEL_LEDGER_TABLE", name)
    forget()
    lake.ensure()
    ledger.ensure()
    dynamodb = client("dynamodb")
    yield
    dynamodb.delete_table(TableName=name)  # the embedded AWS writes all tables to disk at every change
    forget()


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return ROOT
