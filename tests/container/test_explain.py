"""What a served model says of one of its answers, over HTTP."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from windtunnel.ml import artefact
from windtunnel.models.flights.spec import SPEC
from windtunnel.serving.application import MOST_EXPLAINED

ATTRIBUTE = {"X-Amzn-SageMaker-Custom-Attributes": "explain"}


def explained(client: httpx.Client, flight: dict[str, Any]) -> dict[str, Any]:
    answered = client.post("/explain", json={"instances": [flight]})
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.json()
    return found


def test_base_and_contributions_are_the_prediction(client: httpx.Client, flight: dict[str, Any], base: Path) -> None:
    found = explained(client, flight)
    (said,) = client.post("/invocations", json={"instances": [flight]}).json()["predictions"]
    why = found["explanation"]
    assert found["predictions"] == [said]
    assert why["base"] + sum(why["contributions"].values()) == pytest.approx(said, abs=1e-3)
    assert list(why["contributions"]) == list(SPEC.features)
    golden = artefact.read(base / "model").golden
    assert why["background_rows"] == len(golden.predictions)
    assert why["base"] == pytest.approx(np.mean(golden.predictions), abs=1e-3)
    assert why["unit"] == SPEC.unit


def test_a_later_departure_is_what_makes_the_difference(client: httpx.Client, flight: dict[str, Any]) -> None:
    why = {
        late: explained(client, {**flight, "dep_delay": late})["explanation"]["contributions"] for late in (0.0, 300.0)
    }
    # The model adds the delay itself, so 300 minutes more are about 300 more.
    assert why[300.0]["dep_delay"] - why[0.0]["dep_delay"] == pytest.approx(300, abs=30)
    assert max(why[300.0], key=lambda name: abs(why[300.0][name])) == "dep_delay"


def test_a_request_for_predictions_can_ask_for_it_as_sagemaker_passes_it_on(
    client: httpx.Client, flight: dict[str, Any]
) -> None:
    row = {"instances": [flight]}
    assert client.post("/invocations", json=row, headers=ATTRIBUTE).json() == explained(client, flight)
    other = client.post("/invocations", json=row, headers={"X-Amzn-SageMaker-Custom-Attributes": "trace=1"})
    assert list(other.json()) == ["predictions"]


def test_many_rows_and_other_types_are_refused(client: httpx.Client, flight: dict[str, Any]) -> None:
    many = client.post("/explain", json={"instances": [flight, flight]})
    assert (many.status_code, many.json()["error"]["allowed"]) == (400, "one row; ask for each by itself")
    other = client.post("/explain", json={"instances": [flight]}, headers={"accept": "text/csv"})
    assert other.status_code == 406
    assert client.get("/explain").status_code == 405


def test_predictions_go_first_and_too_many_are_asked_to_wait(client: httpx.Client, flight: dict[str, Any]) -> None:
    statuses: list[int] = []
    url = client.base_url

    def ask() -> None:
        answered = httpx.post(f"{url}/explain", json={"instances": [flight]}, timeout=60)
        statuses.append(answered.status_code)

    asking = [threading.Thread(target=ask) for _ in range(3 * MOST_EXPLAINED)]
    for one in asking:
        one.start()
    waited = []
    while any(one.is_alive() for one in asking):
        began = time.monotonic()
        assert client.post("/invocations", json={"instances": [flight]}).status_code == 200
        waited.append(time.monotonic() - began)
    assert set(statuses) == {200, 429}
    assert max(waited) < 2
