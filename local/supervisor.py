"""supervisord, configured from the Procfile: starts the services, restarts what ends, rotates their logs."""

from __future__ import annotations

import hashlib
import os
import shlex
import signal
import string
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Mapping

from local import processes
from local.fault import LocalFault
from local.place import ROOT, Place
from local.stores import STORES

_HEAD = """\
[supervisord]
nodaemon=true
{user}
logfile={home}/logs/supervisor.log
logfile_maxbytes=5MB
logfile_backups=1
pidfile={home}/run/supervisor.pid
identifier=windtunnel

[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{socket}
"""
# The leash ends a service within its grace of 8 s and 7 s more; only then is the leash itself killed.
_SERVICE = """
[program:{name}]
command={command}
directory={root}
priority={priority}
autostart={at_once}
autorestart=true
startsecs=3
startretries=20
stopwaitsecs=20
stdout_logfile={home}/logs/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
redirect_stderr=true
"""
# Stopped at once, and before the servers they talk to, which are stopped one by one.
_GROUP = """
[group:others]
programs={others}
"""
_SERVERS = (*STORES, "aws", "api-server")


def services(procfile: Path, given: Mapping[str, str]) -> dict[str, list[str]]:
    """Name to command of every service in a Procfile, `$VARIABLES` replaced.

    Raises:
        LocalFault: A line is not `name: command`, or names a variable that is not set.
    """
    found = {}
    for line in procfile.read_text(encoding="utf-8").splitlines():
        name, colon, command = (part.strip() for part in line.partition(":"))
        if not line.strip() or line.startswith("#"):
            continue
        if not colon or not command:
            raise LocalFault(f"`{procfile}` has the line `{line}`. Allowed: `name: command`.")
        try:
            found[name] = [string.Template(word).substitute(given) for word in shlex.split(command)]
        except KeyError as error:
            raise LocalFault(f"`{procfile}`: service `{name}` needs the variable {error}.") from error
    return found


def configuration(where: Place, commands: Mapping[str, list[str]]) -> str:
    """The text of supervisord.conf for these services; where there are stores, the others wait for `start_rest`."""
    user = "user=root" if os.geteuid() == 0 else ""  # it complains about running as root unless told so
    parts = [_HEAD.format(user=user, home=_escaped(str(where.home)), socket=_escaped(str(_socket(where))))]
    leash = [str(where.python("airflow")), "-m", "local.leash"]
    servers = [name for name in commands if name in _SERVERS]
    for name, command in commands.items():
        words = " ".join(shlex.quote(word) for word in [*leash, name, *command])
        parts.append(
            _SERVICE.format(
                name=name,
                command=_escaped(words),
                root=_escaped(str(ROOT)),
                home=_escaped(str(where.home)),
                priority=1 + servers.index(name) if name in servers else 999,
                at_once=str(name in STORES or STORES[0] not in commands).lower(),
            )
        )
    others = ",".join(name for name in commands if name not in servers)
    return "".join([*parts, _GROUP.format(others=others) if others else ""])


def start(where: Place, given: Mapping[str, str], procfile: Path = ROOT / "Procfile") -> None:
    """Start the supervisor in the background; it starts the services."""
    where.run.mkdir(parents=True, exist_ok=True)
    where.logs.mkdir(parents=True, exist_ok=True)
    _conf(where).write_text(configuration(where, services(procfile, given)), encoding="utf-8")
    with (where.logs / "supervisor.out").open("ab") as log:
        subprocess.Popen(
            [str(where.python("airflow").with_name("supervisord")), "-c", str(_conf(where))],
            cwd=str(ROOT),
            env={**given, processes.OWNER: str(where.home), "SPT_NOENV": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def start_rest(where: Place) -> None:
    """Start the services that waited for the stores; those that run already run on."""
    _control(where, "start", "all")


def running(where: Place) -> int | None:
    """The supervisor's process id, if it lives."""
    try:
        pid = int((where.run / "supervisor.pid").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if pid in processes.belonging(where.home) else None


def states(where: Place) -> dict[str, tuple[str, str]]:
    """Service to its state (`RUNNING`, `BACKOFF`, ...) and a word about it; empty when nothing runs."""
    if not running(where):
        return {}
    rows = (line.split(None, 2) for line in _control(where, "status").splitlines())
    return {
        row[0].rpartition(":")[2]: (row[1], row[2] if len(row) > 2 else "")
        for row in rows
        if len(row) > 1 and row[1].isupper()
    }


def stop(where: Place, seconds: float = 40.0) -> int:
    """End the supervisor and everything that belongs to the place; the number of processes that were there.

    Raises:
        LocalFault: A process is still there.
    """
    found = len(processes.belonging(where.home))
    supervisor = running(where)
    if supervisor:
        processes.send(supervisor, signal.SIGTERM)
        until = time.monotonic() + seconds
        while processes.alive(supervisor) and time.monotonic() < until:
            time.sleep(0.1)
    processes.end(processes.belonging(where.home), 10.0)
    left = processes.belonging(where.home)
    if left:
        raise LocalFault(f"Still running after SIGKILL: {sorted(left)}. Look at them with `ps -fp`.")
    for file in (where.run / "supervisor.pid", _socket(where)):
        if file.exists():
            file.unlink()
    return found


def _control(where: Place, *words: str) -> str:
    """What supervisorctl answers."""
    command = [str(where.python("airflow").with_name("supervisorctl")), "-c", str(_conf(where)), *words]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def _conf(where: Place) -> Path:
    return where.run / "supervisord.conf"


def _socket(where: Place) -> Path:
    """A path within the 100 or so bytes that the system allows for a socket."""
    socket = where.run / "supervisor.sock"
    if len(str(socket)) < 80:  # supervisord adds a suffix while it binds
        return socket
    return Path(tempfile.gettempdir()) / f"windtunnel-{hashlib.sha256(str(socket).encode()).hexdigest()[:12]}.sock"


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
