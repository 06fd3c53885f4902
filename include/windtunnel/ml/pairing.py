"""The answers of a champion and its shadow to the same requests, paired."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

MOMENT = "captured_at"

PAIRS = pa.schema(
    [
        ("request", pa.int64()),
        ("key", pa.string()),
        (MOMENT, pa.timestamp("us")),
        ("champion", pa.float64()),
        ("shadow", pa.float64()),
    ]
)
"""One line per row that both answered; `key` is null where the client gave the row none."""

SAME_SECONDS = 60
"""A request without an InferenceId is known by its body; answers to equal bodies further apart are to two requests."""


class Pairs(NamedTuple):
    """The requests that both variants answered, and those that could not be paired."""

    rows: pa.Table
    "As `PAIRS`, in the order of the champion's answers."
    requests: int
    champion_only: int
    "Requests between the first pair and the last that only the champion answered, or whose copy was not captured."
    shadow_only: int
    unnamed: int
    "Of `requests`: those paired by body and time, for want of an InferenceId."


def pair(champion: pa.Table, shadow: pa.Table) -> Pairs:
    """Pair the two variants' answers to the same request.

    The same request has the same InferenceId and asks the same; without an InferenceId it asks the same within
    `SAME_SECONDS`. Equal requests are paired in order of time. What the champion answered before the first request that
    is paired, or after the last, was not mirrored and is not counted.

    Args:
        champion: Columns `inference_id`, `question`, `captured_at`, `keys`, `answers`, one line per request.
        shadow: The same of the shadow.
    """
    asked, copies = champion.sort_by(MOMENT), shadow.sort_by(MOMENT)
    said, repeated = (table["answers"].to_pylist() for table in (asked, copies))
    found = [(left, right) for left, right in _matches(asked, copies) if len(said[left]) == len(repeated[right])]
    keys, moments, names = (asked[name].to_pylist() for name in ("keys", MOMENT, "inference_id"))
    lines = [
        (left, keys[left][row] if keys[left] else None, moments[left], said[left][row], repeated[right][row])
        for left, right in found
        for row in range(len(said[left]))
    ]
    columns = list(zip(*lines, strict=True)) or [()] * len(PAIRS)
    return Pairs(
        rows=pa.table(columns, schema=PAIRS),
        requests=len(found),
        champion_only=_between(_moments(asked), [left for left, _ in found]),
        shadow_only=len(copies) - len(found),
        unnamed=sum(names[left] is None for left, _ in found),
    )


def _between(moments: npt.NDArray[np.datetime64], paired: list[int]) -> int:
    """How many requests between the first that is paired and the last are not."""
    if not paired:
        return 0
    inside = (moments >= moments[paired].min()) & (moments <= moments[paired].max())
    return int(inside.sum()) - len(paired)


def _matches(asked: pa.Table, copies: pa.Table) -> Iterator[tuple[int, int]]:
    """Places of the two answers to each request, in tables sorted by time."""
    waiting: defaultdict[tuple[str | None, str], list[int]] = defaultdict(list)
    for place, request in enumerate(_identities(copies)):
        waiting[request].append(place)
    times = _moments(asked), _moments(copies)
    apart = np.timedelta64(SAME_SECONDS, "s")
    nexts: defaultdict[tuple[str | None, str], int] = defaultdict(int)
    for left, request in enumerate(_identities(asked)):
        places, named = waiting[request], request[0] is not None
        while (at := nexts[request]) < len(places):
            late = times[1][places[at]] - times[0][left]
            if named or abs(late) <= apart:
                yield left, places[at]
            elif late > apart:
                break  # the copy of a later request
            nexts[request] += 1
            if named or late >= -apart:
                break


def _identities(requests: pa.Table) -> Iterator[tuple[str | None, str]]:
    return zip(requests["inference_id"].to_pylist(), requests["question"].to_pylist(), strict=True)


def _moments(requests: pa.Table) -> npt.NDArray[np.datetime64]:
    moments: npt.NDArray[np.datetime64] = requests[MOMENT].to_numpy()
    return moments
