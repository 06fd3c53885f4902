"""Errors over all labelled rows and per day."""

from datetime import datetime

import pyarrow as pa
import pytest

from windtunnel.ml.quality import quality_of


def rows(*values: tuple[str, float | None, float]) -> pa.Table:
    moments, targets, predictions = zip(*values, strict=True) if values else ((), (), ())
    return pa.table(
        {
            "when": pa.array([datetime.fromisoformat(moment) for moment in moments], pa.timestamp("us")),
            "target": pa.array(targets, pa.float64()),
            "prediction": pa.array(predictions, pa.float64()),
        }
    )


NAMES = {"moment": "when", "target": "target", "prediction": "prediction"}


def test_the_whole_and_its_days() -> None:
    whole, by_day = quality_of(
        rows(("2013-05-02T10:00", 10, 12), ("2013-05-01T23:59", 0, -4), ("2013-05-02T00:00", 20, 20)), **NAMES
    )
    assert whole is not None
    assert (whole.rows, whole.mae) == (3, 2.0)
    assert whole.mse == pytest.approx(20 / 3)
    assert whole.r2 == pytest.approx(1 - 20 / 200)
    assert list(by_day) == ["2013-05-01", "2013-05-02"]
    assert (by_day["2013-05-02"].mse, by_day["2013-05-02"].rows) == (2.0, 2)
    assert by_day["2013-05-01"].r2 is None


def test_rows_without_a_label_do_not_count() -> None:
    whole, _ = quality_of(rows(("2013-05-01", None, 1), ("2013-05-01", 3, 4)), **NAMES)
    assert whole is not None
    assert (whole.rows, whole.mse) == (1, 1.0)


@pytest.mark.parametrize("none", [rows(), rows(("2013-05-01", None, 1))], ids=["no rows", "no labels"])
def test_without_labels_there_is_no_quality(none: pa.Table) -> None:
    assert quality_of(none, **NAMES) == (None, {})
