"""Every format in, every format out, and the same prediction whichever way a row comes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from windtunnel.ml import artefact
from windtunnel.models.flights.spec import SPEC

FEATURES = list(SPEC.features)
JSON, LINES, CSV, CSV_HEADER = "application/json", "application/jsonlines", "text/csv", "text/csv; header=present"

Flight = dict[str, Any]


def flights(flight: Flight) -> list[Flight]:
    """Three rows: ordinary, with a gap, with text that needs quotes in CSV and categories nobody has seen."""
    return [flight, {**flight, "dep_delay": None}, {**flight, "carrier": 'Ü"A,\n', "dep_delay": 95.5}]


def as_csv(rows: list[Flight], header: list[str] | None = None) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(header)
    writer.writerows([["" if row[name] is None else row[name] for name in header or FEATURES] for row in rows])
    return text.getvalue().encode()


def bodies(rows: list[Flight]) -> dict[str, tuple[str, bytes]]:
    lists = [[row[name] for name in FEATURES] for row in rows]
    turned = FEATURES[::-1]
    return {
        "objects": (JSON, json.dumps({"instances": rows}).encode()),
        "lists": (JSON, json.dumps({"instances": lists}).encode()),
        "columns": (
            JSON,
            json.dumps({"columns": turned, "rows": [[row[name] for name in turned] for row in rows]}).encode(),
        ),
        "lines of objects": (LINES, "\n".join(json.dumps(row) for row in rows).encode()),
        "lines of lists": (LINES, "\r\n".join([*(json.dumps(row) for row in lists), ""]).encode()),
        "csv": (CSV, as_csv(rows)),
        "csv said to have none": ("text/csv; header=absent", as_csv(rows)),
        "csv with header": (CSV_HEADER, as_csv(rows, FEATURES)),
        "csv with another order": ("Text/CSV; charset=utf-8; header=present", as_csv(rows, turned)),
        "csv with a byte-order mark": (CSV_HEADER, b"\xef\xbb\xbf" + as_csv(rows, FEATURES)),
    }


def ask(client: httpx.Client, content_type: str, body: bytes, accept: str = "*/*") -> httpx.Response:
    return client.post("/invocations", content=body, headers={"content-type": content_type, "accept": accept})


def numbers_of(answer: httpx.Response) -> list[float]:
    kind = answer.headers["content-type"].partition(";")[0]
    if kind == JSON:
        return [float(number) for number in answer.json()["predictions"]]
    lines = answer.text.splitlines()
    return [json.loads(line)["prediction"] if kind == LINES else float(line) for line in lines]


@pytest.mark.parametrize("form", bodies([dict(SPEC.example)]))
def test_the_same_rows_get_the_same_predictions_in_every_form(client: httpx.Client, flight: Flight, form: str) -> None:
    rows = flights(flight)
    expected = [ask(client, JSON, json.dumps({"instances": [row]}).encode()).json()["predictions"][0] for row in rows]
    assert len(set(expected)) == 3
    content_type, body = bodies(rows)[form]
    answer = ask(client, content_type, body, accept=JSON)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"predictions": expected}


@pytest.mark.parametrize(
    ("content_type", "accept", "expected"),
    [
        (JSON, "*/*", JSON),
        (LINES, "*/*", LINES),
        (CSV, "*/*", "text/csv"),
        (JSON, "text/csv", "text/csv"),
        (CSV, "application/json", JSON),
        (CSV, "application/*", JSON),
        (LINES, "application/*", LINES),
        (JSON, "text/csv;q=0.5, application/jsonlines", LINES),
        (JSON, "image/png, text/*;q=0.1", "text/csv"),
        (JSON, "application/json;q=0, */*", JSON),
    ],
)
def test_the_answer_has_the_type_that_is_accepted(
    client: httpx.Client, flight: Flight, content_type: str, accept: str, expected: str
) -> None:
    form = {JSON: "objects", LINES: "lines of objects", CSV: "csv"}[content_type]
    answer = ask(client, *bodies([flight, flight])[form], accept)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == expected
    numbers = numbers_of(answer)
    assert len(numbers) == 2
    assert numbers[0] == numbers[1]


def test_the_golden_rows_get_their_recorded_predictions(client: httpx.Client, base: Path) -> None:
    golden = artefact.read(base / "model").golden
    answer = client.post("/invocations", json=golden.request())
    assert answer.json()["predictions"] == pytest.approx(golden.predictions, abs=golden.tolerance)


def test_whole_numbers_may_be_written_as_floats(client: httpx.Client, flight: Flight) -> None:
    exact = client.post("/invocations", json={"instances": [flight]}).json()
    assert client.post("/invocations", json={"instances": [flight | {"distance": 1400.0}]}).json() == exact
    assert ask(client, CSV, as_csv([flight | {"distance": "1400.0"}]), JSON).json() == exact


def test_thousands_of_rows_are_answered_in_order(client: httpx.Client, flight: Flight) -> None:
    rows = [flight | {"dep_delay": float(number % 300)} for number in range(20_000)]
    answer = ask(client, CSV, as_csv(rows), JSON).json()["predictions"]
    assert len(answer) == 20_000
    assert answer[:300] == answer[300:600]
    assert answer[299] > answer[0]


def test_ping_is_empty_and_quick(client: httpx.Client) -> None:
    answer = client.get("/ping")
    assert (answer.status_code, answer.content) == (200, b"")
