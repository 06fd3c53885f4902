"""The signs of life of a server: what is counted, and the line that a real one prints."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.container.served import Server, serving
from tests.graphs import of_column
from windtunnel.core import vitals
from windtunnel.ml import artefact
from windtunnel.ml.artefact import Answers, Golden
from windtunnel.models.flights.spec import SPEC
from windtunnel.serving.vitals import LARGE_BATCH, LEAST_FOR_SHIFT, MOST_WAITING, Vitals

TRAINING = Answers(mean=10.0, deviation=4.0, low=-100.0, high=200.0)


def counted(*batches: list[float], training: Answers = TRAINING) -> Vitals:
    vital = Vitals(training, "windtunnel-flights", "V1.1.0")
    for batch in batches:
        vital.note(np.array(batch, dtype=np.float32))
    return vital


def figures(vital: Vitals) -> dict[str, float]:
    line = json.loads(vital.line(0))
    return {name: line[name] for name in (vitals.ANSWERS, vitals.UNUSABLE_SHARE, vitals.ANSWER_SHIFT) if name in line}


def test_answers_that_are_not_finite_or_not_plausible_are_unusable() -> None:
    found = figures(counted([10.0, -100.0, 200.0], [float("nan"), float("inf")], [-100.5, 201.0, 12.0]))
    assert found == {vitals.ANSWERS: 8, vitals.UNUSABLE_SHARE: 0.5}


def test_the_shift_is_that_of_the_mean_in_standard_deviations_of_the_training() -> None:
    vital = counted([18.0] * LEAST_FOR_SHIFT, [1e9, float("nan")])
    assert figures(vital)[vitals.ANSWER_SHIFT] == pytest.approx(2.0)
    assert figures(counted([6.0, 10.0] * LEAST_FOR_SHIFT))[vitals.ANSWER_SHIFT] == pytest.approx(0.5)


def test_a_line_tells_only_what_came_since_the_last_one_and_nothing_of_no_answers() -> None:
    vital = counted([1e9] * LEAST_FOR_SHIFT + [10.0] * LEAST_FOR_SHIFT)
    assert figures(vital) == {vitals.ANSWERS: 60, vitals.UNUSABLE_SHARE: 0.5, vitals.ANSWER_SHIFT: 0.0}
    assert figures(vital) == {vitals.ANSWERS: 0}


def test_answers_too_few_to_compare_wait_for_more() -> None:
    vital = counted([18.0] * (LEAST_FOR_SHIFT - 1))
    assert vitals.ANSWER_SHIFT not in figures(vital)
    vital.note(np.array([18.0], dtype=np.float32))
    assert figures(vital) == {vitals.ANSWERS: 1, vitals.UNUSABLE_SHARE: 0.0, vitals.ANSWER_SHIFT: pytest.approx(2.0)}


def test_a_model_that_always_answered_alike_has_nothing_to_measure_a_shift_in() -> None:
    training = Answers(mean=10.0, deviation=0.0, low=-100.0, high=200.0)
    assert vitals.ANSWER_SHIFT not in figures(counted([18.0] * 100, training=training))


def test_none_is_lost_among_threads_and_lines() -> None:
    vital, each = counted(), 3 * MOST_WAITING

    def note(times: int, rows: int) -> None:
        for _ in range(times):
            vital.note(np.ones(rows, dtype=np.float32))

    with ThreadPoolExecutor(5) as pool:
        work = [*(pool.submit(note, each, 1) for _ in range(4)), pool.submit(note, 50, LARGE_BATCH)]
        told = 0.0
        while not all(job.done() for job in work):
            told += figures(vital)[vitals.ANSWERS]
    assert told + figures(vital)[vitals.ANSWERS] == 4 * each + 50 * LARGE_BATCH


@pytest.fixture(scope="module")
def squares(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that tells its signs of life every half second."""
    folder = tmp_path_factory.mktemp("squares")
    trained = artefact.read(base / "model")
    signature = trained.signature.model_copy(update={"answers": TRAINING})
    # The second answer is so large that the digits of a float32 are not its value.
    delays = (2.0, 401.1)
    rows = tuple(tuple((SPEC.example | {"dep_delay": delay})[name] for name in SPEC.features) for delay in delays)
    said = tuple(float(str(np.square(np.float32(delay)))) for delay in delays)
    assert abs(said[1] - float(np.float32(said[1]))) > 0.001
    golden = Golden(columns=SPEC.features, rows=rows, predictions=said, tolerance=0.001)
    squaring = of_column("Mul", SPEC.features, "dep_delay", twice=True)
    artefact.write(folder / "model", squaring.SerializeToString(), signature, golden)
    told = {"WINDTUNNEL_ENDPOINT": "windtunnel-flights", "WINDTUNNEL_VERSION": "V1.1.0"}
    with serving(folder, WINDTUNNEL_VITALS_SECONDS="0.5", **told) as server:
        yield server


def lines(server: Server, answers: int) -> list[dict[str, Any]]:
    """The server's next lines, until they tell of so many answers; stops at a line that is no JSON."""
    assert server.process.stdout is not None
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 20
    while sum(line[vitals.ANSWERS] for line in found) < answers:
        assert time.monotonic() < deadline, found
        line = server.process.stdout.readline()
        if line.startswith(b"{"):
            found.append(json.loads(line))
    return found


def ask(server: Server, *delays: float) -> int:
    rows = [{**SPEC.example, "dep_delay": delay} for delay in delays]
    return server.client.post("/invocations", json={"instances": rows}).status_code


def test_a_real_server_counts_what_it_answers_and_what_it_refuses(squares: Server) -> None:
    assert ask(squares, 3.0, 4.0) == 200
    assert ask(squares, 1_000.0) == 200
    assert ask(squares, 5.0, 1e30) == 400
    assert squares.client.post("/invocations", json={"instances": [{}]}).status_code == 400
    told = lines(squares, 5)
    assert sum(line[vitals.ANSWERS] for line in told) == 5
    shares = [line[vitals.ANSWERS] * line[vitals.UNUSABLE_SHARE] for line in told if line[vitals.ANSWERS]]
    assert sum(shares) == pytest.approx(2)


def test_the_line_is_one_that_cloudwatch_logs_takes_apart(squares: Server) -> None:
    assert ask(squares, *([4.0] * LEAST_FOR_SHIFT)) == 200
    line = lines(squares, LEAST_FOR_SHIFT)[-1]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("windtunnel", [["Endpoint"]])
    assert (line["Endpoint"], line["Version"]) == ("windtunnel-flights", "V1.1.0")
    named = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert named == {"Answers": "Count", "UnusableShare": "None", "AnswerShift": "None"}
    assert abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 20


def test_a_server_without_an_endpoint_name_prints_no_signs_of_life(base: Path) -> None:
    with serving(base, WINDTUNNEL_VITALS_SECONDS="0.1") as server:
        assert ask(server, 2.0) == 200
        time.sleep(0.5)
        server.process.terminate()
        assert server.process.stdout is not None
        assert b"CloudWatchMetrics" not in server.process.stdout.read()
