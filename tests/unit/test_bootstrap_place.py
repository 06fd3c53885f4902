"""Ports, secrets and the environment of a local run."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from local import ports
from local.environment import environment, exports
from local.fault import LocalFault
from local.keys import keys, passwords
from local.place import Place, place
from tests.stack import free_place


@pytest.fixture
def where(tmp_path: Path) -> Place:
    return free_place(tmp_path / "it's a home")


def test_a_port_already_taken_names_port_variable_and_holder(where: Place) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", where.aws_port))
        server.listen()
        with pytest.raises(LocalFault) as refused:
            ports.require_free(where)
    message = str(refused.value)
    assert f"Port {where.aws_port} is taken by process {os.getpid()}" in message
    assert "`WINDTUNNEL_AWS_PORT`" in message
    assert "`WINDTUNNEL_PORT_BASE`" in message
    ports.require_free(where)


@pytest.mark.parametrize("value", ["http", "80", "65536", "-1"])
def test_a_port_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(LocalFault, match=f"`WINDTUNNEL_PORT_BASE` is `{value}`"):
        place({"WINDTUNNEL_PORT_BASE": value})


def test_two_places_share_no_port() -> None:
    places = [place({"WINDTUNNEL_PORT_BASE": base}) for base in ("9000", "9006")]
    taken = {port for where in places for name, port in vars(where).items() if name.endswith("_port")}
    assert len(taken) == 12
    assert place({"WINDTUNNEL_PORT_BASE": "9000", "WINDTUNNEL_AWS_PORT": "4566"}).aws_url == "http://127.0.0.1:4566"


def test_nothing_of_a_persons_aws_reaches_a_local_process(where: Place) -> None:
    given = {
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "secret",
        "AWS_ENDPOINT_URL_S3": "https://example.com",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AIRFLOW__CORE__EXECUTOR": "SequentialExecutor",
        "HTTP_PROXY": "http://proxy:3128",
        "NO_PROXY": "internal",
        "PATH": "/usr/bin",
    }
    found = environment(where, given)
    assert {name for name in found if name.startswith("AWS_")} == {
        "AWS_ENDPOINT_URL",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
    }
    assert found["AWS_ENDPOINT_URL"] == where.aws_url
    assert found["AWS_ACCESS_KEY_ID"] == "000000000000"
    assert found["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert set(found["NO_PROXY"].split(",")) == {"127.0.0.1", "localhost", socket.gethostname(), "internal"}
    assert environment(where, found) == found


def test_a_broker_moves_the_tasks_to_celery_workers(where: Place) -> None:
    given = {
        "WINDTUNNEL_BROKER_URL": "redis://r:6379/0",
        "WINDTUNNEL_DATABASE_URL": "postgresql+psycopg2://u:p@db:5432/airflow",
    }
    found = environment(where, given)
    assert found["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert found["AIRFLOW__CELERY__BROKER_URL"] == "redis://r:6379/0"
    assert found["AIRFLOW__CELERY__RESULT_BACKEND"] == "db+postgresql://u:p@db:5432/airflow"
    assert found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == given["WINDTUNNEL_DATABASE_URL"]


def test_a_shell_reads_back_what_is_exported(where: Place) -> None:
    script = f'{exports(where)}\nprintf "%s" "$WINDTUNNEL_HOME"'
    assert subprocess.check_output(["/bin/sh", "-c", script], text=True) == str(where.home)
    assert "WINDTUNNEL_RUN" not in exports(where)  # it would make `make down` end that shell


def test_secrets_are_made_once_and_readable_by_their_owner_alone(tmp_path: Path) -> None:
    found: list[dict[str, str]] = []
    threads = [threading.Thread(target=lambda: found.append(keys(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(each == found[0] for each in found)
    assert json.loads((tmp_path / "secrets.json").read_text()) == found[0]
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "secrets.json"]


def test_nobody_signs_in_before_the_place_is_set_up(tmp_path: Path) -> None:
    with pytest.raises(LocalFault, match="Run `make up`"):
        passwords(tmp_path)
