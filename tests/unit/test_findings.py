"""What a window adds to the verdict: its numbers, its damage, and the row in which it stands."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windtunnel.core.contracts import (
    Check,
    ColumnDrift,
    Finding,
    Interval,
    WindowChecks,
    WindowDrift,
    WindowQuality,
)
from windtunnel.core.spec import Task
from windtunnel.core.window import Window
from windtunnel.ml.findings import MOST, carried, findings, of_table, table, weighted

WEEK, NEXT = Window.parse("2013-04-01", "2013-04-08"), Window.parse("2013-04-08", "2013-04-15")
IMPORTANCE = {"dep_delay": 27.0, "carrier": 2.0, "origin": 1.0, "dest": -0.5}


def quality(**given: Any) -> WindowQuality:
    usual: dict[str, Any] = {
        "window": WEEK,
        "predictions": 1_000,
        "labelled": 980,
        "mature": True,
        "metrics": {"rmse": 24.0, "pr_auc": 0.4},
        "expected": Interval(estimate=17.0, low=0.5, high=20.0),
        "control": Interval(estimate=-0.1, low=-0.2, high=0.01),
        "worse": True,
    }
    return WindowQuality.model_validate(usual | given)


def drift(*columns: tuple[str, float]) -> WindowDrift:
    moved = tuple(
        ColumnDrift(
            column=name, method="wasserstein", score=ratio / 10, threshold=0.1, reference_rows=9, current_rows=9
        )
        for name, ratio in columns
    )
    return WindowDrift(window=WEEK, rows=9, columns=moved, rate=0.05, would_have_fired=0, replayed=9, season=None)


def found(
    measured: WindowQuality, moved: WindowDrift | None = None, failed: str | None = None, task: Task = "regression"
) -> Finding:
    checks = [Check(name=failed, passed=False, sentence="It differs.")] if failed else []
    (finding,) = findings(
        [measured],
        [moved] if moved else [],
        [WindowChecks(window=WEEK, checks=(*checks, Check(name="a", passed=None, sentence="")), report=None)],
        version="V1.1.2",
        control="V1.1.1",
        importance=IMPORTANCE,
        task=task,
        labels_until=date(2013, 4, 7),
    )
    return finding


def test_damage_is_drift_weighted_by_importance_times_the_error_over_its_bound() -> None:
    finding = found(quality(), drift(("dep_delay", 3.0), ("carrier", 1.5), ("origin", 0.9)))
    assert finding.drift == pytest.approx(3.0)
    assert finding.drifted == ("dep_delay", "carrier")
    assert finding.importance == pytest.approx(29 / 30)
    assert (finding.error, finding.expected) == (24.0, 20.0)
    assert finding.damage == pytest.approx((1 + 29 / 30 * 2.0) * 24 / 20)
    assert finding.says == "damage"


def test_without_drift_damage_is_the_error_over_its_bound() -> None:
    assert found(quality(), drift(("dep_delay", 0.7))).damage == pytest.approx(1.2)


def test_until_a_window_is_mature_its_labels_say_nothing() -> None:
    finding = found(quality(mature=False, control=Interval(estimate=1, low=0.9, high=2)), drift(("dep_delay", 3.0)))
    assert (finding.worse, finding.outdone_by, finding.says) == (None, None, "drift")
    assert finding.damage == pytest.approx(1 + 27 / 30 * 2.0)


def test_where_more_is_better_the_bound_is_the_lower_one() -> None:
    finding = found(quality(), task="anomaly")
    assert (finding.error, finding.expected) == (0.4, 0.5)
    assert finding.damage == pytest.approx(1.25)


def test_a_metric_that_the_labels_do_not_define_tells_nothing() -> None:
    assert found(quality(metrics={})).worse is None


def test_a_bound_that_says_nothing_is_none() -> None:
    endless = Interval(estimate=17.0, low=0.0, high=float("inf"))
    assert found(quality(expected=endless, worse=None)).expected is None


def test_a_bound_of_nothing_costs_the_most_and_not_more() -> None:
    assert found(quality(expected=Interval(estimate=0, low=0, high=0))).damage == MOST


def test_the_control_outdoes_only_surely() -> None:
    assert found(quality()).outdone_by is None
    assert found(quality(control=Interval(estimate=0.1, low=0.02, high=0.2))).outdone_by == "V1.1.1"


def test_failed_checks_come_first() -> None:
    finding = found(quality(), drift(("dep_delay", 3.0)), failed="answers")
    assert (finding.says, finding.failed) == ("broken", ("answers",))


def test_windows_in_which_another_version_answered_are_no_findings() -> None:
    none = quality(predictions=0, labelled=0, metrics={}, worse=None)
    assert (
        findings([none], [], [], version="V1.1.2", control=None, importance={}, task="regression", labels_until=None)
        == ()
    )


def test_what_a_column_carries() -> None:
    assert carried(["dest"], IMPORTANCE) == 0, "shuffling it makes the error smaller"
    assert carried(["prediction"], IMPORTANCE) == 1
    assert carried(["arr_delay"], IMPORTANCE) == 0, "the target is no feature"
    assert carried(["dep_delay"], {}) is None


@given(
    st.lists(
        st.builds(
            lambda ratio, value, mature, failed, week: found(
                quality(window=week, mature=mature, metrics={"rmse": value}), None, failed
            ).model_copy(update={"drift": ratio, "drifted": ("dep_delay", "carrier") if ratio > 1 else ()}),
            st.floats(0, MOST),
            st.floats(0, 1e6),
            st.booleans(),
            st.none() | st.just("features"),
            st.sampled_from([WEEK, NEXT]),
        ),
        max_size=2,
        unique_by=lambda finding: finding.window,
    )
)
def test_a_finding_comes_back_from_its_row(made: list[Finding]) -> None:
    assert of_table(table(made)) == sorted(made, key=lambda finding: finding.window.start)


@given(st.floats(0, 1000), st.floats(0, 1), st.floats(0, 1))
def test_drift_weighs_as_much_as_the_model_relies_on_it(ratio: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 1 <= weighted(ratio, low) <= weighted(ratio, high) <= max(ratio, 1) + 1e-9
    assert weighted(ratio, None) == weighted(ratio, 1.0)
