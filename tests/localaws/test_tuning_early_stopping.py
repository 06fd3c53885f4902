"""The rule that stops a training job early, by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.services.tuning.early_stopping import LEAST_RIVALS, hopeless

losses = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8)
RIVALS = [[5.0, 3.0, 1.0], [6.0, 4.0, 2.0], [7.0, 5.0, 3.0]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([9.0, 8.0, 7.0], True),
        ([9.0, 8.0], True),
        ([9.0], False),
        ([9.0, 2.0], False),
        ([9.0, 8.0, 7.0, 6.0], False),
        ([], False),
    ],
    ids=["worse", "worse at two", "too early", "one good value", "nobody came so far", "silent"],
)
def test_a_loss_above_the_median_of_the_averages_is_hopeless(values: list[float], expected: bool) -> None:
    assert hopeless(values, RIVALS, maximize=False) is expected


def test_a_few_rivals_condemn_nobody() -> None:
    assert not hopeless([9.0, 8.0], RIVALS[: LEAST_RIVALS - 1], maximize=False)


@given(values=losses, rivals=st.lists(losses, max_size=6))
def test_more_is_better_is_the_mirror_of_less_is_better(values: list[float], rivals: list[list[float]]) -> None:
    mirrored = hopeless([-value for value in values], [[-value for value in rival] for rival in rivals], maximize=True)
    assert mirrored == hopeless(values, rivals, maximize=False)


@given(values=losses, copies=st.integers(LEAST_RIVALS, 6))
def test_who_does_as_well_as_all_others_goes_on(values: list[float], copies: int) -> None:
    falling = sorted(values, reverse=True)
    assert not hopeless(falling, [falling] * copies, maximize=False)
