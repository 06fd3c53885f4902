"""collect: what the live endpoint was asked and answered -> the window's predictions, joined with late labels."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

from windtunnel.aws import capture, endpoint, lake, objects, parquet
from windtunnel.core.catalog import model_spec
from windtunnel.core.code import code_sha256
from windtunnel.core.contracts import CollectedPredictions, DatasetVersion, RegisteredVersion
from windtunnel.core.errors import WindowInvalid
from windtunnel.core.settings import settings
from windtunnel.core.window import Window
from windtunnel.core.workkey import work_key

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


def collect(champion: RegisteredVersion, window: Window, labels: DatasetVersion) -> CollectedPredictions:
    """Join the captured predictions of a window with their labels.

    Repeated with the same captures and labels it gives the same rows at the same address. Repeated with a newer
    snapshot it gives what it would have given, had the labels been there at once.

    Args:
        champion: The version in service.
        window: Days of event time.
        labels: The dataset version whose snapshot has the labels.

    Returns:
        The joined rows and the counts of all that was set aside. A window without predictions is an outcome too.
    """
    from windtunnel.ml import labels as late

    spec = model_spec(champion.model)
    prefix = f"{endpoint.capture_prefix(spec.name)}/{endpoint.endpoint_name(spec.name)}/{endpoint.VARIANT}/"
    log.info("collect: %s of %s, labels of %s (snapshot %s)", prefix, window, labels.tag, labels.snapshot_id)
    captured = capture.read(prefix, spec)
    predictions = late.first_of_each(captured.rows, spec.key, capture.CAPTURED_AT)
    joined = late.join(
        predictions,
        _labels(labels, window),
        _unknown(predictions, labels),
        window,
        key=spec.key,
        moment=capture.CAPTURED_AT,
    )
    body = parquet.encode(joined.rows)
    key = work_key(
        model=spec.name,
        window=str(window),
        champion=champion.package_arn,
        labels=labels.snapshot_id,
        code=code_sha256(spec.name),
        rows=hashlib.sha256(body).hexdigest(),
    )
    address = settings().uri("monitor", spec.name, window.label, key, "predictions.parquet")
    collected = CollectedPredictions(
        champion=champion,
        labels=labels,
        window=window,
        work_key=key,
        rows=objects.put_once(address, body, content_type="application/vnd.apache.parquet"),
        predictions=len(joined.rows),
        labelled=len(joined.rows) - joined.rows[spec.target].null_count,
        pending=joined.pending,
        elsewhere=joined.elsewhere,
        duplicates=len(captured.rows) - len(predictions),
        unjoinable=captured.unjoinable,
        unreadable=captured.unreadable,
    )
    log.info("collect: %s", _sentence(collected))
    return collected


def _labels(labels: DatasetVersion, window: Window) -> pa.Table:
    """Key, event time and target of the window's rows; none where the snapshot has none."""
    from windtunnel.ml.schema import arrow_schema

    spec = model_spec(labels.model)
    columns = [spec.key, spec.event_time, spec.target]
    try:
        return lake.rows(labels.table, labels.snapshot_id, window, columns)
    except WindowInvalid:
        return arrow_schema(spec).empty_table().select(columns)


def _unknown(predictions: pa.Table, labels: DatasetVersion) -> pa.Table:
    """The predictions whose rows the snapshot does not have in any month; reads keys only, a month at a time."""
    from windtunnel.ml import labels as late

    spec = model_spec(labels.model)
    unknown = predictions
    for month in lake.months(labels.table, labels.snapshot_id):
        if not len(unknown):
            break
        for known in lake.batches(labels.table, labels.snapshot_id, month, (spec.key,)):
            unknown = late.unknown_keys(unknown, known[spec.key], spec.key)
    return unknown


def _sentence(collected: CollectedPredictions) -> str:
    if not collected.predictions:
        return (
            f"no predictions in {collected.window}; {collected.elsewhere} captured ones belong elsewhere or wait for "
            f"their rows, {collected.unjoinable} have no key, {collected.unreadable} are unreadable. {collected.rows}"
        )
    return (
        f"{collected.predictions} predictions, {collected.labelled} with labels ({collected.coverage:.1%}), "
        f"{collected.pending} pending; set aside: {collected.duplicates} duplicates, {collected.elsewhere} elsewhere, "
        f"{collected.unjoinable} without a key, {collected.unreadable} unreadable. {collected.rows}"
    )
