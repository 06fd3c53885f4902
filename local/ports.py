"""Ports: whether one is free, and who holds it when it is not."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from local.fault import LocalFault
from local.place import Place


def require_free(where: Place, *, stores: bool = False) -> None:
    """See that every port of a place can be bound.

    Args:
        where: The place.
        stores: Those of PostgreSQL and Redis too.

    Raises:
        LocalFault: A port is taken; the message names it, its holder when the system tells, and the variable to set.
    """
    wanted = {"WINDTUNNEL_WEB_PORT": where.web_port, "WINDTUNNEL_AWS_PORT": where.aws_port}
    if stores:
        wanted.update(WINDTUNNEL_POSTGRES_PORT=where.postgres_port, WINDTUNNEL_REDIS_PORT=where.redis_port)
    for variable, port in wanted.items():
        if not free(port):
            raise LocalFault(
                "Port {} is taken by {}. Stop that, or choose other ports: `{}` for this one, "
                "`WINDTUNNEL_PORT_BASE` for all of them, as in `WINDTUNNEL_PORT_BASE=9080 make up`.".format(
                    port, holder(port) or "another program", variable
                )
            )


def free(port: int) -> bool:
    """Whether a server may bind the port on the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do it: a connection of the last run that is still closing does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def unused(count: int) -> int:
    """The first of `count` free ports in a row."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
        if first + count < 65532 and all(free(port) for port in range(first, first + count)):
            return first


def holder(port: int) -> str | None:
    """Id and command of the process that listens on a port, where /proc shows it."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for entry in Path("/proc").glob("[0-9]*") if sockets else ():
        try:
            if any(os.readlink(str(handle)) in sockets for handle in (entry / "fd").iterdir()):
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                return f"process {entry.name} (`{words[:120]}`)"
        except OSError:  # ended meanwhile, or another person's
            continue
    return None


def _listening(port: int) -> list[str]:
    """Inodes of the sockets that listen on a port, from the kernel's tables."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            words = row.split()
            if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:
                found.append(words[9])
    return found
