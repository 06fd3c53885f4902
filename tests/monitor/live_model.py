"""A live model as monitoring finds it: months in the lake, versions in service, and what SageMaker captured of them.

Within a test that uses `lake_of_its_own` (or `release_of_its_own`), the shortest way to the contracts of monitoring:

    collected()                      a real `CollectedPredictions`: the stages absorb and collect over March 2013
    watched()                        the same world, before absorb and collect: labels, champion, control

and piece by piece:

    publish(month, rows)             a dataset version, as `ingest` publishes it
    register(dataset, ...)           a registered version with holdout predictions (its artefact does not exist; for
                                     one that does, `with clock(moment): flown.registered("good")`)
    serve(version, since)            in service since then, by the ledger's own transitions
    Traffic().fly(rows); .capture()  each flight asked when it leaves; `ask` asks one per second
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import distribution
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from tests import candidate
from windtunnel.aws import endpoint, lake, ledger, objects, publication, tables
from windtunnel.aws.ledger import journal
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import CollectedPredictions, DatasetVersion, RegisteredVersion, Release
from windtunnel.core.settings import settings
from windtunnel.core.spec import PackageCsv
from windtunnel.core.window import Window
from windtunnel.core.workkey import work_key
from windtunnel.ml import schema
from windtunnel.stages.absorb import absorb
from windtunnel.stages.collect import collect
from windtunnel.stages.register import register as into_registry

SPEC = model_spec("flights")
TRAIN, HOLDOUT = Window.month("2013-01"), Window.month("2013-02")
MARCH = Window.month("2013-03")


@cache
def flights() -> pd.DataFrame:
    """The real flights of 2013, with the published columns."""
    assert isinstance(SPEC.source, PackageCsv)
    raw = pd.read_csv(str(distribution(SPEC.source.distribution).locate_file(SPEC.source.member)))
    rows: pd.DataFrame = SPEC.derive(raw)
    return rows[[column.name for column in SPEC.columns]].reset_index(drop=True)


def rows_of(window: Window) -> pd.DataFrame:
    """The flights of a window."""
    moments = flights()[SPEC.event_time]
    return flights()[(moments >= pd.Timestamp(window.start)) & (moments < pd.Timestamp(window.end))]


def departed(window: Window) -> pd.DataFrame:
    """Those that can be asked for."""
    rows = rows_of(window)
    return rows[rows[SPEC.eligible] == 1]


def prediction_of(rows: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What our model says: arrivals catch up four minutes."""
    return (rows["dep_delay"] - 4).to_numpy(dtype=np.float64)


def publish(month: Window, rows: pd.DataFrame) -> DatasetVersion:
    """Publish the rows of a month as `ingest` does."""
    name, columns, key = lake.table_name(SPEC.name), schema.arrow_schema(SPEC), uuid.uuid4().hex
    lake.ensure()
    tables.make_table(name, columns, SPEC.event_time)
    files = tables.write(name, schema.to_arrow(rows, columns), month)
    said = {
        "model": SPEC.name,
        "window-start": str(month.start),
        "window-end": str(month.end),
        "work-key": key,
        "rows": str(len(rows)),
        "quarantined": "0",
        "rows-report": "s3://none/rows",
        "report": "s3://none/audit",
    }
    staged = publication.stage(name, f"audit-{key[:16]}", files, month, {month.label: key}, said)
    return publication.publish(name, str(staged.snapshot_id), f"audit-{key[:16]}", month)


@contextmanager
def clock(moment: str) -> Iterator[None]:
    """What the ledger writes meanwhile, it writes at a moment, UTC; never before its newest entry."""
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal.Head, "now", lambda head: max(at, head.at))
        yield


def register(
    dataset: DatasetVersion, *, train: Window = TRAIN, holdout: Window = HOLDOUT, at: str = "2013-02-28T12:00"
) -> RegisteredVersion:
    """A version trained on `train` and judged on `holdout`, with the predictions `evaluate` leaves behind."""
    key = work_key(snapshot=dataset.snapshot_id, train=str(train), holdout=str(holdout), bucket=settings().bucket)
    plan = candidate.plan(
        dataset=dataset,
        train=train,
        holdout=holdout,
        work_key=key,
        job_name=f"flights-{key[:16]}",
        image=settings().model_image,
    )
    folder = settings().uri("evaluations", "flights", plan.job_name)
    judged = departed(holdout).dropna(subset=[SPEC.target])
    body = io.BytesIO()
    judged.assign(prediction=prediction_of(judged).astype(np.float32)).to_parquet(body, index=False)
    objects.put(f"{folder}/holdout.parquet", body.getvalue(), content_type="application/vnd.apache.parquet")
    evaluated = candidate.evaluated(
        plan=plan,
        model_data=settings().uri("jobs", plan.job_name, "output", "model.tar.gz"),
        evaluation=f"{folder}/evaluation.json",
    )
    with clock(at):
        made = into_registry(candidate.gated(evaluated=evaluated, gate=candidate.gate(report=f"{folder}/gate.json")))
    assert made is not None
    return made


def serve(version: RegisteredVersion, since: str, *, begun: str | None = None) -> RegisteredVersion:
    """Release a version in the ledger; the endpoint is not touched.

    Args:
        version: Registered before that.
        since: When it is in service alone, ISO, UTC.
        begun: When the release begins and two versions may answer; None: at the same moment.
    """
    model, name = version.model, version.version
    with clock(begun or since):
        for state in ("rehearsed", "awaiting-approval", "approved"):
            ledger.move(model, name, state, by="rita", why="It flies.", evidence={"state": state})
        lease, previous = ledger.take(model, f"rollout:{name}"), ledger.live(model)
        config = f"flights-{name.replace('.', '-')}"
        evidence = {"endpoint_config": config}
        ledger.move(model, name, "releasing", by="rita", why="It flies.", evidence=evidence, lease=lease)
    release = Release(
        registered=version,
        previous=previous,
        owner=lease.owner,
        epoch=lease.epoch,
        endpoint_config=config,
        by="rita",
        why="It flies.",
    )
    with clock(since):
        ledger.go_live(release, candidate.proof(version, config))
    ledger.give_back(lease)
    return version


class Watched(NamedTuple):
    """A model in service, what it was asked, and the labels."""

    champion: RegisteredVersion
    control: RegisteredVersion | None
    labels: DatasetVersion


def watched(month: Window = MARCH, *, rows: int | None = 2_000, shift: float = 0.0, control: bool = True) -> Watched:
    """Two versions in service one after the other, and the flights of a month asked and published.

    Both are trained on January and judged on February; the control serves from the 28th of February on, the champion
    from the first of March; each answers that arrivals catch up four minutes.

    Args:
        month: What is asked and then published: labels and recorded features.
        rows: So many of the month's flights are asked, spread over it; None: all.
        shift: Minutes that the answers are off.
        control: Whether a version served before the champion.
    """
    publish(TRAIN, rows_of(TRAIN))
    trained = publish(HOLDOUT, rows_of(HOLDOUT))
    before = serve(register(trained), "2013-02-28T13:00") if control else None
    champion = register(trained, train=Window.parse("2013-01-02", "2013-02-01"))
    serve(champion, "2013-03-01T00:00")
    asked = departed(month)
    if rows is not None:
        asked = asked.iloc[np.linspace(0, len(asked) - 1, min(rows, len(asked))).astype(int)]
    traffic = Traffic()
    traffic.fly(asked, prediction_of(asked) + shift)
    traffic.capture()
    return Watched(champion, before, publish(month, rows_of(month)))


def collected(month: Window = MARCH, **world: Any) -> CollectedPredictions:
    """A real `CollectedPredictions` by the stages absorb and collect.

    Args:
        month: The span.
        world: As in `watched`.
    """
    champion, control, labels = watched(month, **world)
    made = collect(champion, control, month, labels, absorb(SPEC.name))
    assert made is not None
    return made


@dataclass
class Traffic:
    """Requests and answers of the live endpoint, written to S3 as SageMaker's data capture does."""

    moment: pd.Timestamp = field(default_factory=lambda: pd.Timestamp("2026-11-20T10:00:00"))
    lines: list[tuple[pd.Timestamp, bytes]] = field(default_factory=list)

    def ask(self, rows: pd.DataFrame, answers: Iterable[float] | None = None) -> None:
        """One request per row and second, named after its key; the model's answers unless others are given."""
        given = prediction_of(rows) if answers is None else answers
        features = json.loads(rows[list(SPEC.features)].to_json(orient="records"))
        for key, row, answer in zip(rows[SPEC.key], features, given, strict=True):
            self.request([row], [float(answer)], inference_id=key)

    def fly(self, rows: pd.DataFrame, answers: Iterable[float] | None = None) -> None:
        """As `ask`, each at its event time, the earliest first."""
        given = prediction_of(rows) if answers is None else np.fromiter(answers, np.float64)
        said = rows.assign(said=given).sort_values(SPEC.event_time)
        features = json.loads(said[list(SPEC.features)].to_json(orient="records"))
        columns = (said[SPEC.key], said[SPEC.event_time], features, said["said"])
        for key, moment, row, answer in zip(*columns, strict=True):
            self.moment = moment - pd.Timedelta(seconds=1)
            self.request([row], [float(answer)], inference_id=key)

    def request(self, rows: list[dict[str, Any]], answers: list[float], *, inference_id: str | None = None) -> None:
        """One request with any number of rows."""
        self.moment += pd.Timedelta(seconds=1)
        event = {"eventId": str(uuid.uuid4()), "inferenceTime": f"{self.moment.isoformat()}Z"}
        if inference_id is not None:
            event["inferenceId"] = inference_id
        said = {"observedContentType": "application/json", "encoding": "JSON"}
        data = {
            "endpointInput": {**said, "mode": "INPUT", "data": json.dumps({"instances": rows})},
            "endpointOutput": {**said, "mode": "OUTPUT", "data": json.dumps({"predictions": answers})},
        }
        line = {"captureData": data, "eventMetadata": event, "eventVersion": "0"}
        self.lines.append((self.moment, json.dumps(line).encode()))

    def capture(self, *, lines_per_file: int = 997) -> None:
        """Write what was said since the last call; a file lies in the hour of its first request."""
        prefix = f"{endpoint.capture_prefix(SPEC.name)}/{endpoint.endpoint_name(SPEC.name)}/{endpoint.VARIANT}"
        for start in range(0, len(self.lines), lines_per_file):
            part = self.lines[start : start + lines_per_file]
            uri = f"{prefix}/{part[0][0]:%Y/%m/%d/%H}/{uuid.uuid4()}.jsonl"
            body = b"\n".join(line for _, line in part) + b"\n"
            objects.put(uri, body, content_type="application/jsonlines")
        self.lines.clear()
