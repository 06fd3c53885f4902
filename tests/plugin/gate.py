"""What lies between the pages and S3: a way that can be open, hang, or be shut."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Literal
from urllib.parse import urlsplit

State = Literal["open", "hangs", "shut"]


class Gate:
    """Passes TCP connections on to an address.

    Args:
        target: `http://host:port` behind it.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.state: State = "open"
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._serve, daemon=True).start()

    def turn(self, state: State) -> None:
        """From now on; connections that are open end, so that no client goes on over one of them."""
        self.state = state
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            client, _ = self._server.accept()
            self._open.add(client)
            if self.state == "shut":
                client.close()
            elif self.state == "open":
                behind = socket.create_connection(self._target)
                for source, sink in ((client, behind), (behind, client)):
                    threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(65536):
                sink.sendall(part)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.discard(source)
