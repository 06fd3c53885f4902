"""collect: captured predictions + late labels -> the joined rows of whole months, and what was set aside."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, NamedTuple

from windtunnel.aws import capture, changes, lake, ledger, objects, parquet, predictions, spans
from windtunnel.core.catalog import model_spec
from windtunnel.core.code import code_sha256
from windtunnel.core.contracts import (
    AbsorbedCaptures,
    CollectedPredictions,
    DatasetVersion,
    LabelCounts,
    RegisteredVersion,
)
from windtunnel.core.settings import settings
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.core.workkey import work_key

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


def collect(
    champion: RegisteredVersion,
    control: RegisteredVersion | None,
    arrived: Window | None,
    labels: DatasetVersion,
    absorbed: AbsorbedCaptures,
) -> CollectedPredictions | None:
    """Join the predictions of whole months with their labels.

    Repeated with the same captures and labels it gives the same rows at the same address. Repeated with a newer
    snapshot it gives what it would have given, had the labels been there at once.

    Args:
        champion: The version in service.
        control: The version in service before it; None on a first release.
        arrived: Days whose rows are new; the months around them are collected, with those of captures where their
            predictions were waiting. None: the months that wait for rows, or have gained predictions since they were
            collected, as far as the newest months of captures tell.
        labels: The dataset version whose snapshot has the labels.
        absorbed: The captured requests.

    Returns:
        The joined rows and the counts of all that was set aside; None where the months hold no predictions.
    """
    from windtunnel.ml import joined
    from windtunnel.ml import labels as late

    spec = model_spec(champion.model)
    log.info(
        "collect: %s at snapshot %s, labels of %s (snapshot %s), arrived: %s",
        absorbed.table,
        absorbed.snapshot_id,
        labels.tag,
        labels.snapshot_id,
        arrived or "nothing",
    )
    asked = _asked(spec, absorbed)
    found = _rows_of(asked.firsts, labels)
    known = late.believed(found, key=spec.key, moment=spec.event_time, target=spec.target).rows
    everywhere = late.placed(asked.firsts, known, key=spec.key, moment=spec.event_time)
    counting = late.of_versions(everywhere)
    span = spans.around(counting, arrived, labels)
    inside = counting.filter(joined.on(counting[joined.DAY], span)) if span else counting[:0]
    if span is None or not len(inside):
        log.info(
            "collect: nothing to do, no predictions in %s",
            span or "any month that waits for rows, and none that has gained some",
        )
        return None
    recorded = _recorded(inside, asked.firsts, labels, span)
    rows = _joined(inside, recorded.rows, absorbed)
    of_span = late.believed(
        late.those_of(found, inside[spec.key], spec.key), key=spec.key, moment=spec.event_time, target=spec.target
    )
    body = parquet.encode(rows)
    key = work_key(
        model=spec.name,
        span=str(span),
        champion=champion.package_arn,
        control=control and control.package_arn,
        labels=labels.snapshot_id,
        captures=absorbed.snapshot_id,
        code=code_sha256(spec.name),
        rows=hashlib.sha256(body).hexdigest(),
    )
    address = settings().uri("monitor", spec.name, span.label, key, "predictions.parquet")
    objects.put_once(address, body, content_type="application/vnd.apache.parquet")
    collected = CollectedPredictions(
        champion=champion,
        control=control,
        absorbed=absorbed,
        labels=labels,
        span=span,
        windows=spans.windows(rows[joined.DAY].to_pylist(), span, spec),
        work_key=key,
        rows=address,
        counts=LabelCounts(
            predictions=len(rows),
            labelled=len(rows) - rows[spec.target].null_count,
            pending=rows[spec.event_time].null_count,
            elsewhere=len(counting) - len(rows),
            duplicates=asked.duplicates,
            unjoinable=asked.unjoinable,
            unreadable=asked.unreadable,
            between=len(everywhere) - len(counting),
            unasked=recorded.unasked,
            repeated=of_span.repeated,
            contradicted=of_span.contradicted,
            changed=changes.counted(labels, absorbed, span, key, address, rows),
        ),
        labels_until=late.labels_until(rows, target=spec.target, mature_share=spec.monitoring.mature_share),
    )
    log.info("collect: %s", _sentence(collected))
    return collected


class _Asked(NamedTuple):
    """All that was ever captured, by key."""

    firsts: pa.Table
    "Key, `CAPTURED_AT` and `VERSION` (null: two versions may have answered) of the first prediction of every key."
    duplicates: int
    unjoinable: int
    unreadable: int


class _Recorded(NamedTuple):
    """What the lake recorded of the rows of a span."""

    rows: pa.Table
    "Key and recorded columns."
    unasked: int


def _asked(spec: ModelSpec, absorbed: AbsorbedCaptures) -> _Asked:
    """The first prediction of every key, whenever it was captured; one month of captures is read at a time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from windtunnel.ml import joined
    from windtunnel.ml import labels as late

    empty = capture.schema(spec).empty_table().select([spec.key, joined.CAPTURED_AT])
    firsts, duplicates, unjoinable, unreadable = empty, 0, 0, 0
    order = (joined.CAPTURED_AT, capture.EVENT_ID, capture.SOURCE)
    for batch in predictions.batches(absorbed.model, absorbed.snapshot_id, (spec.key, *order, capture.FAULT)):
        named = batch.filter(pc.is_valid(batch[spec.key]))
        broken = len(batch) - batch[capture.FAULT].null_count
        new = late.those_of(late.first_of_each(named, spec.key, *order), firsts[spec.key], spec.key, others=True)
        firsts = pa.concat_tables([firsts, new.select(empty.schema.names)])
        duplicates += len(named) - len(new)
        unreadable += broken
        unjoinable += len(batch) - len(named) - broken
    answered = late.answered_by(firsts[joined.CAPTURED_AT], ledger.services(spec.name))
    return _Asked(firsts.append_column(joined.VERSION, answered), duplicates, unjoinable, unreadable)


def _rows_of(asked: pa.Table, labels: DatasetVersion) -> pa.Table:
    """Key, event time and target of all rows in the lake that were asked about; one month is read at a time."""
    import pyarrow as pa

    from windtunnel.ml import labels as late
    from windtunnel.ml.schema import arrow_schema

    spec = model_spec(labels.model)
    columns = [spec.key, spec.event_time, spec.target]
    declared = pa.schema([arrow_schema(spec).field(name) for name in columns])
    found = [declared.empty_table()]
    for month in lake.months(labels.table, labels.snapshot_id):
        for rows in lake.batches(labels.table, labels.snapshot_id, month, columns):
            found += [late.those_of(rows.select(columns).cast(declared), asked[spec.key], spec.key)]
    return pa.concat_tables(found)


def _recorded(inside: pa.Table, asked: pa.Table, labels: DatasetVersion, span: Window) -> _Recorded:
    """What the lake recorded of the predictions of a span, and how many rows with a label nobody asked about."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from windtunnel.ml import joined
    from windtunnel.ml import labels as late
    from windtunnel.ml.schema import arrow_schema

    spec = model_spec(labels.model)
    columns = list(
        dict.fromkeys((spec.key, spec.event_time, spec.target, spec.eligible, *joined.recorded_columns(spec)))
    )
    declared = pa.schema([arrow_schema(spec).field(name) for name in columns])
    kept, unasked = [declared.empty_table()], 0
    there = set(lake.months(labels.table, labels.snapshot_id))
    for month in (month for month in span.months() if month in there):
        for batch in lake.batches(labels.table, labels.snapshot_id, month, columns):
            rows = batch.select(columns).cast(declared)
            askable = rows.filter(pc.and_(pc.equal(rows[spec.eligible], 1), pc.is_valid(rows[spec.target])))
            unasked += pc.count_distinct(
                late.those_of(askable, asked[spec.key], spec.key, others=True)[spec.key]
            ).as_py()
            kept.append(late.those_of(rows, inside[spec.key], spec.key))
    known = late.believed(pa.concat_tables(kept), key=spec.key, moment=spec.event_time, target=spec.target).rows
    named = {spec.key: known[spec.key]} | {joined.recorded(name): known[name] for name in joined.recorded_columns(spec)}
    return _Recorded(pa.table(named), unasked)


def _joined(inside: pa.Table, recorded: pa.Table, absorbed: AbsorbedCaptures) -> pa.Table:
    """The rows as `ml/joined.py` has them, sorted by key; one month of captures is read at a time."""
    import pyarrow as pa

    from windtunnel.ml import joined
    from windtunnel.ml import labels as late

    spec = model_spec(absorbed.model)
    said = [
        late.those_of(batch, inside[spec.key], spec.key)
        for batch in predictions.batches(absorbed.model, absorbed.snapshot_id)
    ]
    order = (joined.CAPTURED_AT, capture.EVENT_ID, capture.SOURCE)
    firsts = late.first_of_each(pa.concat_tables(said), spec.key, *order).drop_columns(joined.CAPTURED_AT)
    rows = firsts.join(inside, keys=spec.key).join(recorded, keys=spec.key, join_type="left outer")
    schema = joined.schema(spec)
    return rows.select(schema.names).cast(schema).sort_by(spec.key)


def _sentence(collected: CollectedPredictions) -> str:
    counts, until = collected.counts, collected.labels_until
    return (
        f"{counts.predictions} predictions in {collected.span}, {counts.labelled} with labels, {counts.pending} pending, "
        f"as of labels until {until or 'no day'}; set aside: {counts.duplicates} duplicates, {counts.elsewhere} "
        f"elsewhere, {counts.between} while a release was under way, {counts.unjoinable} without a key, "
        f"{counts.unreadable} unreadable; labels: {counts.unasked} never asked, {counts.repeated} repeated, "
        f"{counts.contradicted} contradicted, {counts.changed} changed. {collected.rows}"
    )
