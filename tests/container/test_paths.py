"""What the server answers beside /invocations."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from windtunnel.ml import artefact

JSON, CSV = "application/json", "text/csv"


def test_health_says_which_model_is_well(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "healthy", "model": "flights"}


def test_metadata_tells_the_signature_and_the_digest(client: httpx.Client, base: Path) -> None:
    made, told = artefact.read(base / "model"), client.get("/metadata").json()
    assert told["artefact_sha256"] == made.sha256
    assert told["signature"] == json.loads(made.signature.model_dump_json())
    assert client.post("/invocations", json=told["example"]).status_code == 200


def test_stream_takes_one_row_and_batch_many(client: httpx.Client, flight: dict[str, Any]) -> None:
    (wanted,) = client.post("/invocations", json={"instances": [flight]}).json()["predictions"]
    assert client.post("/stream", json=flight).json() == {"prediction": wanted}
    assert client.post("/batch", json={"instances": [flight, flight]}).json() == {"predictions": [wanted, wanted]}


def test_stream_refuses_what_is_not_one_row(client: httpx.Client, flight: dict[str, Any]) -> None:
    for body in (b"", b"[]", b"1", json.dumps([flight]).encode(), b"{},{}", json.dumps(flight).encode() * 2):
        answer = client.post("/stream", content=body, headers={"content-type": JSON})
        assert answer.status_code == 400, body
    two = json.dumps(flight).encode() + b"," + json.dumps(flight).encode()
    assert "allowed is one row" in client.post("/stream", content=two, headers={"content-type": JSON}).text
    assert client.post("/stream", content=b"1,2", headers={"content-type": CSV}).status_code == 415
    assert client.post("/stream", json=flight, headers={"accept": "image/png"}).status_code == 406
    told = client.post("/stream", json=flight | {"distance": "far"}).json()["error"]
    assert (told["column"], told["found"]) == ("distance", "'far'")


def test_metrics_count_requests_rows_and_seconds(client: httpx.Client, flight: dict[str, Any]) -> None:
    def counted() -> dict[tuple[str, str, str], float]:
        families = text_string_to_metric_families(client.get("/metrics").text)
        return {
            (sample.name, sample.labels.get("path", ""), sample.labels.get("status", "")): sample.value
            for family in families
            for sample in family.samples
            if sample.labels.get("le", "+Inf") == "+Inf"
        }

    before = counted()
    client.post("/batch", json={"instances": [flight] * 3})
    client.post("/batch", json={"instances": [1]})
    after = counted()
    more = {key: after[key] - before.get(key, 0) for key in after}
    assert more["windtunnel_requests_total", "/batch", "200"] == 1
    assert more["windtunnel_requests_total", "/batch", "400"] == 1
    assert more["windtunnel_predictions_total", "/batch", ""] == 3
    assert more["windtunnel_request_seconds_count", "", ""] == 2
    assert 0 < more["windtunnel_request_seconds_sum", "", ""] < 60


def test_the_documents_name_every_path_and_no_other_host(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/ping", "/health", "/metadata", "/metrics", "/invocations", "/batch", "/explain", "/stream",
    }  # fmt: skip
    page = client.get("/docs").text
    assert re.findall(r"(?:https?:)?//\w", page) == []
    for address in re.findall(r'(?:src|href)="(assets/[^"]+)"', page):
        answer = client.get(f"/{address}")
        assert answer.status_code == 200
        assert len(answer.content) > 1000


def test_a_body_that_says_it_is_compressed_is_refused(client: httpx.Client) -> None:
    answer = client.post("/invocations", content=b"x", headers={"content-type": JSON, "content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["error"]["allowed"]) == (415, "identity")
