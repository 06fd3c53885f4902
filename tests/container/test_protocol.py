"""Small requests are answered alike however their bytes arrive, and nobody holds a connection without getting on."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from tests.container.served import Server, free_port
from windtunnel.serving import application
from windtunnel.serving.application import INLINE_BODY, Application
from windtunnel.serving.load import load
from windtunnel.serving.server import configured


def request(flight: dict[str, Any], path: str = "/invocations", *, rows: int = 1, more: bytes = b"") -> bytes:
    document = flight if path == "/stream" else {"instances": [flight] * rows}
    body = json.dumps(document).encode()
    return b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n%b" % (
        path.encode(),
        more,
        len(body),
        body,
    )


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def answers(found: socket.socket, count: int) -> list[tuple[int, bytes, bytes]]:
    """The next answers on a connection: status, head, body."""
    got: bytes = b""
    said: list[tuple[int, bytes, bytes]] = []
    while len(said) < count:
        head, end, rest = got.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) if end else 0
        if not end or len(rest) < length:
            part = found.recv(65536)
            assert part, f"closed after {said} and {got!r}"
            got += part
            continue
        said.append((int(head.split()[1]), head.lower(), rest[:length]))
        got = rest[length:]
    assert got == b""
    return said


@pytest.fixture(scope="module")
def port(server: Server) -> int:
    found = server.client.base_url.port
    assert found is not None
    return found


def test_a_request_may_arrive_in_any_two_parts(port: int, flight: dict[str, Any]) -> None:
    whole = request(flight)
    with connected(port) as found:
        found.sendall(whole)
        wanted = answers(found, 1)[0][2]
        for cut in range(1, len(whole), 7):
            found.sendall(whole[:cut])
            time.sleep(0.001)
            found.sendall(whole[cut:])
            assert [(status, body) for status, _, body in answers(found, 1)] == [(200, wanted)]


def test_requests_sent_at_once_are_answered_in_their_order(port: int, flight: dict[str, Any]) -> None:
    late = [{**flight, "dep_delay": float(minutes)} for minutes in range(6)]
    page = b"GET /metadata HTTP/1.1\r\nhost: x\r\n\r\n"
    long = request(late[3], rows=INLINE_BODY // 50)
    sent = [
        request(late[0]),
        request(late[1], "/stream"),
        page,
        request(late[2]),
        long,
        request(late[4]),
        request(late[5]),
    ]
    with connected(port) as found:
        found.sendall(b"".join(sent))
        said = answers(found, len(sent))
    assert {status for status, _, _ in said} == {200}
    values = [json.loads(body) for _, _, body in said]
    singly = []
    for one in sent:
        with connected(port) as found:
            found.sendall(one)
            singly.append(json.loads(answers(found, 1)[0][2]))
    assert values == singly
    assert len(values[4]["predictions"]) == INLINE_BODY // 50


@pytest.mark.parametrize(
    ("more", "closes"), [(b"", False), (b"connection: close\r\n", True), (b"connection: keep-alive\r\n", False)]
)
def test_a_connection_is_kept_as_the_client_asks(port: int, flight: dict[str, Any], more: bytes, closes: bool) -> None:
    with connected(port) as found:
        found.sendall(request(flight, more=more))
        ((status, head, _),) = answers(found, 1)
        assert status == 200
        assert (b"connection: close" in head) == closes
        assert b"date:" in head
        if closes:
            assert found.recv(1) == b""
        else:
            found.sendall(request(flight))
            assert answers(found, 1)[0][0] == 200


def test_an_old_client_gets_his_answer_and_is_let_go(port: int, flight: dict[str, Any]) -> None:
    with connected(port) as found:
        found.sendall(request(flight).replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert answers(found, 1)[0][0] == 200
        assert found.recv(1) == b""


def test_who_waits_to_be_told_to_go_on_is_told(port: int, flight: dict[str, Any]) -> None:
    head, _, body = request(flight, more=b"expect: 100-continue\r\n").partition(b"\r\n\r\n")
    with connected(port) as found:
        found.sendall(head + b"\r\n\r\n")
        assert found.recv(1024).startswith(b"HTTP/1.1 100 Continue")
        found.sendall(body)
        assert answers(found, 1)[0][0] == 200


def test_who_never_reads_is_not_read_and_others_are_served(port: int, flight: dict[str, Any], server: Server) -> None:
    many = request(flight) * 500_000
    with connected(port) as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.settimeout(0.5)
        with pytest.raises(TimeoutError):
            greedy.sendall(many)
        assert server.client.get("/ping").status_code == 200
        before = resident(server)
        assert server.client.post("/invocations", json={"instances": [flight]}).status_code == 200
        assert resident(server) - before < 10


def resident(server: Server) -> float:
    """MB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


@pytest.fixture
def impatient(base: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server in this process that waits half a second where others wait half a minute; its port."""
    for waits in ("protocol", "application"):
        monkeypatch.setattr(f"windtunnel.serving.{waits}.BODY_SECONDS", 0.5)
    config = configured(Application(load(base / "model")), "127.0.0.1", free_port())
    config.timeout_keep_alive = 1
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        time.sleep(0.05)
    yield config.port
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_who_sends_slowly_is_told_and_sent_away(impatient: int, flight: dict[str, Any], share: float) -> None:
    whole = request(flight)
    began = time.monotonic()
    with connected(impatient) as found:
        found.sendall(whole[: int(len(whole) * share)])
        ((status, head, body),) = answers(found, 1)
        assert found.recv(1) == b""
    assert status == 408
    assert b"connection: close" in head
    assert "did not arrive" in json.loads(body)["error"]["message"]
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("sent", [60, 100], ids=["within its headers", "within its body"])
def test_who_is_late_behind_another_hears_the_others_answer_first(
    impatient: int, flight: dict[str, Any], monkeypatch: pytest.MonkeyPatch, sent: int
) -> None:
    answer = application.ANSWERS["/invocations"]

    def slow(*given: Any) -> Any:
        time.sleep(1.2)  # longer than the late one is waited for
        return answer(*given)

    monkeypatch.setitem(application.ANSWERS, "/invocations", slow)
    rows = INLINE_BODY // 50
    with connected(impatient) as found:
        found.sendall(request(flight, rows=rows) + request(flight)[:sent])
        first, second = answers(found, 2)
        assert found.recv(1) == b""
    assert (first[0], len(json.loads(first[2])["predictions"])) == (200, rows)
    assert second[0] == 408


def test_a_byte_now_and_then_does_not_help(impatient: int) -> None:
    with connected(impatient) as found:
        found.sendall(b"POST /invocations HTTP/1.1\r\n")
        began = time.monotonic()
        with suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() - began < 10:
                found.sendall(b"x-a: b\r\n")
                time.sleep(0.1)
        assert time.monotonic() - began < 5


def test_who_says_nothing_is_sent_away_after_a_while(impatient: int, flight: dict[str, Any]) -> None:
    with connected(impatient) as silent, connected(impatient) as heard:
        heard.sendall(request(flight))
        assert answers(heard, 1)[0][0] == 200
        assert (silent.recv(1), heard.recv(1)) == (b"", b"")


def test_a_failure_of_ours_is_an_answer_too(
    impatient: int, flight: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("planted")

    monkeypatch.setitem(application.ANSWERS, "/invocations", broken)
    answered = httpx.post(f"http://127.0.0.1:{impatient}/invocations", json={"instances": [flight]})
    assert answered.status_code == 500
    assert "RuntimeError" in answered.json()["error"]["message"]
    assert "planted" not in answered.text
    assert "planted" in capfd.readouterr().err
