"""Our exact scores are Evidently's own, on the same rows."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from windtunnel.core.spec import Kind
from windtunnel.ml.drift import drift_score, drift_scores, jensen_shannon, share_scores, wasserstein

RANDOM = np.random.default_rng(7)


def column(values: object) -> pa.ChunkedArray:
    made = pa.array(values, from_pandas=True)
    return pa.chunked_array([made if made.type != pa.null() else made.cast(pa.string())])


def frames(reference_rows: int, current_rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Columns of every shape Evidently treats differently; the current side has moved."""

    def frame(rows: int, shift: float) -> pd.DataFrame:
        normal = RANDOM.normal(shift, 1, rows)
        return pd.DataFrame(
            {
                "normal": normal,
                "gaps": np.where(RANDOM.random(rows) < 0.2, np.nan, normal),
                "infinite": np.where(RANDOM.random(rows) < 0.01, np.inf, normal),
                "heavy_tail": RANDOM.standard_cauchy(rows) + shift,
                "constant": np.full(rows, 3.0),
                "whole": RANDOM.integers(0, 300 + int(100 * shift), rows),
                "five_values": RANDOM.integers(0, 4 + int(2 * shift), rows),
                "six_values": RANDOM.integers(0, 5, rows) + int(2 * shift),
                "tiny_spread": RANDOM.normal(shift * 1e-6, 1e-6, rows),
                "category": RANDOM.choice(list("abcdef")[int(4 * shift) :], rows),
            }
        )

    return frame(reference_rows, 0.0), frame(current_rows, 0.5)


@pytest.mark.parametrize("sizes", [(3000, 3000), (2003, 1300), (1500, 7)], ids=str)
def test_scores_equal_the_preset_to_five_decimals(sizes: tuple[int, int]) -> None:
    reference, current = frames(*sizes)
    numbers = [name for name in reference.columns if name != "category"]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=["category"])
    snapshot = Report([DataDriftPreset()]).run(
        Dataset.from_pandas(current, data_definition=definition),
        Dataset.from_pandas(reference, data_definition=definition),
    )
    theirs = {
        metric["config"]["column"]: (metric["config"]["method"], metric["value"])
        for metric in snapshot.dict()["metrics"]
        if "column" in metric["config"]
    }
    kinds: dict[str, Kind] = {**dict.fromkeys(numbers, "float64"), "category": "string"}
    ours = drift_scores(pa.Table.from_pandas(reference), pa.Table.from_pandas(current), kinds)
    assert set(ours) == set(theirs) == set(kinds)
    named = {"wasserstein": "Wasserstein distance (normed)", "jensenshannon": "Jensen-Shannon distance"}
    for name, (method, value) in theirs.items():
        assert named[ours[name].method] == method, name
        assert ours[name].score == pytest.approx(value, abs=1e-5), name


numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@given(first=numbers, second=numbers)
@settings(deadline=None)
def test_wasserstein_is_scipys(first: list[float], second: list[float]) -> None:
    ours = wasserstein(np.sort(first), np.sort(second))
    assert ours == pytest.approx(stats.wasserstein_distance(first, second), rel=1e-9, abs=1e-9)


counts = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=20).filter(
    lambda pairs: sum(a for a, _ in pairs) > 0 and sum(b for _, b in pairs) > 0
)


@given(pairs=counts)
@settings(deadline=None)
def test_jensen_shannon_is_scipys(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs).T
    theirs = distance.jensenshannon(first, second)
    # The root of a rounding error: scipy says NaN or 1e-8 where two distributions are the same.
    assert jensen_shannon(first, second) == pytest.approx(np.nan_to_num(theirs), abs=1e-6)


def test_equal_sides_have_no_drift() -> None:
    for values, kind in (([1.0, 2, 3, 4, 5, 6, 7], "float64"), (["a", "b"], "string")):
        score = drift_score(column(values), column(values), kind)  # type: ignore[arg-type]
        assert score is not None
        assert score.score == 0


@pytest.mark.parametrize("empty", [[], [None, None]], ids=["no rows", "no values"])
@pytest.mark.parametrize("kind", ["float64", "string"])
def test_a_side_without_values_has_no_score(empty: list[None], kind: Kind) -> None:
    full = column([1.0, 2.0] if kind == "float64" else ["a", "b"])
    hollow = pa.chunked_array([pa.array(empty, pa.float64() if kind == "float64" else pa.string())])
    assert drift_score(full, hollow, kind) is None
    assert drift_score(hollow, full, kind) is None


def test_rows_are_counted_without_gaps() -> None:
    score = drift_score(column([1.0, None, 3]), column([1.0, np.inf]), "float64")
    assert score is not None
    assert (score.reference_rows, score.current_rows) == (2, 1)


def test_timestamps_have_no_score() -> None:
    table = pa.table({"when": pa.array([0], pa.timestamp("us"))})
    assert drift_scores(table, table, {"when": "timestamp"}) == {}


@pytest.mark.parametrize("empty", [[], [None, None]], ids=["no rows", "no values"])
def test_without_values_only_what_is_missing_has_a_score(empty: list[None]) -> None:
    hollow = pa.chunked_array([pa.array(empty, pa.float64())])
    found = share_scores(column([1.0, 2.0]), hollow, "float64")
    assert [(score.method, score.score) for score in found] == ([("missing", 1.0)] if empty else [])


def test_a_sensor_that_falls_silent_and_one_that_is_stuck_have_scores() -> None:
    """Evidently's distance drops the missing values: to it the first of the two has not moved."""
    values = np.arange(1000.0)
    silent, stuck = (np.where(np.arange(1000) % 2, values, other) for other in (np.nan, 0.0))
    distance = drift_score(column(values), column(silent), "float64")
    assert distance is not None
    assert distance.score < 0.01
    missing, constant = share_scores(column(values), column(silent), "float64")
    assert (missing.method, missing.score, missing.reference_rows, missing.current_rows) == ("missing", 0.5, 1000, 1000)
    assert (constant.method, constant.current_rows) == ("constant", 500)
    assert constant.score == pytest.approx(0.001)
    missing, constant = share_scores(column(values), column(stuck), "float64")
    assert missing.score == 0
    assert constant.score == pytest.approx(0.5 - 0.001)


@given(
    rows=st.lists(st.tuples(st.sampled_from(["a", "b", "c", None]), st.booleans()), min_size=1).filter(
        lambda rows: len({current for _, current in rows}) == 2
    )
)
@settings(deadline=None)
def test_shares_are_those_of_pandas(rows: list[tuple[str | None, bool]]) -> None:
    sides = [pd.Series([value for value, current in rows if current is side], dtype=object) for side in (False, True)]
    reference, current = (column(list(side)) for side in sides)
    found = {score.method: score.score for score in share_scores(reference, current, "string")}
    assert found["missing"] == pytest.approx(abs(sides[1].isna().mean() - sides[0].isna().mean()))
    if all(side.notna().any() for side in sides):
        most = [side.value_counts(normalize=True).iloc[0] for side in sides]
        assert found["constant"] == pytest.approx(abs(most[1] - most[0]))
    else:
        assert "constant" not in found
