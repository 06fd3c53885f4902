"""A server that is told to stop answers what is on its way, and asks its clients to go elsewhere."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from tests.container.served import serving

CLIENTS = 8


class Client(threading.Thread):
    """Asks without a pause over kept connections, until nobody listens; counts what was sent and not answered."""

    def __init__(self, url: httpx.URL, flight: dict[str, Any]) -> None:
        super().__init__()
        self._url, self._flight = url, flight
        self.answered, self.told_to_close = 0, False
        self.lost: list[str] = []

    def run(self) -> None:
        """Ends with the refusal of a connection: whoever was not let in has lost nothing."""
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while True:
                try:
                    answer = client.post("/invocations", json={"instances": [self._flight]})
                except httpx.ConnectError:
                    return
                except httpx.TransportError as error:
                    self.lost.append(repr(error))
                    continue
                self.answered += answer.status_code == 200
                self.told_to_close |= answer.headers.get("connection") == "close"


def test_no_request_is_lost_when_it_is_told_to_stop(base: Path, flight: dict[str, Any]) -> None:
    with serving(base) as server:
        clients = [Client(server.client.base_url, flight) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert server.client.get("/ping").status_code == 503
        for client in clients:
            client.join(30)
        server.process.wait(30)
    assert [client.lost for client in clients] == [[]] * CLIENTS
    assert all(client.told_to_close and client.answered > 10 for client in clients)
    assert server.process.returncode == -signal.SIGTERM  # uvicorn ends by the signal it was sent


def test_a_body_that_is_still_on_its_way_is_waited_for(base: Path, flight: dict[str, Any]) -> None:
    body = json.dumps({"instances": [flight]}).encode()
    head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with serving(base) as server:
        address = (server.client.base_url.host, server.client.base_url.port)
        with socket.create_connection(address, timeout=30) as slow:
            slow.sendall(head.encode() + body[:10])
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(2)
            slow.sendall(body[10:])
            assert slow.recv(65536).startswith(b"HTTP/1.1 200")
        server.process.wait(30)
