"""What a served version is asked before it may stand near live traffic, and what is right to answer.

Questions and answers are made from the artefact's golden rows: real rows with the predictions the model gave when it
was made. How they travel is not decided here.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from windtunnel.core.contracts import Check
from windtunnel.core.errors import quoted
from windtunnel.ml.artefact import Artefact, Golden

JSON, JSON_LINES, CSV = "application/json", "application/jsonlines", "text/csv; header=present"

FEW = 5
"""Rows of a question about form; the golden rows are asked all at once."""

UNSEEN = "never seen in training"


class Question(NamedTuple):
    """A request, and what is right to answer."""

    name: str
    about: str
    content_type: str
    body: bytes
    rows: int
    "Answers expected; 0: it must be refused."
    expected: tuple[float, ...] | None = None
    "The answers themselves, where they are known."


class Reply(NamedTuple):
    """What came back."""

    status: int
    body: bytes


def questions(artefact: Artefact) -> list[Question]:
    """Everything a version is asked, the golden rows first."""
    return [*_right(artefact), *_wrong(artefact)]


def judge(question: Question, reply: Reply, tolerance: float) -> Check:
    """Whether a reply is right.

    Args:
        question: What was asked.
        reply: What came back.
        tolerance: Largest difference between two answers that counts as equal.
    """
    name = question.name
    numbers: dict[str, float | int | str | None] = {"status": reply.status, "rows": question.rows}
    if not question.rows:
        refused = 400 <= reply.status < 500
        said = f"{question.about} is {'refused' if refused else 'not refused'} with {reply.status}"
        return Check(name=name, passed=refused, sentence=f"{said}; 4xx is right.", numbers=numbers)
    answers = read(question.content_type, reply)
    if answers is None or len(answers) != question.rows:
        got = f"status {reply.status}" if answers is None else f"{len(answers)} answers"
        sentence = f"{question.about} got {got}, not {question.rows} numbers: {_shown(reply.body)}"
        return Check(name=name, passed=False, sentence=sentence, numbers=numbers)
    if question.expected is None:
        sentence = f"{question.about}: {question.rows} rows got a number each."
        return Check(name=name, passed=True, sentence=sentence, numbers=numbers)
    largest = difference(answers, question.expected)
    sentence = f"{question.about}: answers at most {largest:.3g} from the artefact's own"
    numbers |= {"largest_difference": largest, "tolerance": tolerance}
    if largest <= tolerance:
        return Check(name=name, passed=True, sentence=f"{sentence}.", numbers=numbers)
    wrong = f"{sentence}; allowed is {tolerance:g}."
    return Check(name=name, passed=False, sentence=wrong, numbers=numbers)


def read(content_type: str, reply: Reply) -> list[float] | None:
    """The answers of a reply in the form of its question; None where it holds none, or one that is no finite number."""
    if not 200 <= reply.status < 300:
        return None
    try:
        text = reply.body.decode()
        if content_type == JSON:
            found = [float(value) for value in json.loads(text)["predictions"]]
        elif content_type == JSON_LINES:
            found = [float(json.loads(line)["prediction"]) for line in text.splitlines()]
        else:
            found = [float(line) for line in text.splitlines()]
    except (ValueError, LookupError, TypeError):
        return None
    return found if all(map(math.isfinite, found)) else None


def difference(answers: list[float], expected: tuple[float, ...]) -> float:
    """Largest difference between two lists of answers of one length."""
    return float(np.abs(np.subtract(answers, expected)).max(initial=0.0))


def _right(artefact: Artefact) -> Iterator[Question]:
    golden, names = artefact.golden, artefact.golden.columns
    rows, said = _rows(golden)[:FEW], golden.predictions[:FEW]
    everything = json.dumps(golden.request()).encode()
    count = len(golden.predictions)
    yield Question("golden-rows", f"{count} golden rows", JSON, everything, count, golden.predictions)
    yield Question("json", "JSON", JSON, _objects(rows), len(rows), said)
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    yield Question("json-lines", "JSON lines", JSON_LINES, lines, len(rows), said)
    yield Question("csv", "CSV with a header", CSV, _csv(rows, names), len(rows), said)
    turned = names[::-1]
    yield Question("order-of-columns", "CSV with its columns turned round", CSV, _csv(rows, turned), len(rows), said)
    yield Question("one-row", "One row", JSON, _objects(rows[:1]), 1, said[:1])
    texts = [feature.name for feature in artefact.signature.features if feature.kind == "string"]
    if texts:
        unseen = [{**row, **dict.fromkeys(texts, UNSEEN)} for row in rows]
        yield Question("unknown-category", f"An unknown value of {quoted(texts)}", JSON, _objects(unseen), len(rows))


def _wrong(artefact: Artefact) -> Iterator[Question]:
    (row, *_), (first, *_) = _rows(artefact.golden), artefact.golden.columns
    lacking = {name: value for name, value in row.items() if name != first}
    yield Question("missing-column", f"A row without `{first}`", JSON, _objects([lacking]), 0)
    for feature in artefact.signature.features:
        if feature.kind != "string":
            wrong = {**row, feature.name: "far"}
            yield Question("text-for-number", f"A text as `{feature.name}`", JSON, _objects([wrong]), 0)
            break
    yield Question("empty-body", "An empty body", JSON, b"", 0)


def _rows(golden: Golden) -> list[dict[str, Any]]:
    return [dict(zip(golden.columns, row, strict=True)) for row in golden.rows]


def _objects(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps({"instances": rows}).encode()


def _csv(rows: list[dict[str, Any]], names: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows(["" if row[name] is None else row[name] for name in names] for row in rows)
    return text.getvalue().encode()


def _shown(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace")
