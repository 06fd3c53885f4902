"""collect, against the embedded AWS, on real flights."""

from __future__ import annotations

import pytest

from tests.monitor import live_model
from tests.monitor.live_model import SPEC, departed, rows_of
from windtunnel.aws import parquet
from windtunnel.core.window import Window
from windtunnel.ml import joined

MARCH = Window.month("2013-03")

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


def test_a_month_of_predictions_meets_its_labels() -> None:
    collected = live_model.collected(MARCH, rows=2_000)
    rows = parquet.read(collected.rows)
    assert rows.schema.equals(joined.schema(SPEC))
    known = rows_of(MARCH).set_index(SPEC.key).loc[rows[SPEC.key].to_pylist()]
    assert rows[SPEC.target].to_pandas().tolist() == pytest.approx(known[SPEC.target].tolist(), nan_ok=True)
    assert rows[joined.recorded("carrier")].to_pylist() == known["carrier"].tolist()
    assert set(rows[joined.VERSION].to_pylist()) == {collected.champion.version}
    labelled = known[SPEC.target].notna().sum()
    assert (collected.counts.predictions, collected.counts.labelled) == (2_000, labelled)
    asked = departed(MARCH).dropna(subset=[SPEC.target])
    assert collected.counts.unasked == len(asked) - labelled
