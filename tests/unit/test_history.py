"""What a history says of a window is what the exact scores say of its rows, whatever they look like."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from windtunnel.core.contracts.monitoring import DriftMethod
from windtunnel.core.spec import Kind
from windtunnel.ml.drift import drift_score, share_scores
from windtunnel.ml.history import BINS, History

RANDOM = np.random.default_rng(11)
ROWS, DAYS = 20_000, 40
DAY = np.sort(RANDOM.integers(0, DAYS, ROWS))
KINDS: dict[str, Kind] = {"whole": "int64", "gaps": "float64", "few": "int64", "letter": "string", "skewed": "float64"}
LETTERS = RANDOM.choice(list("abcdefgh"), ROWS, p=np.arange(1, 9) / 36).astype(object)
TABLE = pa.table(
    {
        "moment": DAY.astype("datetime64[D]").astype("datetime64[us]"),
        "whole": RANDOM.integers(0, 700, ROWS) + 5 * DAY,
        "gaps": pa.array(RANDOM.integers(0, 50, ROWS) + 1e6, mask=RANDOM.random(ROWS) < DAY / 100),
        "few": RANDOM.integers(0, 3 + DAY // 20, ROWS),
        "letter": pa.array(LETTERS, mask=RANDOM.random(ROWS) < 0.1),
        "skewed": np.where(RANDOM.random(ROWS) < 0.3, 0.0, RANDOM.standard_t(2, ROWS) * (1 + DAY / 40)),
    }
)
WINDOWS = np.arange(0, 34, 3)[:, None] + np.arange(7)


def scored(name: str, method: DriftMethod) -> npt.NDArray[np.float64]:
    known = History.of(TABLE, "moment", KINDS)
    return known.scores(name, (method,), WINDOWS, (0,) * 7, 0)[:, 0]


def exact(name: str, method: DriftMethod) -> list[float]:
    found = []
    for window in WINDOWS:
        inside = np.isin(DAY, window)
        sides = TABLE.filter(pa.array(~inside))[name], TABLE.filter(pa.array(inside))[name]
        made = (drift_score(*sides, KINDS[name]), *share_scores(*sides, KINDS[name]))
        found.append(next(score.score for score in made if score and score.method == method))
    return found


PAIRS: list[tuple[str, DriftMethod]] = [
    *((name, "wasserstein") for name in ("whole", "gaps")),
    *((name, "jensenshannon") for name in ("few", "letter")),
    *((name, method) for name in ("whole", "gaps", "few", "letter") for method in ("missing", "constant")),
]


@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_scores_of_windows_are_exact_where_values_have_their_own_bins(name: str, method: DriftMethod) -> None:
    assert scored(name, method) == pytest.approx(exact(name, method), abs=1e-9)


def test_scores_of_many_values_are_nearly_so() -> None:
    known = History.of(TABLE, "moment", KINDS)
    assert BINS / 2 < known.columns["skewed"].bins <= BINS < len(set(TABLE["skewed"].to_pylist()))
    assert scored("skewed", "wasserstein") == pytest.approx(exact("skewed", "wasserstein"), abs=2e-3)
    assert scored("skewed", "missing") == pytest.approx(exact("skewed", "missing"), abs=1e-12)


def test_days_with_fewer_rows_are_dealt_from_their_own_rows() -> None:
    """A quarter of each day's rows: the same distances on average plus the noise of fewer rows, the same each time."""
    known = History.of(TABLE, "moment", KINDS)
    whole = known.scores("letter", ("jensenshannon",), WINDOWS, (0,) * 7, 0)
    quarter = known.scores("letter", ("jensenshannon",), WINDOWS, (2,) * 7, 0)
    assert 1.5 * whole.mean() < quarter.mean() < 2.5 * whole.mean()
    again = History.of(TABLE, "moment", KINDS).scores("letter", ("jensenshannon",), WINDOWS, (2,) * 7, 0)
    assert (again == quarter).all()


def test_counts_do_not_depend_on_the_order_of_columns_or_chunks() -> None:
    halves = pa.concat_tables([TABLE.slice(0, 777), TABLE.slice(777)])
    known = History.of(halves, "moment", KINDS)
    assert (
        known.scores("letter", ("jensenshannon",), WINDOWS, (0,) * 7, 0)[:, 0] == scored("letter", "jensenshannon")
    ).all()


def test_a_column_without_a_value_scores_nothing_but_what_is_missing() -> None:
    empty = pa.table({"moment": TABLE["moment"], "none": pa.array([None] * ROWS, pa.float64())})
    known = History.of(empty, "moment", {"none": "float64"})
    assert known.rows_of("none") == 0
    assert (known.scores("none", ("wasserstein", "missing", "constant"), WINDOWS, (0,) * 7, 0) == 0).all()
