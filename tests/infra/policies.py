"""IAM's way of deciding, for what our policies use; an operator that is not here is an error and not a guess.

The embedded AWS answers SimulatePrincipalPolicy, and knows neither a request's context nor boundaries there. So this
decides, and where neither plays a part the two must agree: `test_people.py`.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

type Document = Mapping[str, Any]
type Decision = Literal["allowed", "explicitDeny", "implicitDeny"]
type Values = str | Sequence[str]


@dataclass(frozen=True)
class Request:
    """What somebody asks for."""

    action: str
    resource: str
    context: Mapping[str, Values] = field(default_factory=dict)


def decide(request: Request, policies: Iterable[Document], boundaries: Iterable[Document] = ()) -> Decision:
    """What IAM answers.

    Args:
        request: What is asked for.
        policies: Attached to the principal.
        boundaries: Each of them must allow it too.
    """
    layers = [list(policies), *([document] for document in boundaries)]
    effects = [{s["Effect"] for document in layer for s in _matching(document, request)} for layer in layers]
    if any("Deny" in found for found in effects):
        return "explicitDeny"
    return "allowed" if all("Allow" in found for found in effects) else "implicitDeny"


def _matching(document: Document, request: Request) -> list[Mapping[str, Any]]:
    statements = document["Statement"]
    found = [statements] if isinstance(statements, Mapping) else statements
    return [statement for statement in found if _applies(statement, request)]


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    return (
        _covers(statement, "Action", lambda pattern: _like(request.action.lower(), pattern.lower()))
        and _covers(statement, "Resource", lambda pattern: _like_with_variables(request, request.resource, pattern))
        and all(
            _holds(operator, key, _texts(wanted), request)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _covers(statement: Mapping[str, Any], element: str, matches: Callable[[str], bool]) -> bool:
    if element in statement:
        return any(map(matches, _texts(statement[element])))
    if f"Not{element}" in statement:
        return not any(map(matches, _texts(statement[f"Not{element}"])))
    return element == "Resource"  # a trust policy has none


def _holds(operator: str, key: str, wanted: list[str], request: Request) -> bool:
    context = {name.lower(): value for name, value in request.context.items()}
    given = context.get(key.lower())
    if operator == "Null":
        return (given is None) == (wanted == ["true"])
    name, if_exists = operator.removesuffix("IfExists"), operator.endswith("IfExists")
    compare = _OPERATORS[name]
    negated = "Not" in name
    if given is None:
        return if_exists or negated
    (value,) = _texts(given)  # none of our keys has several
    resolved = [text for text in (_resolved(request, pattern) for pattern in wanted) if text is not None]
    return any(compare(value, pattern) for pattern in resolved) != negated


def _like(value: str, pattern: str) -> bool:
    return _compiled(pattern).fullmatch(value) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(mark, re.escape(mark)) for mark in pattern), re.DOTALL)


def _like_with_variables(request: Request, value: str, pattern: str) -> bool:
    resolved = _resolved(request, pattern)
    return resolved is not None and _like(value, resolved)


def _resolved(request: Request, pattern: str) -> str | None:
    """A text with its policy variables filled in; None where one is not in the context, which then matches nothing."""
    context = {name.lower(): value for name, value in request.context.items()}
    missing = False

    def fill(found: re.Match[str]) -> str:
        nonlocal missing
        value = context.get(found[1].lower())
        missing = missing or not isinstance(value, str)
        return str(value)

    filled = re.sub(r"\$\{([^}]+)\}", fill, pattern)
    return None if missing else filled


def _equal(value: str, wanted: str) -> bool:
    return value == wanted


def _same(value: str, wanted: str) -> bool:
    return value.lower() == wanted.lower()


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "ArnEquals": _like,  # the two do the same, says IAM's reference
    "ArnLike": _like,
    "ArnNotEquals": _like,
    "Bool": _same,
    "StringEquals": _equal,
    "StringLike": _like,
    "StringNotEquals": _equal,
    "StringNotLike": _like,
}


def _texts(value: Any) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list | tuple) else [str(value)]
