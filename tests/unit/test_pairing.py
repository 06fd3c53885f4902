"""Answers of two variants to the same request find each other, and no others."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.aws.capture import REQUESTS
from windtunnel.ml.pairing import SAME_SECONDS, pair

BEGAN = datetime.fromisoformat("2026-11-20T10:00:00")


def request(at: float, answers: list[float], *, name: str | None = None, question: str = "q") -> dict[str, Any]:
    moment = BEGAN + timedelta(seconds=at)
    keys = (name or "").split(",") if name else []
    return {"inference_id": name, "question": question, "captured_at": moment, "keys": keys, "answers": answers}


def table(*requests: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(requests), REQUESTS)


def answers(found: Any) -> list[tuple[float, float]]:
    return list(zip(found.rows["champion"].to_pylist(), found.rows["shadow"].to_pylist(), strict=True))


def test_the_same_name_is_the_same_request_however_late_its_copy() -> None:
    champion = table(request(0, [1], name="a"), request(1, [2], name="b"))
    shadow = table(request(900, [20], name="b"), request(600, [10], name="a"))
    found = pair(champion, shadow)
    assert answers(found) == [(1, 10), (2, 20)]
    assert found.rows["key"].to_pylist() == ["a", "b"]
    assert (found.requests, found.champion_only, found.shadow_only, found.unnamed) == (2, 0, 0, 0)


def test_without_a_name_the_question_and_the_time_decide() -> None:
    champion = table(request(0, [1], question="x"), request(5, [2], question="y"), request(500, [3], question="x"))
    shadow = table(request(6, [20], question="y"), request(501, [30], question="x"))
    found = pair(champion, shadow)
    assert answers(found) == [(2, 20), (3, 30)], "the first x is too old to be the one of the copy"
    assert (found.unnamed, found.champion_only, found.shadow_only) == (2, 0, 0)
    assert found.rows["key"].to_pylist() == [None, None]


def test_the_same_name_over_another_question_is_another_request() -> None:
    found = pair(table(request(0, [1], name="a", question="x")), table(request(0, [2], name="a", question="y")))
    assert (found.requests, found.shadow_only) == (0, 1)


def test_what_was_asked_before_the_first_copy_and_after_the_last_is_not_missed() -> None:
    champion = table(*(request(at, [at], name=f"r{at}") for at in range(10)))
    shadow = table(*(request(at, [at], name=f"r{at}") for at in (3, 4, 6)))
    found = pair(champion, shadow)
    assert (found.requests, found.champion_only, found.shadow_only) == (3, 1, 0)


def test_every_row_of_a_request_is_compared_under_its_key() -> None:
    found = pair(table(request(0, [1, 2], name="a,b")), table(request(1, [10, 20], name="a,b")))
    assert list(zip(found.rows["key"].to_pylist(), answers(found), strict=True)) == [("a", (1, 10)), ("b", (2, 20))]
    assert found.requests == 1


def test_nothing_pairs_with_nothing() -> None:
    found = pair(table(request(0, [1], name="a")), table())
    assert (len(found.rows), *found[1:]) == (0, 0, 0, 0, 0)
    assert pair(table(), table(request(0, [1], name="a"))).shadow_only == 1


asked = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from([None, None, "a", "b", "c"]), st.sampled_from("xyz")), max_size=30
)


@settings(max_examples=300, deadline=None)
@given(champion=asked, shadow=asked, random=st.randoms(use_true_random=False))
def test_no_answer_is_paired_twice_or_with_another_question(champion: Any, shadow: Any, random: Any) -> None:
    left, right = (
        [request(at, [float(number)], name=name, question=question) for number, (at, name, question) in enumerate(made)]
        for made in (champion, shadow)
    )
    found = pair(table(*left), table(*right))
    pairs = answers(found)
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs) == found.requests
    for a, b in pairs:
        one, other = left[int(a)], right[int(b)]
        assert (one["inference_id"], one["question"]) == (other["inference_id"], other["question"])
        apart = abs((one["captured_at"] - other["captured_at"]).total_seconds())
        assert one["inference_id"] or apart <= SAME_SECONDS
    assert found.shadow_only == len(right) - len(pairs)
    assert 0 <= found.champion_only <= len(left) - len(pairs)

    random.shuffle(left)
    random.shuffle(right)
    assert pair(table(*left), table(*right)).requests == found.requests, "the order of the files does not matter"
    assert pair(table(*right), table(*left)).requests == found.requests, "nor whose side is which"


@settings(max_examples=100, deadline=None)
@given(made=asked, lag=st.integers(0, SAME_SECONDS))
def test_a_shadow_that_misses_nothing_is_paired_whole(made: Any, lag: int) -> None:
    requests = [request(at, [float(n)], name=name, question=q) for n, (at, name, q) in enumerate(made)]
    copies = [{**each, "captured_at": each["captured_at"] + timedelta(seconds=lag)} for each in requests]
    found = pair(table(*requests), table(*copies))
    assert (found.requests, found.champion_only, found.shadow_only) == (len(requests), 0, 0)


@pytest.mark.parametrize("missing", [0, 17, 999])
def test_a_thousand_requests_take_no_time(missing: int) -> None:
    requests = [request(at / 10, [float(at)], name=f"key-{at}") for at in range(1_000)]
    copies = [each for at, each in enumerate(requests) if at != missing]
    found = pair(table(*requests), table(*copies))
    assert found.requests == 999
    assert found.champion_only == (1 if 0 < missing < 999 else 0)
    assert np.array_equal(found.rows["champion"].to_numpy(), found.rows["shadow"].to_numpy())
