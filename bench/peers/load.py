"""Load: connections that ask one server without a pause, one thread for all, and check every answer."""

from __future__ import annotations

import selectors
import socket
import time
from typing import NamedTuple


class Load(NamedTuple):
    """What a load found.

    Attributes:
        latencies: Seconds of each request.
        seconds: From the first to the last.
    """

    latencies: list[float]
    seconds: float


class WrongAnswer(Exception):
    """A server answered something else than it did at first."""


class _Connection:
    """One connection: a request, its answer, the next request."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(60)
        self._request = request
        self.began = 0.0
        self._got = b""

    def ask(self) -> None:
        self.began = time.perf_counter()
        self._got = b""
        self.socket.sendall(self._request)

    def read(self) -> float:
        """Take what has come; when that was."""
        part = self.socket.recv(1 << 20)
        now = time.perf_counter()
        if not part:
            raise WrongAnswer("The server closed the connection.")
        self._got += part
        return now

    def answered(self) -> bytes | None:
        """The body, once it is whole."""
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end:
            return None
        if not head.startswith(b"HTTP/1.1 200"):
            raise WrongAnswer((head + end + body)[:500].decode("latin-1"))
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            return _unchunked(body) if body.endswith(b"0\r\n\r\n") else None
        length = int(lower.partition(b"content-length:")[2].split(b"\r\n")[0])
        return body if len(body) >= length else None


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        whole += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return whole


def request(path: str, content_type: str, body: bytes) -> bytes:
    """The bytes of a POST."""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def once(port: int, asked: bytes) -> bytes:
    """One answer."""
    connection = _Connection(port, asked)
    connection.ask()
    while (body := connection.answered()) is None:
        connection.read()
    connection.socket.close()
    return body


def load(port: int, asked: bytes, expected: bytes, connections: int, seconds: float) -> Load:
    """Ask over some connections for some seconds; every answer must be the expected bytes.

    Raises:
        WrongAnswer: One was not.
    """
    latencies: list[float] = []
    with selectors.DefaultSelector() as ready:
        open_ = [_Connection(port, asked) for _ in range(connections)]
        started = time.perf_counter()
        for connection in open_:
            ready.register(connection.socket, selectors.EVENT_READ, connection)
            connection.ask()
        waiting = len(open_)
        while waiting:
            # All are read before any is looked at: an answer does not wait for our own work on another.
            read: list[tuple[_Connection, float]] = [(key.data, key.data.read()) for key, _ in ready.select(60)]
            for connection, now in read:
                body = connection.answered()
                if body is None:
                    continue
                latencies.append(now - connection.began)
                if body != expected:
                    raise WrongAnswer(f"{body[:200]!r} instead of {expected[:200]!r}")
                if now - started < seconds:
                    connection.ask()
                else:
                    ready.unregister(connection.socket)
                    connection.socket.close()
                    waiting -= 1
    return Load(latencies, time.perf_counter() - started)
