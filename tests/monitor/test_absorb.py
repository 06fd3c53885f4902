"""absorb, against the embedded AWS: each captured request once, whatever happens to whoever takes it up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import pytest

from tests.forked import Child, run_killed_everywhere
from tests.monitor.live_model import SPEC, Traffic, departed, prediction_of
from tests.release.conftest import misbehave
from windtunnel.aws import endpoint, lake, objects, predictions
from windtunnel.core.contracts import AbsorbedCaptures
from windtunnel.core.window import Window
from windtunnel.stages.absorb import absorb

__all__ = ["misbehave"]
pytestmark = pytest.mark.usefixtures("lake_of_its_own")

NEW_YEAR = Window.parse("2013-03-31", "2013-04-02")


def work() -> AbsorbedCaptures:
    return absorb(SPEC.name)


def held(absorbed: AbsorbedCaptures) -> pa.Table:
    return pa.concat_tables(predictions.batches(SPEC.name, absorbed.snapshot_id))


def traffic(count: int = 300) -> pd.DataFrame:
    """So many flights around the end of March, captured in several files."""
    rows = departed(NEW_YEAR).iloc[::7].head(count)
    flown = Traffic()
    flown.fly(rows)
    flown.capture(lines_per_file=50)
    return rows


def data_files() -> set[str]:
    location = lake.table(f"{lake.table_name(SPEC.name)}_predictions").location()
    return {uri for uri in objects.keys(f"{location}/data/") if uri.endswith(".parquet")}


def known_files() -> set[str]:
    found = lake.table(f"{lake.table_name(SPEC.name)}_predictions")
    return {task.file.file_path for task in found.scan().plan_files()}


def test_each_request_is_a_row_with_what_was_asked_and_answered() -> None:
    rows = traffic().set_index(SPEC.key)
    absorbed = work()
    assert absorbed.new_rows == len(rows)
    found = held(absorbed).to_pandas().set_index(SPEC.key)
    assert found.index.is_unique
    assert set(found.index) == set(rows.index)
    said = found.loc[rows.index]
    assert said[list(SPEC.features)].equals(rows[list(SPEC.features)])
    assert said["prediction"].tolist() == prediction_of(rows).tolist()
    assert said["captured_at"].tolist() == rows[SPEC.event_time].tolist()
    assert said["event_id"].is_unique
    assert said["fault"].isna().all()
    months = [batch["captured_at"].to_pandas() for batch in predictions.batches(SPEC.name, absorbed.snapshot_id)]
    assert [(part.dt.month.unique().tolist()) for part in months] == [[3], [4]]


def test_what_is_there_is_not_read_again_and_what_comes_late_is_added() -> None:
    rows = traffic()
    first = work()
    assert work() == first.model_copy(update={"new_rows": 0})
    late = Traffic(moment=pd.Timestamp("2013-03-31T09:00"))
    late.ask(rows.head(3))
    late.capture()
    second = work()
    assert (second.new_rows, second.sequence) == (3, first.sequence + 1)
    assert len(held(second)) == len(rows) + 3
    assert held(first).num_rows == len(rows), "the older snapshot stays as it was"


def test_nothing_captured_is_an_empty_table() -> None:
    absorbed = work()
    assert (absorbed.new_rows, list(predictions.batches(SPEC.name, absorbed.snapshot_id))) == (0, [])


def test_broken_and_nameless_requests_are_rows_too() -> None:
    flown = Traffic()
    flown.request([SPEC.example] * 2, [1.0, 2.0])
    flown.request([{**SPEC.example, "distance": "far"}], [1.0], inference_id="broken")
    flown.capture()
    prefix = f"{endpoint.capture_prefix(SPEC.name)}/{endpoint.endpoint_name(SPEC.name)}"
    objects.put(f"{prefix}/{endpoint.VARIANT}/2026/11/20/11/torn.jsonl", b'{"captureData"', content_type="text/plain")
    objects.put(f"{prefix}/{endpoint.VARIANT}/2026/11/20/11/empty.jsonl", b"\n", content_type="text/plain")
    objects.put(f"{prefix}/{endpoint.SHADOW}/2026/11/20/11/shadow.jsonl", b"{", content_type="text/plain")
    absorbed = work()
    found = held(absorbed).to_pandas()
    assert absorbed.new_rows == len(found) == 4
    assert found[SPEC.key].isna().all()
    assert found["prediction"].dropna().tolist() == [1.0, 2.0]
    assert Counter(found["fault"].dropna().str[:22]) == {"line 2, InvalidOperati": 1, "line 1, JSONDecodeErro": 1}
    assert work().new_rows == 0


def test_killed_at_every_mark_it_still_takes_each_request_up_once() -> None:
    rows = traffic()
    killed, ending = run_killed_everywhere(work)
    assert {mark for mark in killed if "predictions." in mark} == {
        "before:predictions.append",
        "after:predictions.append",
    }
    assert Counter(held(ending.result())[SPEC.key].to_pylist()) == Counter(rows[SPEC.key])


def test_of_twins_one_adds_the_rows() -> None:
    rows = traffic()
    with Child(work, freeze_at="before:predictions.append") as slow:
        slow.frozen()
        fast = work()
        slow.thaw()
        other = slow.ended().result()
    assert (fast.new_rows, other.new_rows) == (len(rows), 0)
    assert Counter(held(other)[SPEC.key].to_pylist()) == Counter(rows[SPEC.key])
    assert data_files() == known_files()


def test_of_two_that_saw_different_files_each_adds_what_the_other_did_not() -> None:
    rows = traffic()
    with Child(work, freeze_at="before:predictions.append") as slow:
        slow.frozen()
        more = Traffic(moment=pd.Timestamp("2013-03-31T09:00"))
        more.ask(rows.head(3).assign(**{SPEC.key: ["a", "b", "c"]}))
        more.capture()
        work()
        slow.thaw()
        absorbed = slow.ended().result()
    assert Counter(held(absorbed)[SPEC.key].to_pylist()) == Counter([*rows[SPEC.key], "a", "b", "c"])
    assert data_files() == known_files()


def test_a_lost_reply_adds_nothing_twice(misbehave: Callable[..., Callable[[], int]]) -> None:
    work()
    rows = traffic()
    lost = misbehave(kind="drop_reply", operation="glue:UpdateTable", times=1)
    absorbed = work()
    assert lost() == 1
    assert Counter(held(absorbed)[SPEC.key].to_pylist()) == Counter(rows[SPEC.key])
    assert data_files() == known_files()
