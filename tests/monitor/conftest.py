"""An embedded AWS of this folder's own; every test has a bucket and a lake of its own in it."""

from __future__ import annotations

import subprocess
import time
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from local.place import ROOT, VENVS
from local.ports import unused
from windtunnel.aws import lake
from windtunnel.aws.clients import client
from windtunnel.core.settings import settings


@pytest.fixture(scope="session")
def aws_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running embedded AWS."""
    state, port = tmp_path_factory.mktemp("monitor") / "aws", unused(1)
    command = [str(VENVS / "localaws/bin/python"), "-m", "localaws", "--port", str(port), "--state", str(state)]
    server = subprocess.Popen(command, env={"PYTHONPATH": str(ROOT / "include")})
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/_localaws/health", timeout=5):  # noqa: S310 - our own address
                break
        except OSError:
            time.sleep(0.2)
    else:
        server.kill()
        pytest.fail(f"The embedded AWS did not start on port {port}; its reason stands above.")
    yield url
    server.terminate()
    server.wait(30)


@pytest.fixture
def lake_of_its_own(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings, clients and catalog that point at an empty bucket and database."""
    name = f"monitor-{uuid.uuid4().hex[:12]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_url)
    monkeypatch.setenv("WINDTUNNEL_BUCKET", name)
    monkeypatch.setenv("WINDTUNNEL_DATABASE", name.replace("-", "_"))
    _forget()
    yield
    _forget()


def _forget() -> None:
    cached: tuple[Any, ...] = (settings, client, lake.catalog)
    for function in cached:
        function.cache_clear()
