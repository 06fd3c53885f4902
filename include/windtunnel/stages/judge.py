"""judge: a shadow -> taken off, its answers compared with the champion's, passed or stopped."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any

from windtunnel.aws import capture, endpoint, invocations, lake, ledger, objects, parquet, shadow
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import DatasetVersion, Mirrored, Rehearsed, Shadowed
from windtunnel.core.errors import CommitConflict, ModelRejected, SourceMissing
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings

if TYPE_CHECKING:
    import pyarrow as pa

    from windtunnel.ml.shadow import Comparison

log = logging.getLogger(__name__)


def judge(rehearsed: Rehearsed, mirrored: Mirrored | None, owner: str) -> Shadowed:
    """Take the shadow off, prove that the champion serves as before, and say what the shadow showed.

    Called again it finds the comparison of the same shadow and judges by that.

    Args:
        rehearsed: The version, after its rehearsal.
        mirrored: Its shadow, from the moment it stood until it had stood enough; None for a first release.
        owner: `shadow:<run id>`.

    Raises:
        ModelRejected: It failed as a shadow; the ledger says `stopped`, and the report has every number.
        FenceLost: Someone else has taken the lease over, such as a rollback; nothing was touched.
        ServiceUnavailable: SageMaker did not take the shadow off; a later try may succeed.
    """
    registered = rehearsed.registered
    log.info("judge: %s of %s", registered.version, registered.model)
    if mirrored is None:
        return _first(rehearsed, owner)
    shadow.take_off(mirrored.champion, mirrored.lease)
    found = shadow.prove_off(mirrored.champion)
    report = settings().uri("shadows", registered.model, registered.version, str(mirrored.epoch), "shadow.json")
    shadowed = _shadowed(mirrored, _compared(mirrored, found, report), report)
    ledger.move(
        registered.model,
        registered.version,
        "shadowed" if shadowed.passed else "stopped",
        by=owner,
        why=shadowed.sentence,
        evidence={"shadow": report},
        lease=mirrored.lease,
    )
    ledger.give_back(mirrored.lease)
    log.info("judge: %s %s", shadowed.sentence, report)
    if not shadowed.passed:
        raise ModelRejected(
            f"`{registered.version}` of `{registered.model}` is stopped; `{shadowed.champion}` serves as before. "
            f"{shadowed.sentence} Train a version that holds its own.",
            report=report,
        )
    return shadowed


def _first(rehearsed: Rehearsed, owner: str) -> Shadowed:
    registered = rehearsed.registered
    shadowed = Shadowed(
        rehearsed=rehearsed,
        champion=None,
        passed=True,
        sentence="A first release: nothing was in service to stand beside, so it was checked on staging only.",
        checks=(),
        requests=0,
        labelled=0,
        report=None,
    )
    evidence = {"rehearsal": rehearsed.report}
    ledger.move(registered.model, registered.version, "shadowed", by=owner, why=shadowed.sentence, evidence=evidence)
    log.info("judge: %s", shadowed.sentence)
    return shadowed


def _shadowed(mirrored: Mirrored, comparison: Comparison, report: str) -> Shadowed:
    return Shadowed(
        rehearsed=mirrored.rehearsed,
        champion=mirrored.champion.version,
        passed=comparison.passed,
        sentence=comparison.sentence,
        checks=comparison.checks,
        requests=comparison.requests,
        labelled=comparison.labelled_requests,
        report=report,
    )


def _compared(mirrored: Mirrored, found: dict[str, Any], report: str) -> Comparison:
    """What the shadow showed: kept since an earlier try, or read now."""
    from windtunnel.ml.shadow import Comparison

    if objects.exists(report):
        return Comparison.model_validate(objects.get_json(report)["comparison"])
    comparison, read_from = _read(mirrored, found, report.removesuffix("/shadow.json"))
    said = {
        "model": mirrored.champion.model,
        "version": mirrored.rehearsed.registered.version,
        "champion": mirrored.champion.version,
        "shadow_config": mirrored.shadow_config,
        "endpoint_config": found["EndpointConfigName"],
        "since": mirrored.since.isoformat(),
        "until": mirrored.until.isoformat(),
        "unit": model_spec(mirrored.champion.model).unit,
        "comparison": comparison.model_dump(mode="json"),
        "computed_from": read_from,
    }
    try:
        with shared_write("shadow.report"):
            objects.put_json(report, said)
    except CommitConflict:  # another copy of this task was first, and some captures had not come by then
        return Comparison.model_validate(objects.get_json(report)["comparison"])
    return comparison


def _read(mirrored: Mirrored, found: dict[str, Any], folder: str) -> tuple[Comparison, dict[str, Any]]:
    from windtunnel.ml.pairing import pair
    from windtunnel.ml.shadow import compare

    spec = model_spec(mirrored.champion.model)
    captures = f"{endpoint.capture_prefix(spec.name)}/{endpoint.endpoint_name(spec.name)}"
    captured = {
        variant: capture.exchanges(f"{captures}/{variant}/", spec, mirrored.since, found["LastModifiedTime"])
        for variant in (endpoint.VARIANT, endpoint.SHADOW)
    }
    pairs = pair(captured[endpoint.VARIANT].requests, captured[endpoint.SHADOW].requests)
    truth, labels = _truth(spec.name, pairs.rows["key"])
    champion, candidate = (
        invocations.service(spec.name, variant, mirrored.since, mirrored.until)
        for variant in (endpoint.VARIANT, endpoint.SHADOW)
    )
    read_from = {
        "captures": captures,
        "unreadable": {variant: captured[variant].unreadable for variant in captured},
        "labels": labels and {"table": labels.table, "tag": labels.tag, "snapshot_id": labels.snapshot_id},
        "pairs": _keep(parquet.encode(pairs.rows), folder),
    }
    return compare(pairs, truth, champion, candidate, spec), read_from


def _keep(pairs: bytes, folder: str) -> str:
    """Under their digest: captures come late, so a try after one that died may find more than it did."""
    address = f"{folder}/pairs-{hashlib.sha256(pairs).hexdigest()[:16]}.parquet"
    return objects.put_once(address, pairs, content_type="application/vnd.apache.parquet")


def _truth(model: str, keys: pa.ChunkedArray) -> tuple[pa.Table, DatasetVersion | None]:
    """Key, event time and target of the rows that were asked about, as far as the newest dataset version has them.

    Newest months first: what was asked lately lies there, and the rest is not read once all keys are found.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from windtunnel.ml.schema import arrow_schema

    spec = model_spec(model)
    columns = (spec.key, spec.event_time, spec.target)
    wanted = pc.unique(keys.drop_null())
    parts = [arrow_schema(spec).empty_table().select(columns)]
    try:
        labels = lake.current(model)
    except SourceMissing:
        return parts[0], None
    for month in reversed(lake.months(labels.table, labels.snapshot_id)):
        if sum(map(len, parts)) >= len(wanted):
            break
        rows = lake.rows(labels.table, labels.snapshot_id, month, columns)
        rows = rows.set_column(0, spec.key, rows[spec.key].cast(pa.string()))
        parts.append(rows.filter(pc.is_in(rows[spec.key], value_set=wanted)))
    return pa.concat_tables(parts, promote_options="default"), labels
