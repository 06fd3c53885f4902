"""A live model as monitoring finds it: months in the lake, an evaluated champion, and what SageMaker captured of it."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import distribution
from typing import Any

import numpy as np
import pandas as pd

from tests import candidate
from windtunnel.aws import endpoint, lake, objects, publication, tables
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import DatasetVersion, RegisteredVersion
from windtunnel.core.settings import settings
from windtunnel.core.spec import PackageCsv
from windtunnel.core.window import Window
from windtunnel.ml import schema

SPEC = model_spec("flights")
TRAIN, HOLDOUT = Window.month("2013-01"), Window.month("2013-02")


@cache
def flights() -> pd.DataFrame:
    """The real flights of January to April, with the published columns."""
    assert isinstance(SPEC.source, PackageCsv)
    raw = pd.read_csv(str(distribution(SPEC.source.distribution).locate_file(SPEC.source.member)))
    rows: pd.DataFrame = SPEC.derive(raw[raw.month <= 4])
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


def register(dataset: DatasetVersion) -> RegisteredVersion:
    """A champion trained on `TRAIN` and judged on `HOLDOUT`, with the predictions `evaluate` leaves behind."""
    plan = candidate.plan(dataset=dataset, train=TRAIN, holdout=HOLDOUT)
    folder = settings().uri("evaluations", uuid.uuid4().hex)
    judged = departed(HOLDOUT).dropna(subset=[SPEC.target])
    body = io.BytesIO()
    judged.assign(prediction=prediction_of(judged).astype(np.float32)).to_parquet(body, index=False)
    objects.put(f"{folder}/holdout.parquet", body.getvalue(), content_type="application/vnd.apache.parquet")
    return candidate.registered(evaluated=candidate.evaluated(plan=plan, evaluation=f"{folder}/evaluation.json"))


@dataclass
class Traffic:
    """Requests and answers of the live endpoint, written to S3 as SageMaker's data capture does."""

    moment: pd.Timestamp = field(default_factory=lambda: pd.Timestamp("2026-11-20T10:00:00"))
    lines: list[bytes] = field(default_factory=list)

    def ask(self, rows: pd.DataFrame, answers: Iterable[float] | None = None) -> None:
        """One request per row, named after its key; the model's answers unless others are given."""
        given = prediction_of(rows) if answers is None else answers
        features = json.loads(rows[list(SPEC.features)].to_json(orient="records"))
        for key, row, answer in zip(rows[SPEC.key], features, given, strict=True):
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
        self.lines.append(json.dumps(line).encode())

    def capture(self, *, lines_per_file: int = 997) -> None:
        """Write what was said since the last call; files come in no order of time."""
        prefix = f"{endpoint.capture_prefix(SPEC.name)}/{endpoint.endpoint_name(SPEC.name)}/{endpoint.VARIANT}"
        for start in range(0, len(self.lines), lines_per_file):
            body = b"\n".join(self.lines[start : start + lines_per_file]) + b"\n"
            uri = f"{prefix}/{self.moment:%Y/%m/%d/%H}/{uuid.uuid4()}.jsonl"
            objects.put(uri, body, content_type="application/jsonlines")
        self.lines.clear()
