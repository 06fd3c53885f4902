from __future__ import annotations

import inspect

import pytest

from windtunnel.core import errors


def _errors() -> dict[str, type[Exception]]:
    return {
        name: found
        for name, found in vars(errors).items()
        if inspect.isclass(found) and issubclass(found, errors.WindtunnelError) and not name.startswith("_")
    }


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    assert [name for name in _errors() if name not in errors.__doc__] == []


def test_every_error_says_whether_a_retry_can_help() -> None:
    leaves = _errors().keys() - {"WindtunnelError", "Final", "Retryable"}
    neither = [name for name in leaves if not issubclass(_errors()[name], errors.Final | errors.Retryable)]
    assert neither == []
    assert len(leaves) >= 10


@pytest.mark.parametrize("kind", [errors.DataRejected, errors.ModelRejected, errors.ReleaseRefused])
def test_a_refusal_carries_the_address_of_its_evidence(kind: type[errors.DataRejected]) -> None:
    refusal = kind("No.", report="s3://bucket/report.html")
    assert refusal.report == "s3://bucket/report.html"
    assert str(refusal) == "No. Full report: s3://bucket/report.html"
    assert str(kind("No.")) == "No."


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "none"),
        (["b", "a"], "`a`, `b`"),
        ([f"{at:02d}" for at in range(12)], ", ".join(f"`{at:02d}`" for at in range(10)) + " and 2 more"),
    ],
    ids=["none", "sorted", "at most ten"],
)
def test_names_are_quoted(names: list[str], words: str) -> None:
    assert errors.quoted(names) == words
