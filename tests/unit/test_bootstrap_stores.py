"""PostgreSQL and Redis of a cluster: what they are started with, and what is said when they are not installed."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from local import ports, stores
from local.environment import environment
from local.fault import LocalFault
from local.place import Place, place
from tests.stack import free_place


@pytest.fixture
def where(tmp_path: Path) -> Place:
    return free_place(tmp_path)


@pytest.mark.parametrize("store", stores.STORES)
def test_what_is_not_installed_is_named_with_its_package(
    where: Place, store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(stores, "DEBIAN", tmp_path)
    with pytest.raises(LocalFault, match=r"is not installed.*`apt install postgresql redis-server`"):
        stores.command(where, store)


def test_its_airflow_is_celery_on_postgres(where: Place) -> None:
    given = environment(where, stores.addresses(where))
    assert given["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert f"@127.0.0.1:{where.postgres_port}/" in given["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert given["AIRFLOW__CELERY__RESULT_BACKEND"].startswith("db+postgresql://airflow:")
    assert given["AIRFLOW__CELERY__BROKER_URL"].endswith(f"@127.0.0.1:{where.redis_port}/0")
    assert place(given).postgres_port == where.postgres_port
    assert place(given).redis_port == where.redis_port


def test_passwords_are_made_once_and_read_by_their_owner_alone(where: Place) -> None:
    first = stores.addresses(where)
    assert stores.addresses(where) == first
    assert stat.S_IMODE((where.home / "stores.json").stat().st_mode) == 0o600


def test_a_taken_port_of_a_store_is_named(where: Place) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", where.redis_port))
        server.listen()
        ports.require_free(where)
        with pytest.raises(LocalFault, match="`WINDTUNNEL_REDIS_PORT`"):
            ports.require_free(where, stores=True)
