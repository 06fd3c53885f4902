"""The deciding of `policies.py`, rule by rule of IAM's reference."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.policies import Decision, Request, decide

KEY = "arn:aws:s3:::lake/published/flights.parquet"


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]}


def _one(statement: dict[str, Any], action: str = "s3:GetObject", resource: str = KEY, **context: str) -> Decision:
    named = {name.replace("__", ":").replace("_", "-"): value for name, value in context.items()}
    return decide(Request(action, resource, named), [_document(statement)])


READ = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::lake/*"}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (READ, "allowed"),
        ({**READ, "Action": "S3:getobject"}, "allowed"),
        ({**READ, "Action": ["s3:PutObject", "s3:Get*"]}, "allowed"),
        ({**READ, "Action": "s3:Get?bject"}, "allowed"),
        ({**READ, "Action": "s3:Get"}, "implicitDeny"),
        ({**READ, "Resource": "arn:aws:s3:::LAKE/*"}, "implicitDeny"),
        ({**READ, "Resource": "arn:aws:s3:::lake"}, "implicitDeny"),
        ({"NotAction": "s3:PutObject", "Resource": "*"}, "allowed"),
        ({"NotAction": "s3:Get*", "Resource": "*"}, "implicitDeny"),
        ({"Action": "s3:*", "NotResource": "arn:aws:s3:::raw/*"}, "allowed"),
        ({"Action": "s3:*", "NotResource": ["arn:aws:s3:::raw/*", "arn:aws:s3:::lake/*"]}, "implicitDeny"),
        ({**READ, "Effect": "Deny"}, "explicitDeny"),
    ],
)
def test_action_and_resource(statement: dict[str, Any], expected: Decision) -> None:
    assert _one(statement) == expected


def test_nothing_is_allowed_by_itself() -> None:
    assert decide(Request("s3:GetObject", KEY), []) == "implicitDeny"


def test_a_refusal_wins_over_any_number_of_allowances() -> None:
    refusal = _document({"Effect": "Deny", "Action": "s3:*", "Resource": KEY})
    assert decide(Request("s3:GetObject", KEY), [_document(READ), refusal, _document(READ)]) == "explicitDeny"


def test_a_boundary_gives_nothing_and_takes_what_it_does_not_name() -> None:
    request, other = Request("s3:GetObject", KEY), _document({"Action": "sqs:*", "Resource": "*"})
    assert decide(request, [], [_document(READ)]) == "implicitDeny"
    assert decide(request, [_document(READ)], [_document(READ)]) == "allowed"
    assert decide(request, [_document(READ)], [other]) == "implicitDeny"
    assert decide(request, [_document(READ)], [_document({**READ, "Effect": "Deny"})]) == "explicitDeny"


@pytest.mark.parametrize(
    ("condition", "given", "expected"),
    [
        ({"StringEquals": {"aws:a": "x"}}, "x", "allowed"),
        ({"StringEquals": {"aws:a": "x"}}, "X", "implicitDeny"),
        ({"StringEquals": {"aws:a": ["x", "y"]}}, "y", "allowed"),
        ({"StringEquals": {"aws:a": "x*"}}, "xy", "implicitDeny"),
        ({"StringEquals": {"aws:a": "x"}}, None, "implicitDeny"),
        ({"StringEqualsIfExists": {"aws:a": "x"}}, None, "allowed"),
        ({"StringEqualsIfExists": {"aws:a": "x"}}, "y", "implicitDeny"),
        ({"StringNotEquals": {"aws:a": ["x", "y"]}}, "y", "implicitDeny"),
        ({"StringNotEquals": {"aws:a": "x"}}, None, "allowed"),
        ({"StringLike": {"AWS:A": "x*"}}, "xy", "allowed"),
        ({"StringNotLike": {"aws:a": "x*"}}, "xy", "implicitDeny"),
        ({"ArnLike": {"aws:a": "arn:aws:iam::*:role/x"}}, "arn:aws:iam::1:role/x", "allowed"),
        ({"ArnNotEquals": {"aws:a": "arn:aws:iam::*:role/x"}}, "arn:aws:iam::1:role/x", "implicitDeny"),
        ({"ArnNotEquals": {"aws:a": "arn:aws:iam::*:role/x"}}, "arn:aws:iam::1:role/y", "allowed"),
        ({"Bool": {"aws:a": "false"}}, "false", "allowed"),
        ({"Null": {"aws:a": "true"}}, None, "allowed"),
        ({"Null": {"aws:a": "true"}}, "x", "implicitDeny"),
        ({"Null": {"aws:a": "false"}}, "x", "allowed"),
        ({"StringEquals": {"aws:a": "x"}, "Null": {"aws:b": "false"}}, "x", "implicitDeny"),
    ],
)
def test_conditions(condition: dict[str, Any], given: str | None, expected: Decision) -> None:
    context = {} if given is None else {"aws__a": given}
    assert _one({**READ, "Condition": condition}, **context) == expected


def test_a_variable_is_filled_in_from_the_context_and_matches_nothing_without_it() -> None:
    own = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::lake/${aws:username}/*"}
    assert _one(own, resource="arn:aws:s3:::lake/sam/a", aws__username="sam") == "allowed"
    assert _one(own, resource="arn:aws:s3:::lake/eva/a", aws__username="sam") == "implicitDeny"
    assert _one(own, resource="arn:aws:s3:::lake/${aws:username}/a") == "implicitDeny"


def test_an_operator_that_is_not_known_is_no_guess() -> None:
    with pytest.raises(KeyError, match="NumericLessThan"):
        _one({**READ, "Condition": {"NumericLessThan": {"aws:a": "5"}}}, aws__a="4")
