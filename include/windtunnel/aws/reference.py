"""What a version was trained on and judged on, read back: the reference its service is compared with."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.aws import lake, parquet
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Evaluated


def training_rows(evaluated: Evaluated) -> pa.Table:
    """Event time, features and target of the rows a version was trained on: eligible and labelled.

    Raises:
        SourceMissing: The snapshot is gone from the lake.
    """
    plan, spec = evaluated.plan, model_spec(evaluated.plan.model)
    columns = list(dict.fromkeys((spec.event_time, *spec.features, spec.target)))
    rows = lake.rows(plan.dataset.table, plan.dataset.snapshot_id, plan.train, (*columns, spec.eligible))
    used = pc.and_(pc.equal(rows[spec.eligible], 1), pc.is_valid(rows[spec.target]))
    return rows.filter(used).select(columns)


def holdout_predictions(evaluated: Evaluated) -> pa.Table:
    """The version's own answers to rows it had never seen, beside their labels."""
    folder = evaluated.evaluation.rpartition("/")[0]
    return parquet.read(f"{folder}/holdout.parquet")
