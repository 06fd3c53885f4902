"""When S3 hangs or is gone: pages show what they have and say so, and nobody else waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.plugin import planted
from tests.plugin.conftest import Pages
from tests.plugin.gate import State

OLD_SECONDS = 3.5
"""What is kept of S3 is fresh for less."""


@pytest.fixture
def cut(pages: Pages) -> Iterator[Pages]:
    """The pages, once they have seen `flights`; the way to S3 is open again afterwards, and was found open."""
    assert pages.get("/models/flights").status_code == 200
    time.sleep(OLD_SECONDS)
    yield pages
    pages.gate.turn("open")
    until = time.monotonic() + 30
    while "S3 does not answer" in pages.get("/models/flights").text and time.monotonic() < until:
        time.sleep(0.2)
    assert "S3 does not answer" not in pages.get("/models/flights").text


@pytest.mark.parametrize("state", ["hangs", "shut"])
def test_what_was_read_before_is_shown_with_its_age(cut: Pages, state: State) -> None:
    cut.gate.turn(state)
    shown = cut.get("/models/flights")
    assert shown.status_code == 200
    assert "S3 does not answer; this is what it said" in shown.text
    unseen = cut.get("/models/m48")
    assert unseen.status_code == 503
    assert "Cannot be shown now" in unseen.text
    assert cut.get("/models").status_code == 200


def test_airflow_answers_while_s3_hangs(cut: Pages) -> None:
    cut.gate.turn("hangs")
    with ThreadPoolExecutor(60) as pool, httpx.Client(base_url=cut.where.web_url, trust_env=False) as client:
        waiting = [pool.submit(cut.get, f"/models/m{at:02d}") for at in range(50)]
        time.sleep(0.3)
        began = time.monotonic()
        health = client.get("/api/v2/version", timeout=30)
        took = time.monotonic() - began
        assert health.status_code == 200
        statuses = {future.result().status_code for future in waiting}
    assert statuses <= {200, 503}
    assert took < 2.0, "Airflow's own API waits for S3"


def test_a_report_that_is_too_large_or_gone_is_a_line_of_text(pages: Pages) -> None:
    big = planted.report("drift", pages.put_object("reports/monitor/m05/big.html", b"x" * (25 * 2**20)))
    gone = planted.report("drift", "s3://pages/reports/monitor/m05/gone.html")
    window = planted.window(0, report=big.id)
    pages.put(planted.document("m05", windows=(window,), reports=(big, gone)))
    said = pages.get(f"/models/m05/reports/{big.id}")
    assert said.status_code == 404
    assert "It has 25.0 MB; a page loads at most 24 MB." in said.text
    assert "does not exist" in pages.get(f"/models/m05/reports/{gone.id}").text
    assert pages.get("/models/m05/drift").status_code == 200
