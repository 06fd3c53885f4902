"""Bytes that are nearly requests, by the hundred thousand: nothing answers 5xx, hangs, dies, or keeps memory."""

from __future__ import annotations

import json
import random
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.container.served import Server, serving
from tests.container.test_quick import file, frame, stream
from windtunnel.models.flights.spec import SPEC
from windtunnel.serving import table

REQUESTS = 24_000
"""Of each of three seeds: 102,000 in all, with the warm-up."""
WARM_UP = 30_000
"""Until every thread has its buffers: memory is measured from then on."""
CONNECTIONS = 16
LONGEST_SECONDS = 2.0
KINDS = (
    "application/json",
    "application/jsonlines",
    "text/csv",
    "text/csv; header=present",
    table.ARROW,
    table.PARQUET,
)
PATHS = ("/invocations", "/invocations", "/batch", "/stream", "/ping", "/health", "/nowhere", "/invocations?x=\xff")
ODD = (
    b"\0",
    b"\xff",
    b"{",
    b"[",
    b'"',
    b",",
    b"\n",
    b"\r\n",
    b"-",
    b"e9",
    b"NaN",
    b"1e999",
    b"[" * 400,
    b"9" * 400,
    b"\\ud800",
    b"\xf0\x9f",
)


class Mutant:
    """Makes requests from good ones, each a little wrong."""

    def __init__(self, seed: int, flight: dict[str, Any]) -> None:
        self._random = random.Random(seed)  # noqa: S311
        row = json.dumps(flight).encode()
        line = ",".join("" if value is None else str(value) for value in flight.values()).encode()
        header = ",".join(flight).encode()
        self._bodies = [
            b'{"instances":[' + row + b"]}",
            row,
            row + b"\n" + row,
            json.dumps({"columns": [*flight], "rows": [[*flight.values()]]}).encode(),
            line,
            header + b"\n" + line,
            (line + b"\n") * 120,
            stream(frame()),
            file(frame()),
        ]

    def request(self) -> bytes:
        """One request, whole or cut, true or not to its own length."""
        pick, chance = self._random.choice, self._random.random
        body = self._changed(pick(self._bodies))
        length: object = len(body)
        if chance() < 0.05:
            length = pick([0, -1, len(body) + 5, "1e3", "999999999999", "abc", max(0, len(body) - 3)])
        head = f"{pick(['POST'] * 12 + ['GET', 'PUT', 'P\x00ST'])} {pick(PATHS)} HTTP/1.1\r\nHost: x\r\n"
        head += f"Content-Type: {pick(KINDS)}\r\nContent-Length: {length}\r\n"
        if chance() < 0.1:
            head += pick(
                ["Accept: image/png\r\n", "Transfer-Encoding: chunked\r\n", "X: " + "y" * 70_000 + "\r\n", "\0\r\n"]
            )
        return head.encode("latin-1") + b"\r\n" + body

    def _changed(self, body: bytes) -> bytes:
        for _ in range(self._random.choice((0, 1, 1, 2, 5))):
            at, end = sorted(self._random.randrange(len(body) + 1) for _ in range(2))
            match self._random.randrange(5):
                case 0:
                    body = body[:at] + self._random.choice(ODD) + body[at:]
                case 1:
                    body = body[:at] + body[min(end, at + 20) :]
                case 2:
                    body = body[:at] + body[at : at + 50] * 3 + body[at:]
                case 3:
                    body = body[:at] + self._random.randbytes(min(4, end - at)) + body[at + 4 :]
                case 4:
                    body = body[:at]
        return body


@pytest.fixture(scope="module")
def alone(base: Path) -> Iterator[Server]:
    """A server that no other test asks: its memory is measured."""
    with serving(base) as server:
        assert server.process.stderr
        # uvicorn writes a line for each request that is none; a full pipe would hold it up.
        threading.Thread(target=server.process.stderr.read, daemon=True).start()
        server.client.get("/health")  # FastAPI comes with the first look at a page
        ask(server, Mutant(0, dict(SPEC.example)), WARM_UP)
        yield server


def memory(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def ask(server: Server, mutant: Mutant, count: int) -> Counter[str]:
    """Statuses of so many requests, each on a connection of its own; the longest wait is bounded."""
    address = (server.client.base_url.host, server.client.base_url.port)
    statuses: Counter[str] = Counter()
    sent = 0
    with selectors.DefaultSelector() as ready:
        while sent < count or ready.get_map():
            while sent < count and len(ready.get_map()) < CONNECTIONS:
                connection = socket.create_connection(address, timeout=LONGEST_SECONDS)
                try:
                    connection.sendall(mutant.request())
                    connection.shutdown(socket.SHUT_WR)  # the whole of it: a longer length is never met
                except OSError:  # the server has heard enough and closed
                    statuses["closed"] += 1
                sent += 1
                ready.register(connection, selectors.EVENT_READ, time.monotonic())
            for key, _ in ready.select(0.1):
                try:
                    found = key.fileobj.recv(65536)  # type: ignore[union-attr]
                except OSError:
                    found = b""
                statuses[found[9:12].decode() if found.startswith(b"HTTP/1.1 ") else "none"] += 1
                ready.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
            now = time.monotonic()
            waits = [now - key.data for key in ready.get_map().values()]
            assert max(waits, default=0) < LONGEST_SECONDS, "a request was neither answered nor closed"
    return statuses


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_that_comes_over_the_wire_makes_it_fail(alone: Server, flight: dict[str, Any], seed: int) -> None:
    mutant = Mutant(seed, flight)
    before = memory(alone)
    statuses = ask(alone, mutant, REQUESTS)
    assert alone.process.poll() is None
    assert alone.client.get("/ping").status_code == 200
    assert {status for status in statuses if status.startswith("5")} == set(), statuses
    assert statuses["200"] > REQUESTS / 50, statuses
    assert statuses["400"] > REQUESTS / 10, statuses
    assert memory(alone) < before * 1.05, f"{before} kB became {memory(alone)} kB"
