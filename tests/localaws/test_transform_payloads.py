"""Objects cut into requests: nothing lost, nothing added, no request above its bound."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.services.transform.payloads import MEBIBYTE, RecordTooLong, assembled, payloads

texts = st.lists(st.sampled_from([b"1,2", b"", b"long" * 9, b"\r"]), max_size=12).map(b"\n".join)
PIECES = st.integers(1, 7)


def cut(text: bytes, length: int) -> list[bytes]:
    return [text[start : start + length] for start in range(0, len(text), length)]


@given(text=texts, piece=PIECES, split=st.sampled_from(["None", "Line"]), most=st.sampled_from([0, 1]))
def test_the_requests_together_are_the_object(text: bytes, piece: int, split: str, most: int) -> None:
    for strategy in ("MultiRecord", "SingleRecord"):
        assert b"".join(payloads(cut(text, piece), split=split, strategy=strategy, most_mb=most)) == text


@given(text=texts, piece=PIECES)
def test_a_single_record_is_one_line(text: bytes, piece: int) -> None:
    bodies = list(payloads(cut(text, piece), split="Line", strategy="SingleRecord", most_mb=6))
    assert bodies == re.findall(rb"[^\n]*\n|[^\n]+", text)


@given(lengths=st.lists(st.integers(1, MEBIBYTE), max_size=9))
def test_no_request_is_above_its_bound_and_none_could_hold_one_more(lengths: list[int]) -> None:
    text = b"".join(b"x" * (length - 1) + b"\n" for length in lengths)
    bodies = list(payloads([text], split="Line", strategy="MultiRecord", most_mb=1))
    assert all(len(body) <= MEBIBYTE for body in bodies)
    firsts = [len(body.split(b"\n", 1)[0]) + 1 for body in bodies[1:]]
    assert all(len(body) + first > MEBIBYTE for body, first in zip(bodies, firsts, strict=False))


@pytest.mark.parametrize("split", ["None", "Line"])
def test_a_record_above_the_bound_is_named(split: str) -> None:
    with pytest.raises(RecordTooLong, match="1048577 bytes"):
        list(payloads([b"x" * (MEBIBYTE + 1)], split=split, strategy="MultiRecord", most_mb=1))


def test_an_empty_object_makes_no_request() -> None:
    assert list(payloads([], split="None", strategy="MultiRecord", most_mb=6)) == []


@pytest.mark.parametrize(
    ("answer", "with_line"), [(b"1", b"1\n"), (b"1\n", b"1\n"), (b"1\n2\n\n", b"1\n2\n"), (b"", b"\n")]
)
def test_an_answer_ends_in_one_line_feed_when_asked(answer: bytes, with_line: bytes) -> None:
    assert assembled(answer, "Line") == with_line
    assert assembled(answer, "None") == answer
