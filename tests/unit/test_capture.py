"""Capture files as SageMaker writes them -> rows."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from localaws.services.runtime.capture import Exchange, Settings, record
from windtunnel.aws.capture import REQUESTS, parse, parse_requests, schema
from windtunnel.core.catalog import model_spec

SPEC = model_spec("flights")
ROW = SPEC.example
KEY = "2013-05-01-EWR-UA1545"
SOURCE = "2026/11/20/09/59-58-123-file.jsonl"


def line(
    asked: str,
    answered: str,
    *,
    inference_id: str | None = KEY,
    asked_as: str = "application/json",
    answered_as: str = "application/json",
    encoding: str = "JSON",
    at: str = "2026-11-20T10:00:00Z",
) -> bytes:
    """One request as AWS writes it."""
    event = {"eventId": "e", "inferenceTime": at} | ({"inferenceId": inference_id} if inference_id else {})
    return json.dumps(
        {
            "captureData": {
                "endpointInput": {
                    "observedContentType": asked_as,
                    "mode": "INPUT",
                    "data": asked,
                    "encoding": encoding,
                },
                "endpointOutput": {
                    "observedContentType": answered_as,
                    "mode": "OUTPUT",
                    "data": answered,
                    "encoding": "JSON",
                },
            },
            "eventMetadata": event,
            "eventVersion": "0",
        }
    ).encode()


def read(*lines: bytes) -> pa.Table:
    found = parse(lines, SPEC, source=SOURCE)
    assert found.schema == schema(SPEC)
    return found


def unreadable(found: pa.Table) -> int:
    return len(found) - int(found["fault"].null_count)


def unnamed(found: pa.Table) -> int:
    return int(found.filter(pc.is_null(found["fault"]))["flight_id"].null_count)


def instances(*rows: dict[str, Any]) -> str:
    return json.dumps({"instances": rows})


def cells(row: dict[str, Any]) -> str:
    return ",".join(str(row[name]) for name in SPEC.features)


ONE_ANSWER = json.dumps({"predictions": [7.5]})
FORMS = {
    "instances": {"asked": instances(ROW)},
    "columns and rows": {"asked": json.dumps({"columns": list(ROW), "rows": [list(ROW.values())]})},
    "JSON lines": {"asked": json.dumps(ROW) + "\n", "asked_as": "application/jsonlines"},
    "instances as lists": {"asked": json.dumps({"instances": [[ROW[name] for name in SPEC.features]]})},
    "JSON lines as lists": {
        "asked": json.dumps([ROW[name] for name in SPEC.features]),
        "asked_as": "application/jsonlines",
    },
    "CSV with a byte-order mark": {
        "asked": "\ufeff" + ",".join(SPEC.features) + f"\n{cells(ROW)}",
        "asked_as": "text/csv; header=present",
    },
    "CSV": {"asked": cells(ROW) + "\n", "asked_as": "text/csv"},
    "CSV with header": {
        "asked": f"{','.join(SPEC.features)}\r\n{cells(ROW)}\r\n",
        "asked_as": "text/csv; charset=utf-8; header=present",
    },
    "base64": {"asked": base64.b64encode(instances(ROW).encode()).decode(), "encoding": "BASE64"},
    "CSV answer": {"asked": instances(ROW), "answered": "7.5\n", "answered_as": "text/csv; charset=utf-8"},
    "JSON lines answer": {"asked": instances(ROW), "answered": "7.5\n", "answered_as": "application/jsonlines"},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_gives_the_same_row(form: dict[str, str]) -> None:
    found = read(line(**{"answered": ONE_ANSWER, **form}))
    assert (unnamed(found), unreadable(found)) == (0, 0)
    (row,) = found.to_pylist()
    assert {name: row[name] for name in ROW} == ROW
    assert (row["flight_id"], row["prediction"]) == (KEY, 7.5)
    assert row["captured_at"].isoformat() == "2026-11-20T10:00:00"
    assert (row["event_id"], row["source"], row["fault"]) == ("e", SOURCE, None)


@pytest.mark.parametrize("asked_as", ["application/json", "application/jsonlines", "text/csv"])
@pytest.mark.parametrize("answered_as", ["application/json", "application/jsonlines", "text/csv; charset=utf-8"])
def test_what_the_embedded_aws_writes_of_our_server_is_read(asked_as: str, answered_as: str) -> None:
    asked = {
        "application/json": json.dumps({"instances": [ROW, ROW]}),
        "application/jsonlines": f"{json.dumps(ROW)}\n{json.dumps(ROW)}\n",
        "text/csv": f"{cells(ROW)}\n{cells(ROW)}\n",
    }
    answered = {
        "application/json": b'{"predictions":[7.5,-3.25]}',
        "application/jsonlines": b'{"prediction":7.5}\n{"prediction":-3.25}\n',
        "text/csv; charset=utf-8": b"7.5\n-3.25\n",
    }
    exchange = Exchange(
        at=datetime(2026, 11, 20, 10, tzinfo=UTC),
        request=asked[asked_as].encode(),
        request_type=asked_as,
        answer=answered[answered_as],
        answer_type=answered_as,
        inference_id="first,second",
    )
    types = frozenset({("application/json", "JSON"), ("text/csv", "CSV")})
    settings = Settings("b", "p", 100, frozenset({"endpointInput", "endpointOutput"}), types)
    rows = read(record(settings, exchange).encode()).to_pylist()
    assert [(row["flight_id"], row["carrier"], row["prediction"]) for row in rows] == [
        ("first", "UA", 7.5),
        ("second", "UA", -3.25),
    ]


def test_a_list_of_ids_names_the_rows_of_one_request() -> None:
    found = read(line(instances(ROW, {**ROW, "carrier": "AA"}), '{"predictions": [1, 2]}', inference_id="a,b"))
    assert [(row["flight_id"], row["carrier"], row["prediction"]) for row in found.to_pylist()] == [
        ("a", "UA", 1.0),
        ("b", "AA", 2.0),
    ]


def test_a_single_row_may_have_a_comma_in_its_id() -> None:
    assert read(line(instances(ROW), ONE_ANSWER, inference_id="a,b"))["flight_id"].to_pylist() == ["a,b"]


@pytest.mark.parametrize("name", [None, "one", "a,b,c", "a,"], ids=repr)
def test_rows_without_a_name_of_their_own_are_counted(name: str | None) -> None:
    found = read(line(instances(ROW, ROW), '{"predictions": [1, 2]}', inference_id=name))
    assert (len(found), unnamed(found), unreadable(found)) == (2, 2, 0)
    assert found["prediction"].to_pylist() == [1.0, 2.0]


def test_an_answer_that_is_no_finite_number_is_a_row_and_cannot_be_paired() -> None:
    spoilt = line(instances(ROW, ROW), '{"predictions": [NaN, -Infinity]}', inference_id="a,b")
    found = read(spoilt)
    assert found["flight_id"].to_pylist() == ["a", "b"]
    assert np.isnan(found["prediction"][0].as_py())
    assert found["prediction"][1].as_py() == -np.inf
    assert unreadable(found) == 0
    paired = parse_requests([spoilt, line(instances(ROW), ONE_ANSWER)], SPEC, source=SOURCE)
    assert (len(paired.requests), paired.unreadable) == (1, 1)


UNREADABLE = {
    "no JSON": b"{",
    "no UTF-8": b'{"captureData": "\xff"}',
    "another shape": b'{"captureData": {}}',
    "not an object": b"[1]",
    "more answers than rows": line(instances(ROW), '{"predictions": [1, 2]}'),
    "answer is a word": line(instances(ROW), '{"predictions": ["late"]}'),
    "a word for a number": line(instances({**ROW, "distance": "far"}), ONE_ANSWER),
    "a fraction for a whole number": line(instances({**ROW, "distance": 1.5}), ONE_ANSWER),
    "a number beyond 64 bits": line(instances({**ROW, "distance": 2**63}), ONE_ANSWER),
    "rows are numbers": line('{"instances": [1]}', ONE_ANSWER),
    "too few cells": line("1,2", ONE_ANSWER, asked_as="text/csv"),
    "empty CSV": line("", ONE_ANSWER, asked_as="text/csv"),
    "an unknown content type": line(instances(ROW), ONE_ANSWER, asked_as="image/png"),
    "half a character as a key": line(instances(ROW), ONE_ANSWER, inference_id="\ud800"),
    "half a character as a value": line(instances({**ROW, "carrier": "\udfff"}), ONE_ANSWER),
    "no time": line(instances(ROW), ONE_ANSWER, at="yesterday"),
}


@pytest.mark.parametrize("bad", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_request_is_counted_and_loses_no_other(bad: bytes) -> None:
    found = read(bad, line(instances(ROW), ONE_ANSWER), b"")
    assert found["flight_id"].to_pylist() == [None, KEY]
    assert (unreadable(found), unnamed(found)) == (1, 0)
    broken = found.to_pylist()[0]
    assert broken["fault"].startswith("line 1, ")
    assert (broken["prediction"], broken["distance"], broken["source"]) == (None, None, SOURCE)


def test_an_unreadable_request_stands_where_it_says_or_in_the_hour_of_its_file() -> None:
    found = read(line("", ONE_ANSWER, at="2026-11-20T10:30:00Z"), line("", ONE_ANSWER, at="soon"), b"{").to_pylist()
    assert [row["captured_at"].isoformat() for row in found] == [
        "2026-11-20T10:30:00",
        "2026-11-20T09:00:00",
        "2026-11-20T09:00:00",
    ]
    assert [row["event_id"] for row in found] == ["e", "e", None]


@pytest.mark.parametrize("name", [7, ["a"], {"a": 1}], ids=repr)
def test_a_name_that_is_no_text_is_a_fault(name: object) -> None:
    said = json.loads(line(instances(ROW), ONE_ANSWER))
    said["eventMetadata"] |= {"inferenceId": name, "eventId": name}
    found = read(json.dumps(said).encode())
    assert (found["flight_id"].to_pylist(), found["event_id"].to_pylist(), unreadable(found)) == ([None], [None], 1)


def test_one_line_of_the_log_tells_of_a_file(caplog: pytest.LogCaptureFixture) -> None:
    read(*[b"{"] * 500)
    (said,) = caplog.records
    assert f"500 unreadable captures in {SOURCE}; the first: line 1, JSONDecodeError" in said.getMessage()


def test_missing_values_stay_missing() -> None:
    (row,) = read(line(instances({**ROW, "dep_delay": None, "carrier": ""}), ONE_ANSWER)).to_pylist()
    assert (row["dep_delay"], row["carrier"]) == (None, None)


def test_times_of_other_zones_become_utc() -> None:
    (row,) = read(line(instances(ROW), ONE_ANSWER, at="2026-11-20T23:30:00-05:00")).to_pylist()
    assert row["captured_at"].isoformat() == "2026-11-21T04:30:00"


def test_a_request_is_kept_whole_with_its_name_its_question_and_its_answers() -> None:
    one = line(instances(ROW), '{"predictions": [12.5]}')
    two = line(instances(ROW, ROW), '{"predictions": [1, 2]}', inference_id="a,b", at="2026-11-20T11:30:00Z")
    unnamed = line(instances(ROW), '{"predictions": [12.5]}', inference_id=None)
    broken = line(instances(ROW), '{"predictions": [null]}')
    found = parse_requests([one, two, unnamed, broken, b""], SPEC, source="test.jsonl")
    assert found.unreadable == 1
    assert found.requests.schema == REQUESTS
    first, second, third = found.requests.to_pylist()
    assert (first["inference_id"], first["keys"], first["answers"]) == (KEY, [KEY], [12.5])
    assert (second["inference_id"], second["keys"], second["answers"]) == ("a,b", ["a", "b"], [1.0, 2.0])
    assert second["captured_at"].isoformat() == "2026-11-20T11:30:00"
    assert (third["inference_id"], third["keys"]) == (None, [])
    assert third["question"] == first["question"] != second["question"]


def test_the_same_text_in_another_form_is_another_question() -> None:
    encoded = base64.b64encode(instances(ROW).encode()).decode()
    lines = [line(instances(ROW), '{"predictions": [1]}'), line(encoded, '{"predictions": [1]}', encoding="BASE64")]
    same = parse_requests(lines, SPEC, source="test.jsonl").requests["question"].to_pylist()
    assert same[0] == same[1], "how AWS writes it down is no part of the question"
