"""What stops a shadow, what passes it, and what is not enough to say."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.core.catalog import model_spec
from windtunnel.core.spec import ModelSpec
from windtunnel.ml.pairing import PAIRS, Pairs
from windtunnel.ml.shadow import Comparison, Service, compare

SPEC = model_spec("flights")
BEGAN = datetime.fromisoformat("2013-05-01")
FINE = Service(invocations=1_000, refused=0, failed=0, p50_ms=4.0, p99_ms=20.0)
NAMES = ("requests", "errors", "latency", "answers", "accuracy")


def pairs(champion: Any, shadow: Any) -> Pairs:
    """One request per row, named `k<n>`."""
    count = len(champion)
    moments = [BEGAN + timedelta(seconds=at) for at in range(count)]
    columns = [list(range(count)), [f"k{at}" for at in range(count)], moments, list(champion), list(shadow)]
    return Pairs(pa.table(columns, schema=PAIRS), count, 0, 0, 0)


def truth(targets: Any, *, hours: float = 1.0) -> pa.Table:
    """The label of each row, `hours` after the one before."""
    count = len(targets)
    return pa.table(
        {
            SPEC.key: pa.array([f"k{at}" for at in range(count)], pa.large_string()),
            SPEC.event_time: pa.array([BEGAN + timedelta(hours=hours * at) for at in range(count)], pa.timestamp("us")),
            SPEC.target: pa.array(list(targets), pa.float64()),
        }
    )


NOTHING = truth([])


def judged(
    found: Pairs,
    labels: pa.Table = NOTHING,
    *,
    champion: Service = FINE,
    shadow: Service = FINE,
    spec: ModelSpec = SPEC,
) -> Comparison:
    return compare(found, labels, champion, shadow, spec)


def verdicts(found: Comparison) -> dict[str, bool | None]:
    return {check.name: check.passed for check in found.checks}


def of_a_month(added: float, *, rows: int = 2_000, hours: float = 0.36) -> Comparison:
    """A shadow whose every answer is the champion's plus something, on labels with the champion's own errors."""
    random = np.random.default_rng(7)
    said = random.normal(0, 25, rows)
    return judged(pairs(said, said + added), truth(said + random.normal(0, 18, rows), hours=hours))


def test_a_shadow_like_the_champion_passes_everything() -> None:
    found = of_a_month(0.01)
    assert verdicts(found) == dict.fromkeys(NAMES, True)
    assert found.passed
    assert (found.requests, found.labelled_requests) == (2_000, 2_000)
    assert found.sentence == "As a shadow it held its own over 2,000 requests."


@pytest.mark.parametrize("added", [20.0, -20.0])
def test_twenty_minutes_off_are_stopped_on_the_labels(added: float) -> None:
    found = of_a_month(added)
    assert verdicts(found) == {**dict.fromkeys(NAMES, True), "accuracy": False}
    assert not found.passed
    assert "worse than +5%" in found.sentence
    assert found.difference is not None
    assert found.difference.moved == pytest.approx(added)


def test_a_day_is_judged_on_its_hours_and_a_month_on_its_days() -> None:
    day, month = of_a_month(20, hours=0.01), of_a_month(20)
    assert day.accuracy is not None
    assert month.accuracy is not None
    assert (day.accuracy.block, day.accuracy.days, day.accuracy.blocks) == ("hour", 1, 20)
    assert (month.accuracy.block, month.accuracy.days, month.accuracy.blocks) == ("day", 30, 30)
    assert not day.passed


def test_few_hours_are_not_enough_to_say() -> None:
    found = of_a_month(20, hours=0.001)
    assert verdicts(found)["accuracy"] is None
    assert found.passed
    assert "not enough evidence on `accuracy`" in found.sentence


def test_without_labels_the_rest_is_judged_and_the_dossier_is_told() -> None:
    said = np.linspace(-20, 100, 200)
    found = judged(pairs(said, said + 1))
    assert verdicts(found) == {**dict.fromkeys(NAMES, True), "accuracy": None}
    assert found.passed
    assert "none has its label yet" in found.checks[-1].sentence


def test_a_row_asked_for_again_counts_once_and_a_label_that_never_comes_not_at_all() -> None:
    rows = pairs([1.0, 1.0, 2.0], [1.0, 9.0, 2.0]).rows.set_column(1, "key", pa.array(["k0", "k0", "k1"]))
    found = judged(Pairs(rows, 3, 0, 0, 0), truth([5.0, None]))
    assert found.accuracy is not None
    assert (found.accuracy.shadow.rows, found.accuracy.shadow.mse) == (1, 16)
    assert (found.labelled_requests, found.labelled_rows) == (2, 2)


def test_too_few_requests_stop_nothing_and_pass_nothing() -> None:
    quiet = FINE._replace(invocations=10)
    found = judged(pairs([1.0] * 10, [1.0] * 10), champion=quiet, shadow=quiet)
    assert verdicts(found) == {"requests": None, "errors": None, "latency": None, "answers": True, "accuracy": None}
    assert found.passed
    silent = FINE._replace(invocations=0, p50_ms=None, p99_ms=None)
    assert set(verdicts(judged(pairs([], []), shadow=silent)).values()) == {None}


@pytest.mark.parametrize(
    ("shadow", "champion", "passed"),
    [
        (FINE._replace(failed=2), FINE, False),
        (FINE._replace(failed=1), FINE, True),
        (FINE._replace(invocations=10, failed=1), FINE, False),
        (FINE._replace(refused=40), FINE._replace(refused=38), True),
        (FINE._replace(refused=40), FINE, False),
        (FINE._replace(refused=2), FINE, False),
    ],
    ids=["two of 1,000", "one of 1,000", "one of ten", "the clients' fault", "its own fault", "two it should answer"],
)
def test_errors_of_its_own_stop_it(shadow: Service, champion: Service, passed: bool) -> None:
    found = judged(pairs([1.0] * 100, [1.0] * 100), champion=champion, shadow=shadow)
    assert verdicts(found)["errors"] is passed
    assert found.passed is passed


@pytest.mark.parametrize(
    ("p50", "p99", "passed"),
    [(4, 20, True), (300, 330, False), (4, 150, True), (4, 250, False), (10, 45, True), (10, 60, False), (7, 60, True)],
    ids=[
        "as fast", "slow throughout", "a few late", "later than a rollout allows",
        "within the budget", "twice as slow", "less than twice",
    ],
)  # fmt: skip
def test_slowness_stops_it_and_a_few_late_answers_do_not(p50: float, p99: float, passed: bool) -> None:
    found = judged(pairs([1.0] * 100, [1.0] * 100), shadow=FINE._replace(p50_ms=p50, p99_ms=p99))
    assert verdicts(found)["latency"] is passed


@pytest.mark.parametrize("absurd", [100_000.0, -181.0])
def test_answers_that_cannot_be_stop_it_without_a_label(absurd: float) -> None:
    said = [1.0] * 200
    found = judged(pairs(said, [*said[1:], absurd]))
    assert verdicts(found)["answers"] is False
    assert judged(pairs([*said[1:], absurd], [*said[1:], absurd])).passed, "the champion says it too"


@settings(max_examples=100, deadline=None)
@given(
    data=st.lists(
        st.tuples(*[st.floats(-180, 1_500)] * 2, st.one_of(st.none(), st.floats(-100, 1_000))), min_size=1, max_size=60
    )
)
def test_the_figures_are_those_of_the_rows(data: list[tuple[float, float, float | None]]) -> None:
    champion, shadow, targets = zip(*data, strict=True)
    found = judged(pairs(champion, shadow), truth(targets))
    assert found.difference is not None
    apart = np.abs(np.subtract(shadow, champion))
    assert found.difference.largest == apart.max()
    assert found.difference.mean == pytest.approx(apart.mean())
    assert found.difference.share_above == np.mean(apart > SPEC.evaluation.onnx_tolerance)
    labelled = [at for at, target in enumerate(targets) if target is not None]
    assert found.labelled_rows == len(labelled)
    if labelled:
        assert found.accuracy is not None
        errors = [(shadow[at] - float(targets[at] or 0)) ** 2 for at in labelled]
        assert found.accuracy.shadow.mse == pytest.approx(np.mean(errors))
    assert found.passed == all(check.passed is not False for check in found.checks)
    assert Comparison.model_validate_json(found.model_dump_json()) == found
