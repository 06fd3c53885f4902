"""Where a running copy of the project lives: its folder of state and its ports.

Two checkouts, or the tests and a demo, run side by side when their places differ.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from local.fault import LocalFault

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venvs"

# Name, default and meaning of every variable that this folder reads; docs/settings.md is generated from it.
VARIABLES = {
    "WINDTUNNEL_HOME": (".windtunnel", "Folder of all state of a local run: databases, logs, secrets."),
    "WINDTUNNEL_PORT_BASE": (
        "8080",
        "First of six ports in a row: UI, embedded AWS, Airflow's two log servers (closed), the cluster's PostgreSQL and Redis.",
    ),
    "WINDTUNNEL_WEB_PORT": ("the base", "Port of the Airflow UI and API."),
    "WINDTUNNEL_AWS_PORT": ("the base + 1", "Port of the embedded AWS."),
    "WINDTUNNEL_POSTGRES_PORT": ("the base + 4", "Port of the PostgreSQL of `make cluster`."),
    "WINDTUNNEL_REDIS_PORT": ("the base + 5", "Port of the Redis of `make cluster`."),
    "WINDTUNNEL_DATABASE_URL": (
        "SQLite in the home",
        "Airflow's metadata database, as `postgresql+psycopg2://user:password@host:5432/name`.",
    ),
    "WINDTUNNEL_BROKER_URL": (
        "none",
        "Celery's broker, as `redis://host:6379/0`; tasks then run on Celery workers, which need a PostgreSQL database.",
    ),
    "WINDTUNNEL_WEB_HOST": ("127.0.0.1", "Address that the Airflow UI and API listen on; `0.0.0.0` in a container."),
    "WINDTUNNEL_PYTHON": ("searched for", "The Python 3.12 that the environments are made from."),
}


@dataclass(frozen=True)
class Place:
    """A folder of state and the ports of one running copy."""

    home: Path
    web_port: int
    aws_port: int
    worker_log_port: int
    trigger_log_port: int
    postgres_port: int
    redis_port: int

    @property
    def web_url(self) -> str:
        """Address of the Airflow UI and API."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def aws_url(self) -> str:
        """Address of the embedded AWS."""
        return f"http://127.0.0.1:{self.aws_port}"

    @property
    def logs(self) -> Path:
        """Folder with one log file per service."""
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """Folder of what exists only while the services run."""
        return self.home / "run"

    def python(self, environment: str) -> Path:
        """The interpreter of one of the three environments."""
        return VENVS / environment / "bin" / "python"


def place(given: Mapping[str, str] = os.environ) -> Place:
    """The place that the environment variables describe.

    Raises:
        LocalFault: A port is not a number from 1024 to 65530.
    """
    base = _port(given, "WINDTUNNEL_PORT_BASE", 8080)
    home = Path(given.get("WINDTUNNEL_HOME") or ROOT / ".windtunnel")
    return Place(
        home=home if home.is_absolute() else ROOT / home,
        web_port=_port(given, "WINDTUNNEL_WEB_PORT", base),
        aws_port=_port(given, "WINDTUNNEL_AWS_PORT", base + 1),
        worker_log_port=base + 2,
        trigger_log_port=base + 3,
        postgres_port=_port(given, "WINDTUNNEL_POSTGRES_PORT", base + 4),
        redis_port=_port(given, "WINDTUNNEL_REDIS_PORT", base + 5),
    )


def _port(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name) or str(default)
    if not value.isdigit() or not 1024 <= int(value) <= 65530:
        raise LocalFault(f"`{name}` is `{value}`. Allowed: a number from 1024 to 65530. Correct or unset it.")
    return int(value)
