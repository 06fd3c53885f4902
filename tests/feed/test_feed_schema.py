"""The schema that the pages check with is the one of the contracts, and refuses what they do not allow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from local import feed_schema

GOOD: dict[str, Any] = {
    "version": "V1.1.0",
    "asked_at": "2013-05-01T10:00:00Z",
    "event_at": "2013-05-01T06:02:00",
    "answer": -0.4,
    "label": None,
}


def test_the_committed_schema_is_that_of_the_contracts(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    assert feed_schema.main(check=True) == 0
    monkeypatch.setattr(feed_schema, "schema", lambda: "{}\n")
    assert feed_schema.main(check=True) == 1
    assert "Run `make docs`" in capsys.readouterr().err


def validator(kind: str) -> Draft202012Validator:
    schema = json.loads(feed_schema.SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]})


def test_a_prediction_passes() -> None:
    validator("FeedPrediction").validate(GOOD)


@pytest.mark.parametrize(
    "changed",
    [{"answer": "-0.4"}, {"version": None}, {"more": 1}, {"asked_at": None}],
    ids=["text for a number", "no version", "a name of nobody's", "no time"],
)
def test_what_the_contract_does_not_allow_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validator("FeedPrediction").validate({**GOOD, **changed})


@pytest.mark.parametrize("name", sorted(GOOD))
def test_nothing_may_be_left_out(name: str) -> None:
    with pytest.raises(ValidationError, match=f"'{name}' is a required property"):
        validator("FeedPrediction").validate({key: value for key, value in GOOD.items() if key != name})
