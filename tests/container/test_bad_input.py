"""Bad input is refused with what came in, what is allowed and where: never a 500."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from windtunnel.models.flights.spec import SPEC
from windtunnel.serving.application import Application
from windtunnel.serving.load import load

FEATURES = list(SPEC.features)
JSON, LINES, CSV, CSV_HEADER = "application/json", "application/jsonlines", "text/csv", "text/csv; header=present"

Flight = dict[str, Any]


def error(answer: httpx.Response, status: int = 400) -> dict[str, Any]:
    """The error of an answer, in the one shape all of them have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == JSON
    found: dict[str, Any] = answer.json()["error"]
    assert set(found) == {"message", "column", "row", "found", "allowed"}
    assert found["message"]
    return found


def send(client: httpx.Client, content_type: str, body: bytes) -> httpx.Response:
    return client.post("/invocations", content=body, headers={"content-type": content_type})


@pytest.mark.parametrize(
    ("column", "value", "found"),
    [
        ("distance", "far", "'far'"),
        ("distance", "1400", "'1400'"),
        ("distance", 1400.5, "1400.5"),
        ("distance", None, "null"),
        ("distance", True, "true"),
        ("distance", [1], "a list of 1"),
        ("distance", {"miles": 1}, "an object with 1 names"),
        ("distance", 2**24 + 1, "16777217"),
        ("distance", 10**400, None),
        ("distance", 2**64, None),
        ("dep_delay", "late", "'late'"),
        ("dep_delay", False, "false"),
        ("dep_delay", 1e39, "1e+39"),
        ("carrier", 7, "7"),
        ("carrier", None, "null"),
        ("carrier", "", "''"),
        ("carrier", ["UA"], "a list of 1"),
    ],
)
def test_a_wrong_value_is_named_with_its_column_and_row(
    client: httpx.Client, flight: Flight, column: str, value: object, found: str | None
) -> None:
    body = json.dumps({"instances": [flight, flight, flight | {column: value}]}).encode()
    told = error(send(client, JSON, body))
    if found is None:  # a number so long that it is no JSON to the parser, or comes as a float
        assert "1" in told["message"] or "400 digits" in told["allowed"]
        return
    assert (told["column"], told["row"], told["found"]) == (column, 2, found)
    assert told["allowed"] in told["message"]
    lists = json.dumps({"columns": FEATURES, "rows": [list((flight | {column: value}).values())]}).encode()
    assert error(send(client, JSON, lists))["column"] == column


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("distance", "far"),
        ("distance", ""),
        ("distance", "nan"),
        ("distance", "1_400"),
        ("distance", "١٤٠٠"),
        ("distance", " 1400"),
        ("distance", "0x10"),
        ("distance", "9" * 400),
        ("dep_delay", "NaN"),
        ("dep_delay", "-inf"),
        ("dep_delay", "NULL"),
        ("carrier", ""),
    ],
)
def test_a_wrong_cell_is_named_with_its_column_and_row(
    client: httpx.Client, flight: Flight, column: str, cell: str
) -> None:
    lines = [",".join(str(value) for value in row.values()) for row in (flight, flight | {column: cell})]
    told = error(send(client, CSV, "\n".join(lines).encode()))
    assert (told["column"], told["row"]) == (column, 1)
    assert told["allowed"] in told["message"]
    with_header = "\n".join([",".join(FEATURES), *lines]).encode()
    assert error(send(client, CSV_HEADER, with_header)) == told


def test_a_missing_and_an_unknown_column_are_named(client: httpx.Client, flight: Flight) -> None:
    lacking = {name: value for name, value in flight.items() if name != "origin"}
    for body in (
        {"instances": [flight, lacking]},
        {"columns": list(lacking), "rows": [list(lacking.values())]},
    ):
        assert error(client.post("/invocations", json=body))["column"] == "origin"
    told = error(client.post("/invocations", json={"instances": [flight | {"tailnum": "N1"}]}))
    assert (told["column"], told["row"]) == ("tailnum", 0)
    assert "`origin`" in told["allowed"]
    twice = ["origin", *FEATURES[:-1], "origin"]
    told = error(client.post("/invocations", json={"columns": twice, "rows": [[1] * len(twice)]}))
    assert told["column"] == "dest"


def test_a_header_in_a_file_said_to_have_none_is_told(client: httpx.Client, flight: Flight) -> None:
    body = "\n".join([",".join(FEATURES), ",".join(str(value) for value in flight.values())]).encode()
    told = error(send(client, CSV, body))
    assert (told["column"], told["row"], told["found"]) == ("weekday", 0, "'weekday'")


@pytest.mark.parametrize("content_type", [JSON, LINES, CSV, CSV_HEADER])
@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n "], ids=["none", "line", "blank"])
def test_an_empty_body_is_told(client: httpx.Client, content_type: str, body: bytes) -> None:
    assert error(send(client, content_type, body))["allowed"] == "at least one row"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param(JSON, b'{"instances": [NaN]}', id="NaN in JSON"),
        pytest.param(JSON, b"\xff\xfe{}", id="JSON in UTF-16"),
        pytest.param(JSON, b"[" * 100_000, id="deep JSON"),
        pytest.param(JSON, b'{"instances":' + b"[" * 500 + b"]" * 500 + b"}", id="deep but whole JSON"),
        pytest.param(JSON, b'{"a":' * 100_000, id="deep objects"),
        pytest.param(JSON, b"17", id="a number"),
        pytest.param(JSON, b"null", id="null"),
        pytest.param(JSON, b'"instances"', id="a text"),
        pytest.param(JSON, b"{}", id="no name"),
        pytest.param(JSON, b'{"instances": []}', id="no instance"),
        pytest.param(JSON, b'{"instances": {}}', id="instances that are no list"),
        pytest.param(JSON, b'{"instances": [1, 2]}', id="instances that are no rows"),
        pytest.param(JSON, b'{"instances": [[]]}', id="an empty row"),
        pytest.param(JSON, b'{"instances": [{}]}', id="an empty object"),
        pytest.param(JSON, b'{"instances": [], "rows": []}', id="two forms at once"),
        pytest.param(JSON, b'{"columns": [1], "rows": []}', id="columns that are no names"),
        pytest.param(JSON, b'{"columns": null, "rows": null}', id="nulls for lists"),
        pytest.param(LINES, b"{}\n\n{}", id="an empty line between"),
        pytest.param(LINES, b'{"weekday": 1}\n[1]', id="objects and lists"),
        pytest.param(CSV, b"1,2", id="too few cells"),
        pytest.param(CSV, b"1,2,3,4,5,6,7,8,9", id="too many cells"),
        pytest.param(CSV, b'"open', id="an open quote"),
        pytest.param(CSV, b"\xff\xfe1,2", id="CSV that is no UTF-8"),
        pytest.param(CSV, b"1,2,3,4,5,6,7,\x00", id="NUL in CSV"),
        pytest.param(CSV, b'"' + b"x" * 200_000 + b'"', id="a huge cell"),
        pytest.param(CSV_HEADER, ",".join(FEATURES).encode(), id="header alone"),
        pytest.param("text/csv; header=maybe", b"1", id="a header that is neither"),
    ],
)
def test_what_is_no_request_is_told(client: httpx.Client, content_type: str, body: bytes) -> None:
    told = error(send(client, content_type, body))
    assert told["allowed"]
    assert len(json.dumps(told)) < 4000, "a refusal does not send the request back"


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/octet-stream", "JSON", "text/csv; charset=utf-16"]
)
def test_another_content_type_is_refused_with_the_known_ones(client: httpx.Client, content_type: str) -> None:
    told = error(send(client, content_type, b"1"), 415)
    assert told["allowed"].startswith("application/json, application/jsonlines, text/csv, application/vnd.apache.arrow")


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "x", "text/html, application/xml"])
def test_an_answer_nobody_accepts_is_refused(client: httpx.Client, flight: Flight, accept: str) -> None:
    answer = client.post("/invocations", json={"instances": [flight]}, headers={"accept": accept})
    assert error(answer, 406)["found"] == accept


def test_a_body_above_six_megabytes_is_refused_and_the_server_goes_on(client: httpx.Client, flight: Flight) -> None:
    assert error(send(client, JSON, b" " * (6 * 1024 * 1024 + 1)), 413)["allowed"] == "6291456 bytes"
    assert error(send(client, JSON, b" " * (6 * 1024 * 1024)))["allowed"] == "at least one row"
    assert client.post("/invocations", json={"instances": [flight]}).status_code == 200


@pytest.mark.parametrize(
    ("kind", "body", "status", "allowed"),
    [
        (JSON, b'{"instances":[' + b"[]," * 2_000_000 + b"[]]}", 413, "up to 100,000 rows"),
        (JSON, b"[" * 6_000_000, 413, "up to 100,000 rows"),
        (JSON, b"[" * 5_000 + b"]" * 5_000, 400, "JSON in UTF-8; NaN is written null"),
        (LINES, b"[]\n" * 2_000_000, 413, "up to 100,000 rows"),
        (CSV, b"1\n" * 3_000_000, 413, "up to 100,000 rows"),
        (CSV, b"1" * 6_000_000, 400, "up to 400 digits in a row"),
        (JSON, b'{"instances":[[' + b"9" * 401 + b"]]}", 400, "up to 400 digits in a row"),
        (JSON, b'{"instances":[[0.' + b"0" * 5_000 + b"1]]}", 400, "up to 400 digits in a row"),
    ],
)
def test_a_body_that_would_cost_much_is_refused_before_it_is_parsed(
    client: httpx.Client, kind: str, body: bytes, status: int, allowed: str
) -> None:
    began = time.monotonic()
    assert error(send(client, kind, body), status)["allowed"] == allowed
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/invocations", 405), ("POST", "/ping", 405), ("GET", "/", 404)]
)
def test_other_routes_have_the_same_shape_of_error(client: httpx.Client, method: str, path: str, status: int) -> None:
    assert path in error(client.request(method, path), status)["message"]


@pytest.mark.parametrize("framing", [(b"content-length", b"10"), (b"transfer-encoding", b"chunked")])
def test_a_body_that_stops_on_its_way_is_given_up(
    base: Path, monkeypatch: pytest.MonkeyPatch, framing: tuple[bytes, bytes]
) -> None:
    """In this process, where the 30 seconds can be made one tenth."""
    monkeypatch.setattr("windtunnel.serving.application.BODY_SECONDS", 0.1)
    said: list[Any] = []

    async def never() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        said.append(message)

    headers = [(b"content-type", JSON.encode()), framing]
    scope = {"type": "http", "method": "POST", "path": "/invocations", "headers": headers}
    asyncio.run(Application(load(base / "model"))(scope, never, send))
    assert said[0]["status"] == 408
    assert b"did not arrive" in said[1]["body"]
