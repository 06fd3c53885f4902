"""`make up`, `make cluster` and `make down`: start everything and return when it is healthy; stop everything and return when it is gone."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable, Iterator

from local import ports, processes, stores, supervisor, workers
from local.environment import environment
from local.fault import LocalFault
from local.health import unhealthy, warm
from local.keys import passwords
from local.place import ROOT, VENVS, Place

START_SECONDS = 180
GIVEN_UP = ("FATAL", "BACKOFF")


def up(where: Place, procfile: Path = ROOT / "Procfile") -> None:
    """Start what does not run yet, restart it when its settings changed, return when all of it is healthy.

    Raises:
        LocalFault: A port is taken, the database cannot be migrated, or a service does not become healthy.
    """
    given = environment(where)

    def start() -> None:
        ports.require_free(where)
        _migrate(where, given)
        supervisor.start(where, given, procfile)

    _bring_up(where, given, procfile, start, lambda since: unhealthy(where, since))


def cluster(where: Place, procfile: Path = ROOT / "Procfile.cluster") -> None:
    """As `up`, with PostgreSQL, Redis and two Celery workers: what docker-compose.yaml runs in containers.

    Raises:
        LocalFault: As `up`; PostgreSQL or Redis is not installed.
    """
    stores.require_installed(where)
    given = environment(where, {**os.environ, **stores.addresses(where)})

    def start() -> None:
        ports.require_free(where, stores=True)
        stores.prepare(where)
        supervisor.start(where, given, procfile)
        stores.await_healthy(where)
        _migrate(where, given)
        supervisor.start_rest(where)

    _bring_up(where, given, procfile, start, lambda since: unhealthy(where, since) or workers.silent(where, given))


def _bring_up(
    where: Place,
    given: dict[str, str],
    procfile: Path,
    start: Callable[[], None],
    look: Callable[[datetime], list[str]],
) -> None:
    """Start services unless they run; wait until a look, given when they were started, finds all of them healthy."""
    with _alone(where):
        causes = json.dumps(_causes(given, procfile), sort_keys=True)
        changed = _changed(_kept(where, "started-with"), causes)
        if supervisor.running(where) and not changed:
            print("Already running.", flush=True)
        else:
            if supervisor.stop(where):
                print("Stopped what ran before. Changed: {}.".format(", ".join(changed) or "nothing"), flush=True)
            began = time.time()
            start()
            _keep(where, "started-with", causes)
            _keep(where, "started-at", str(began))
        _wait_until_healthy(where, look)
        warm(where)


def down(where: Place) -> None:
    """Stop everything that belongs to the place; returns when no process and no port of it is left.

    Raises:
        LocalFault: A process or a port is still held.
    """
    with _alone(where):
        began = time.monotonic()
        count = supervisor.stop(where)
        held = [port for port in (where.web_port, where.aws_port) if count and not ports.free(port)]
        if held:
            raise LocalFault(f"All processes ended, yet port {held[0]} is held by {ports.holder(held[0])}.")
        print("Nothing was running." if not count else f"Stopped in {time.monotonic() - began:.0f} s.")


def status(where: Place) -> str:
    """One line per service: its state, and how many processes it has with how much memory."""
    lines = []
    for service, (state, word) in supervisor.states(where).items():
        pids = processes.belonging(where.home, service)
        lines.append(
            f"{service:<14} {state:<8} {len(pids):>3} processes {sum(processes.memory_mb(pid) for pid in pids):>6.0f} MB   {word}"
        )
    return "\n".join(lines) or "Nothing is running. `make up` starts everything."


def addresses(where: Place) -> str:
    """Where to look and how to log in."""
    return f"Airflow       {where.web_url}\nembedded AWS  {where.aws_url}\nlogs          {where.logs}\n{_logins(where)}"


def _logins(where: Place) -> str:
    """Passwords once, when they were made: what a terminal keeps, others may read. Afterwards the file that has them."""
    people, path = passwords(where.home), where.home / "passwords.json"
    made = hashlib.sha256(path.read_bytes()).hexdigest()
    if _kept(where, "passwords-told") == made:
        return "log in as     {}; passwords are in {}".format(", ".join(people), path)
    _keep(where, "passwords-told", made)
    lines = "\n".join(f"    {person:<8} {password}" for person, password in people.items())
    return f"log in as     (told this once, kept in {path})\n{lines}"


def _wait_until_healthy(where: Place, look: Callable[[datetime], list[str]]) -> None:
    began = time.monotonic()
    since = datetime.fromtimestamp(float(_kept(where, "started-at") or 0), timezone.utc)
    shown: list[str] | None = None
    while True:
        waiting = look(since)
        if not waiting:
            print(f"Healthy after {time.monotonic() - began:.0f} s.", flush=True)
            return
        if waiting != shown:
            print("{:>4.0f} s  waiting for {}".format(time.monotonic() - began, ", ".join(waiting)), flush=True)
            shown = waiting
        _give_up_on_broken(where, waiting, time.monotonic() - began)
        time.sleep(0.5)


def _give_up_on_broken(where: Place, waiting: list[str], seconds: float) -> None:
    if seconds > START_SECONDS:
        raise LocalFault("Not healthy after {:.0f} s: {}. Read {}.".format(seconds, ", ".join(waiting), where.logs))
    if not supervisor.running(where) and seconds > 5:
        raise LocalFault("The supervisor ended.\n{}".format(_tail(where.logs / "supervisor.out")))
    if seconds > 10:
        for service, (state, _) in supervisor.states(where).items():
            if state in GIVEN_UP:
                log = where.logs / f"{service}.log"
                raise LocalFault(f"Service `{service}` cannot start. The end of {log}:\n{_tail(log)}")


def _migrate(where: Place, given: dict[str, str]) -> None:
    """Schema, roles and people, unless this very state was migrated by this very code."""
    sources = [ROOT / "requirements.lock", ROOT / "local" / "metadata.py"]
    sources.append(ROOT / "include" / "windtunnel" / "orchestration" / "people.py")
    database = given["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    digest = hashlib.sha256(b"".join([database.encode(), *(source.read_bytes() for source in sources)])).hexdigest()
    path = where.home / "airflow" / "airflow.db"
    if _kept(where, "migrated") == digest and (path.exists() or not database.startswith("sqlite")):
        return
    print("Preparing the metadata database ...", flush=True)
    where.logs.mkdir(parents=True, exist_ok=True)
    log = where.logs / "metadata.log"
    with log.open("ab") as output:
        done = subprocess.run(
            [str(where.python("airflow")), "-m", "local.metadata"],
            cwd=str(ROOT),
            env=given,
            stdout=output,
            stderr=output,
        )
    if done.returncode:
        raise LocalFault(f"The metadata database cannot be prepared. The end of {log}:\n{_tail(log)}")
    _keep(where, "migrated", digest)


def _causes(given: dict[str, str], procfile: Path) -> dict[str, str]:
    """Digests of everything whose change needs a restart: our variables, the list of services, what is installed."""
    found = {name: value for name, value in given.items() if name.startswith(("AIRFLOW", "WINDTUNNEL", "AWS"))}
    found["Procfile"] = procfile.read_text(encoding="utf-8")
    found["the installed packages"] = "".join(path.read_text() for path in sorted(VENVS.glob("*/installed")))
    return {name: hashlib.sha256(value.encode()).hexdigest()[:16] for name, value in found.items()}


def _changed(before: str | None, now: str) -> list[str]:
    try:
        old = json.loads(before or "{}")
    except ValueError:  # half-written by a process that was killed
        old = {}
    new = json.loads(now)
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def _kept(where: Place, name: str) -> str | None:
    try:
        return (where.home / "marks" / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _keep(where: Place, name: str, value: str) -> None:
    (where.home / "marks").mkdir(parents=True, exist_ok=True)
    (where.home / "marks" / name).write_text(value, encoding="utf-8")


@contextlib.contextmanager
def _alone(where: Place) -> Iterator[None]:
    """One `make up` or `make down` at a time; the next one waits."""
    where.home.mkdir(parents=True, exist_ok=True)
    with (where.home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tail(path: Path, lines: int = 15) -> str:
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(empty)"
