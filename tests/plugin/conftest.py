"""An API server with the pages, as on MWAA: no DAG folder, none of our packages; and an S3 that holds what it shows."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from local.airflow_api import wait
from local.environment import environment
from local.keys import passwords
from local.place import ROOT, VENVS, Place
from tests.browser import Browser, chromium
from tests.plugin import planted
from tests.plugin.gate import Gate
from tests.stack import Stack, free_place

if TYPE_CHECKING:
    import httpx

    from windtunnel.core.contracts.feed import Feed

__all__ = ["chromium"]

BUCKET = "pages"
MODELS = [f"m{at:02d}" for at in range(50)]
"""50 models with 1,000 versions between them."""

OTHERS = ("flights", "hostile", "bare", "broken", "cut", "many", "changing", "held", "seen")
"""Models that single tests use: Airflow has their DAGs; what the pages show of them is up to the test."""


class Pages(Stack):
    """The pages of one API server."""

    def __init__(self, where: Place, s3: Any, gate: Gate) -> None:
        super().__init__(where)
        self.s3 = s3
        self.gate = gate
        "Between the pages and S3."
        self._clients: dict[str | None, httpx.Client] = {}

    def token(self, person: str) -> str:
        """A token of a person, as a client of the API gets it."""
        import httpx

        given = {"username": person, "password": passwords(self.where.home)[person]}
        token: str = httpx.post(f"{self.where.web_url}/auth/token", json=given, trust_env=False).json()["access_token"]
        return token

    def get(self, path: str, person: str | None = "vic") -> httpx.Response:
        """A page, as a person with a cookie; None: as nobody."""
        import httpx

        if person not in self._clients:
            client = httpx.Client(base_url=f"{self.where.web_url}/windtunnel", trust_env=False, timeout=30)
            if person:
                client.cookies.set("_token", self.token(person))
            self._clients[person] = client
        return self._clients[person].get(path)

    def put(self, *documents: Feed) -> None:
        """Show these documents; of a model that was looked at before the old one is shown for some seconds more."""
        planted.put(self.s3, BUCKET, documents)

    def put_object(self, key: str, body: bytes) -> str:
        """Write an object; its address."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"


@pytest.fixture(scope="session")
def pages(aws_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The API server alone: no scheduler, no DAG processor."""
    import boto3

    where = free_place(tmp_path_factory.mktemp("pages"))
    given = environment(where)
    gate = Gate(aws_url)
    given |= {
        "AWS_ENDPOINT_URL": gate.url,
        "WINDTUNNEL_BUCKET": BUCKET,
        "AIRFLOW__CORE__DAGS_FOLDER": str(where.home / "nothing"),
    }
    python = str(VENVS / "airflow/bin/python")
    subprocess.run([python, "-m", "local.metadata"], env=given, cwd=ROOT, check=True, capture_output=True)
    subprocess.run([python, "-m", "tests.plugin.dags", *OTHERS, *MODELS], env=given, cwd=ROOT, check=True)
    s3 = boto3.client("s3", endpoint_url=aws_url)
    s3.create_bucket(Bucket=BUCKET)
    planted.put(
        s3,
        BUCKET,
        [planted.document("flights"), planted.document("held"), *(planted.document(model, 20) for model in MODELS)],
    )
    served = {name: value for name, value in given.items() if name != "PYTHONPATH"}
    with (where.home / "api-server.log").open("wb") as log:
        server = subprocess.Popen(
            [str(VENVS / "airflow/bin/airflow"), "api-server"],
            env=served,
            cwd=where.home,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            shown = Pages(where, s3, gate)
            _wait(shown, server)
            # The first look at S3 brings boto3 along, which on a busy machine takes longer than a page is patient.
            wait("the first page", lambda: shown.get("/models/flights").status_code == 200, 120)
            yield shown
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


@pytest.fixture(scope="session")
def onlooker(chromium: Any, pages: Pages) -> Browser:
    """A browser on the pages."""
    return Browser(chromium, pages)


def _wait(pages: Pages, server: subprocess.Popen[bytes], seconds: float = 120) -> None:
    import httpx

    until = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < until:
        try:
            if httpx.get(f"{pages.where.web_url}/api/v2/monitor/health", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise AssertionError((pages.where.home / "api-server.log").read_text(errors="replace")[-3000:])
