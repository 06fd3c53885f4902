"""What a version is asked on staging, put to a server that answers as it should and to those that do not."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest

from windtunnel.ml.artefact import Answers, Artefact, Feature, Golden, Signature
from windtunnel.ml.rehearsal import JSON, JSON_LINES, Question, Reply, judge, questions

FEATURES = (
    Feature(name="carrier", kind="string", nullable=False),
    Feature(name="dep_delay", kind="float64", nullable=True),
)
GOLDEN = Golden(
    columns=("carrier", "dep_delay"),
    rows=(("UA", 4.0), ("B6", None), ("UA", -3.0)),
    predictions=(8.0, 0.0, -6.0),
    tolerance=0.01,
)
ARTEFACT = Artefact(
    form="onnx",
    model=b"",
    signature=Signature(
        model="flights",
        features=FEATURES,
        target="arr_delay",
        unit="minutes",
        answers=Answers(mean=0, deviation=1, low=-180, high=1500),
        libraries={},
    ),
    golden=GOLDEN,
    sha256="0" * 64,
)
Server = Callable[[Question], Reply]


def right(question: Question) -> Reply:
    """A model that answers twice the delay, 0 where there is none, and refuses what is none of its rows."""
    try:
        values = [2 * float(row["dep_delay"] or 0) for row in rows(question)]
    except (ValueError, KeyError):
        return Reply(400, b'{"error": {}}')
    if question.content_type == JSON:
        return Reply(200, json.dumps({"predictions": values}).encode())
    if question.content_type == JSON_LINES:
        return Reply(200, "\n".join(json.dumps({"prediction": value}) for value in values).encode())
    return Reply(200, "\n".join(map(str, values)).encode())


def rows(question: Question) -> list[dict[str, str]]:
    text = question.body.decode()
    if question.content_type == JSON:
        body = json.loads(text)
        found = body.get("instances") or [dict(zip(body["columns"], row, strict=True)) for row in body["rows"]]
    elif question.content_type == JSON_LINES:
        found = [json.loads(line) for line in text.splitlines()]
    else:
        found = list(csv.DictReader(io.StringIO(text)))
    if any(set(row) != {"carrier", "dep_delay"} for row in found):
        raise KeyError("columns")
    return found


def failed(server: Server) -> set[str]:
    checks = [judge(question, server(question), GOLDEN.tolerance) for question in questions(ARTEFACT)]
    assert all(check.sentence for check in checks)
    return {check.name for check in checks if not check.passed}


def test_a_server_that_does_it_right_passes() -> None:
    assert failed(right) == set()
    assert questions(ARTEFACT)[0].name == "golden-rows"


def test_each_fault_is_named() -> None:
    every = {question.name for question in questions(ARTEFACT)}
    answered = every - {"missing-column", "text-for-number", "empty-body"}
    assert failed(lambda _: Reply(500, b"")) == every
    assert failed(lambda question: Reply(200, right(question).body)) == every - answered, "it refuses nothing"
    assert failed(lambda question: right(question) if question.rows else Reply(500, b"")) == every - answered
    assert failed(lambda question: right(question) if question.name != "csv" else Reply(415, b"")) == {"csv"}
    assert failed(lambda _: Reply(400, b"")) == answered


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"predictions": [1, 2, NaN]}', b'{"predictions": [8, 0]}', b"[8, 0, -6]"]
)
def test_answers_that_are_none_fail(body: bytes) -> None:
    golden = questions(ARTEFACT)[0]
    check = judge(golden, Reply(200, body), GOLDEN.tolerance)
    assert check.passed is False
    assert "not 3 numbers" in check.sentence


def test_other_answers_than_the_artefacts_fail() -> None:
    golden = questions(ARTEFACT)[0]
    check = judge(golden, Reply(200, b'{"predictions": [8, 0, -6.5]}'), GOLDEN.tolerance)
    assert (check.passed, check.numbers["largest_difference"]) == (False, 0.5)
    assert judge(golden, Reply(200, b'{"predictions": [8, 0, -6.005]}'), GOLDEN.tolerance).passed
