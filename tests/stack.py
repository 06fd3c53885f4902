"""The running stack as tests see it: Airflow through its REST API, the embedded AWS through boto3."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import processes
from local.keys import passwords
from local.place import ROOT, VENVS, Place, place
from local.ports import unused

if TYPE_CHECKING:
    from local.airflow_api import AirflowApi

RUNS = ROOT / ".windtunnel" / "tests"
"""Where each test run has a folder, named after its process."""


class Stack:
    """Airflow and the embedded AWS of one place."""

    def __init__(self, where: Place) -> None:
        self.where = where
        self._signed_in: dict[str, AirflowApi] = {}

    def airflow(self, person: str = "admin") -> AirflowApi:
        """Airflow's API as admin, dana (engineer), sam (scientist), rita (reviewer) or vic (viewer) sees it."""
        from local.airflow_api import AirflowApi

        if person not in self._signed_in:
            self._signed_in[person] = AirflowApi(self.where.web_url, person, passwords(self.where.home)[person])
        return self._signed_in[person]

    def aws(self, service: str) -> Any:
        """A boto3 client of the embedded AWS; address and keys come from the environment, as in a task."""
        import boto3

        client: Any = boto3.client  # its stubs want one literal name per service
        return client(service)


def free_place(home: Path) -> Place:
    """A place on ports that are free now."""
    return place({"WINDTUNNEL_HOME": str(home), "WINDTUNNEL_PORT_BASE": str(unused(6))})


def main_process(where: Place, service: str) -> int:
    """The process that the leash of a service started; 0 while there is none."""
    leashed = processes.belonging(where.home, service)
    return min((pid for pid in leashed if not any(pid in processes.below(other) for other in leashed)), default=0)


@contextmanager
def embedded_aws(state: Path, port: int, image: Path) -> Iterator[str]:
    """An embedded AWS that runs an image; its address."""
    command = [str(VENVS / "localaws/bin/python"), "-m", "localaws", "--port", str(port), "--state", str(state)]
    command += ["--image", str(image), "--account", "000000000000"]
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
        raise AssertionError(f"The embedded AWS did not start on port {port}; its reason stands above.")
    yield url
    server.terminate()
    server.wait(30)
