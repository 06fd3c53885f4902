"""What a dossier is made of, read back from where the stages left it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot, ancestors_of

from windtunnel.aws import drills, lake, landing, ledger, objects, reports
from windtunnel.aws.clients import client
from windtunnel.core.contracts import LandedFile, RegisteredVersion, TrainingPlan
from windtunnel.core.errors import SourceMissing
from windtunnel.core.settings import settings
from windtunnel.core.window import Window
from windtunnel.ml.dossier import Month, Step
from windtunnel.ml.test_score import Dated


def months(plan: TrainingPlan) -> tuple[Month, ...]:
    """Every month of a training and its holdout: what was published, quarantined and expected of it.

    Raises:
        SourceMissing: The snapshot, or the report of a month, is gone.
    """
    return tuple(_month(plan, month, snapshot, tag) for month, snapshot, tag in _publications(plan))


def lineage(registered: RegisteredVersion) -> tuple[Step, ...]:
    """From the source files to the version, each with its address and digest as far as they are known."""
    evaluated, plan = registered.evaluated, registered.evaluated.plan
    files = tuple(
        Step(
            what=f"source file of {month.label}",
            name=found.uri.rpartition("/")[2],
            address=found.uri,
            digest=found.sha256,
        )
        for month, snapshot, _ in _publications(plan)
        if (found := _landed(plan.model, month, lake.properties(snapshot)[f"work.{month.label}"]))
    )
    return (
        *files,
        _step("dataset version", plan.dataset.tag, plan.dataset.table, plan.dataset.snapshot_id),
        _step("training manifest", plan.job_name, plan.train_manifest, _sha256(plan.train_manifest)),
        _step("holdout manifest", plan.job_name, plan.holdout_manifest, _sha256(plan.holdout_manifest)),
        _step("work", plan.job_name, None, plan.work_key),
        _step("code", f"commit {plan.git_commit}", None, plan.code_sha256),
        _step("model's folder", _folder(plan), None, plan.folder_sha256),
        _step("image", plan.image, None, None),
        _step("artefact", plan.job_name, evaluated.model_data, evaluated.artefact_sha256),
        _step("evaluation", plan.job_name, evaluated.evaluation, _sha256(evaluated.evaluation)),
        _step("gate", registered.gate.answer, registered.gate.report, _sha256(registered.gate.report)),
        _step("package", registered.package_arn.rpartition("model-package/")[2], registered.package_arn, None),
        _step("version", registered.version, None, None),
    )


def last_rollout(model: str) -> Dated | None:
    """The ledger's entry of the last time that a version took over from another one and was proved."""
    champion = ledger.live(model)
    if champion is None or ledger.live_at(model, champion.live_since - timedelta(microseconds=1)) is None:
        return None
    entry = next(e for e in reversed(ledger.history(model, champion.version).entries) if e.state == "live")
    return Dated(f"ledger of {model}, entry {entry.sequence}", entry.at)


def last_drill(model: str) -> Dated | None:
    """The record of the last rollback drill on the staging endpoint."""
    found = drills.drills(model)
    return Dated(found[-1].report, found[-1].drilled_at) if found else None


def written_at(address: str) -> datetime | None:
    """When an object was written, to the second; None where there is none."""
    bucket, key = objects.split(address)
    try:
        return client("s3").head_object(Bucket=bucket, Key=key)["LastModified"].astimezone(UTC)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return None


def _publications(plan: TrainingPlan) -> Iterator[tuple[Window, Snapshot, str]]:
    """The snapshot that published each month of a plan's data, and its tag, oldest month first."""
    found = lake.table(plan.dataset.table)
    tags = {ref.snapshot_id: name for name, ref in found.refs().items() if ref.snapshot_ref_type == "tag"}
    line = list(ancestors_of(_snapshot(found, plan.dataset.snapshot_id), found.metadata))
    for month in lake.months(plan.dataset.table, plan.dataset.snapshot_id):
        if month.end <= plan.train.start or plan.holdout.end <= month.start:
            continue
        made = next(snapshot for snapshot in line if f"work.{month.label}" in lake.properties(snapshot))
        yield month, made, tags.get(made.snapshot_id, "untagged")


def _snapshot(found: Table, snapshot_id: str) -> Snapshot:
    snapshot = found.snapshot_by_id(int(snapshot_id))
    if snapshot is None:
        raise SourceMissing(
            f"Snapshot `{snapshot_id}` of `{'.'.join(found.name())}` is gone: what this version was trained on cannot be "
            "shown any more. Train it anew on the data that is there."
        )
    return snapshot


def _month(plan: TrainingPlan, month: Window, snapshot: Snapshot, tag: str) -> Month:
    said = lake.properties(snapshot)
    rows, audit = (_report(said[name], month) for name in ("rows-report", "report"))
    results = [*rows["results"], *audit["results"]]
    met = [result for result in results if result["success"]]
    return Month(
        month=month,
        tag=tag,
        rows=sum(file.rows for file in lake.files(plan.dataset.table, plan.dataset.snapshot_id, month)),
        quarantined=rows["quarantined"],
        reasons=rows["reasons"],
        expectations=len(results),
        met=len(met),
        unmet=tuple(reports.words(result) for result in results if not result["success"]),
        columns=tuple(sorted({column for result in met if (column := _kwargs(result).get("column"))})),
        report=said["report"],
    )


def _report(page: str, month: Window) -> dict[str, Any]:
    """The JSON beside a page of Great Expectations; where the page lists months, that of the month."""
    address = page.removesuffix(".html") + ".json"
    try:
        document: dict[str, Any] = objects.get_json(address)
        return document if "results" in document else _report(document[month.label], month)
    except client("s3").exceptions.NoSuchKey as error:
        raise SourceMissing(
            f"`{address}` is gone: what was expected of {month.label} cannot be shown. Clear the run of `ingest` that "
            "published this month, which writes it again."
        ) from error


def _kwargs(result: dict[str, Any]) -> dict[str, Any]:
    kwargs: dict[str, Any] = result["expectation_config"]["kwargs"]
    return kwargs


def _landed(model: str, month: Window, work: str) -> LandedFile | None:
    """The landed file that a published month was made of; None where none of those there is it under today's rules."""
    for uri in objects.keys(settings().uri("landing", model, month.label, "")):
        body = objects.get(uri)
        file = LandedFile(
            model=model, window=month, uri=uri, sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body)
        )
        if landing.work_of(file) == work:
            return file
    return None


def _sha256(address: str) -> str | None:
    return hashlib.sha256(objects.get(address)).hexdigest() if objects.exists(address) else None


def _folder(plan: TrainingPlan) -> str:
    revision = f"revision {plan.tag}.{plan.revision}"
    return f"{revision} of commit {plan.commit}" if plan.commit else revision


def _step(what: str, name: str, address: str | None, digest: str | None) -> Step:
    return Step(what=what, name=name, address=address, digest=digest)
