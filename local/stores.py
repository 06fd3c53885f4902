"""PostgreSQL and Redis for `make cluster`, of Debian's packages, each with a password and a folder of the place's own.

`python -m local.stores NAME` becomes one of them; the Procfile of the cluster calls it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import time
from pathlib import Path

from local import ports
from local.fault import LocalFault
from local.keys import store_passwords
from local.place import Place, place

STORES = ("postgres", "redis")
"""Their names in a Procfile: they run before the database is migrated, everything else after it."""

DEBIAN = Path("/usr/lib/postgresql")
"""Where its packages put the programs of PostgreSQL, by version: not on PATH."""

START_SECONDS = 60
_USER = "airflow"


def addresses(where: Place) -> dict[str, str]:
    """The two variables that have a place's Airflow use its stores."""
    passwords = store_passwords(where.home)
    return {
        "WINDTUNNEL_DATABASE_URL": "postgresql+psycopg2://{}:{}@127.0.0.1:{}/{}".format(
            _USER, passwords["postgres"], where.postgres_port, _USER
        ),
        "WINDTUNNEL_BROKER_URL": "redis://:{}@127.0.0.1:{}/0".format(passwords["redis"], where.redis_port),
    }


def require_installed(where: Place) -> None:
    """See that both can be started.

    Raises:
        LocalFault: A program is not installed.
    """
    for store in STORES:
        command(where, store)


def prepare(where: Place) -> None:
    """Make what the stores need before they start; a second call changes nothing.

    Raises:
        LocalFault: PostgreSQL's user cannot reach its folder.
    """
    where.run.mkdir(parents=True, exist_ok=True)
    passwords = store_passwords(where.home)
    if not (_data(where) / "PG_VERSION").exists():
        _make_database(where, passwords["postgres"])
    broker = where.home / "redis"
    broker.mkdir(exist_ok=True)
    settings = {
        "bind": "127.0.0.1",
        "port": str(where.redis_port),
        "requirepass": passwords["redis"],  # whoever may write to the broker may run code as a worker
        "dir": str(broker),
        "appendonly": "yes",  # a task that was queued is queued after a restart
        "save": "",
        "set-proc-title": "no",  # the title would cover the variables by which its process is found
    }
    _write(_redis_settings(where), "".join(f'{name} "{value}"\n' for name, value in settings.items()))


def command(where: Place, store: str) -> list[str]:
    """What a store is started with; passwords are in files, since everybody may read a command.

    Raises:
        LocalFault: It is not installed.
    """
    if store == "redis":
        return [_program("redis-server"), str(_redis_settings(where))]
    options = {"listen_addresses": "127.0.0.1", "port": str(where.postgres_port), "unix_socket_directories": ""}
    given = [f"--{name}={value}" for name, value in options.items()]
    return [*_as_its_user(), _program("postgres"), "-D", str(_data(where)), *given]


def await_healthy(where: Place) -> None:
    """Return when both answer.

    Raises:
        LocalFault: One of them does not.
    """
    until = time.monotonic() + START_SECONDS
    ready = [_program("pg_isready"), "--quiet", "--host", "127.0.0.1", "--port", str(where.postgres_port)]
    while subprocess.run(ready).returncode or ports.free(where.redis_port):
        if time.monotonic() > until:
            raise LocalFault(f"PostgreSQL and Redis do not answer after {START_SECONDS} s. Read {where.logs}.")
        time.sleep(0.1)


def _program(name: str) -> str:
    """Where a program lies; the newest PostgreSQL where there are several."""
    versions = sorted(DEBIAN.glob("[0-9]*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*map(str, versions), os.environ.get("PATH", os.defpath)]))
    if not found:
        raise LocalFault(
            f"`{name}` is not installed. `make cluster` runs on real PostgreSQL and Redis: "
            "`apt install postgresql redis-server`, then run it again. `make up` needs neither."
        )
    return found


def _as_its_user() -> list[str]:
    """PostgreSQL refuses to run as root; Debian's package makes a user for it."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig=KILL"]


def _make_database(where: Place, password: str) -> None:
    """PostgreSQL's folder with one user and one database; moved to its name when it is whole."""
    data, fresh, given = _data(where), where.home / "postgres.new", where.run / "postgres-password"
    shutil.rmtree(str(fresh), ignore_errors=True)  # half-made by a process that was killed
    fresh.mkdir(parents=True, mode=0o700)
    _write(given, password)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        for path in (fresh, given):
            os.chown(str(path), owner.pw_uid, owner.pw_gid)
    making = [_program("initdb"), "--pgdata", str(fresh), "--username", _USER, "--encoding=UTF8", "--locale=C.UTF-8"]
    _run([*making, "--auth=scram-sha-256", "--pwfile", str(given)], where)
    given.unlink()
    _run([_program("postgres"), "--single", "-D", str(fresh), "postgres"], where, f"CREATE DATABASE {_USER}\n")
    fresh.rename(data)


def _run(words: list[str], where: Place, given: str = "") -> None:
    done = subprocess.run(
        [*_as_its_user(), *words], input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/"
    )
    if done.returncode:
        raise LocalFault(
            f"PostgreSQL's database cannot be made in {where.home}:\n{done.stdout.strip()[-1500:]}\n"
            "Its user has to reach that folder; choose another with `WINDTUNNEL_HOME`."
        )


def _data(where: Place) -> Path:
    return where.home / "postgres"


def _redis_settings(where: Place) -> Path:
    return where.home / "redis.conf"


def _write(path: Path, text: str) -> None:
    """A file that only its owner reads."""
    with open(str(path), "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)


if __name__ == "__main__":
    words = command(place(), sys.argv[1])
    os.execvp(words[0], words)  # noqa: S606 - our own command
