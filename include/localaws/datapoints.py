"""The state of an alarm from the points of its metric, as AWS documents it: periods, M of N, missing data.

The periods slide: the newest one ends now. CloudWatch looks further back than the periods that an alarm evaluates, so
that data that comes a little late is not missing; its guide shows a range of five points for three periods, and here it
is two more than the periods throughout.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Point = Mapping[str, Any]

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
FURTHER_BACK = 2
# Points come nearly in the order of their times; after so many old ones in a row no recent one is expected.
MOST_OLD = 1_000


def periods(points: Sequence[Point], now: float, seconds: int, count: int) -> list[list[Point]]:
    """The points of the last periods, newest period first.

    Args:
        points: Points with their `Timestamp` in seconds since 1970, the latest arrivals last.
        now: The end of the newest period.
        seconds: Length of a period.
        count: How many periods.
    """
    found: list[list[Point]] = [[] for _ in range(count)]
    old = 0
    for point in reversed(points):
        index = int((now - point["Timestamp"]) // seconds)
        if 0 <= index < count:
            found[index].append(point)
            old = 0
        else:
            old += 1
            if old == MOST_OLD:
                break
    return found


def verdict(breaches: Sequence[bool | None], evaluated: int, to_alarm: int, missing: str) -> State | None:
    """The state that the points of a range amount to.

    Args:
        breaches: For each period of the range, newest first, whether its point breaches; None where it is missing.
        evaluated: EvaluationPeriods, the N of M of N.
        to_alarm: DatapointsToAlarm, the M.
        missing: TreatMissingData.

    Returns:
        The new state, or None to keep the present one.
    """
    real = [breach for breach in breaches if breach is not None][:evaluated]
    lacking = evaluated - len(real)
    bad = sum(real)
    if bad >= to_alarm:
        return "ALARM"
    if not lacking or missing == "notBreaching":
        return "OK"
    if missing == "breaching":
        return "ALARM" if bad + lacking >= to_alarm else "OK"
    if not real:
        return None if missing == "ignore" else "INSUFFICIENT_DATA"
    if not all(real):
        return "OK"
    if missing == "ignore":
        return None
    return "ALARM" if _waited_for(breaches, to_alarm) else "OK"


def _waited_for(breaches: Sequence[bool | None], to_alarm: int) -> bool:
    """Whether the oldest breach is so old that as many points could have come as it takes to alarm."""
    oldest = max(index for index, breach in enumerate(breaches) if breach)
    return oldest + 1 >= to_alarm
