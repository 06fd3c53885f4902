"""What a version was trained on and judged on, read back: the reference its service is compared with."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.aws import lake, objects, parquet
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Evaluated
from windtunnel.ml.evaluation_report import EvaluationReport

log = logging.getLogger(__name__)


def training_rows(evaluated: Evaluated) -> pa.Table:
    """Event time, features and target of the rows a version was trained on: eligible and labelled.

    Raises:
        SourceMissing: The snapshot is gone from the lake.
    """
    spec = model_spec(evaluated.plan.model)
    return pa.concat_tables(training_parts(evaluated, (spec.event_time, *spec.features, spec.target)))


def training_parts(evaluated: Evaluated, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of the same rows, a month at a time; there is at least one.

    Raises:
        SourceMissing: The snapshot is gone from the lake.
    """
    plan, spec = evaluated.plan, model_spec(evaluated.plan.model)
    needed = dict.fromkeys((*columns, spec.eligible, spec.target))
    for month in lake.batches(plan.dataset.table, plan.dataset.snapshot_id, plan.train, [*needed]):
        used = pc.and_(pc.equal(month[spec.eligible], 1), pc.is_valid(month[spec.target]))
        yield month.filter(used).select([*dict.fromkeys(columns)])


def holdout_predictions(evaluated: Evaluated) -> pa.Table:
    """The version's own answers to rows it had never seen, beside their labels."""
    folder = evaluated.evaluation.rpartition("/")[0]
    return parquet.read(f"{folder}/holdout.parquet")


def importance(evaluated: Evaluated) -> dict[str, float]:
    """Increase of the version's RMSE per feature when it is shuffled; none where its evaluation did not measure that."""
    report = _report(evaluated)
    return report.importance if report else {}


def contributions(evaluated: Evaluated) -> dict[str, float]:
    """Mean size of each feature's contribution to an answer; none where its evaluation did not measure that."""
    report = _report(evaluated)
    return report.contributions if report else {}


def _report(evaluated: Evaluated) -> EvaluationReport | None:
    if not objects.exists(evaluated.evaluation):
        log.warning("reference: `%s` is gone: how much each feature matters is not known", evaluated.evaluation)
        return None
    return EvaluationReport.model_validate_json(objects.get(evaluated.evaluation))
