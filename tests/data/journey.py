"""The five stages in a row. As a program it waits before `publish`, so that two of them publish at the same time.

python -m tests.data.journey <model> <start> <end>     says `audited`, waits for a line, says the version as JSON
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import windtunnel.models
from windtunnel.aws import lake
from windtunnel.aws.clients import client
from windtunnel.core import catalog, settings
from windtunnel.core.contracts import AuditedBranch, DatasetVersion
from windtunnel.core.window import Window

MODELS = Path(__file__).parent / "models"
TRIPS = "trips-source"
HEADER = "trip,started_at,line,stops,minutes"


def ingest(model: str, window: Window) -> DatasetVersion:
    """From the source to a dataset version."""
    from windtunnel.stages.publish import publish

    return publish(until_audited(model, window))


def until_audited(model: str, window: Window) -> AuditedBranch:
    """From the source to a branch that awaits publication."""
    from windtunnel.stages.audit import audit
    from windtunnel.stages.check import check
    from windtunnel.stages.extract import extract
    from windtunnel.stages.load import load

    return audit(load([check(file) for file in extract(model, window)]))


def drop(month: str, rows: Sequence[str] | bytes) -> None:
    """Put a month of trips where the model expects it: data lines under the right header, or a whole file."""
    body = rows if isinstance(rows, bytes) else "\n".join([HEADER, *rows, ""]).encode()
    client("s3").put_object(Bucket=TRIPS, Key=f"{month}.csv", Body=body)


def trip(month: str, number: int, minutes: float = 10.5) -> str:
    """A good line."""
    return f"{month}-{number},{month}-{1 + number % 28:02d}T08:00:00,A{number % 5},{1 + number % 9},{minutes}"


def use_trips() -> None:
    """Let `trips` be the only model."""
    windtunnel.models.__path__ = [str(MODELS), *windtunnel.models.__path__]
    catalog.MODELS = MODELS
    forget()


def forget() -> None:
    """Drop what was cached of another environment or other models."""
    client.cache_clear()  # type: ignore[attr-defined]  # typed as the overloads it caches
    lake.catalog.cache_clear()
    settings.settings.cache_clear()
    catalog.model_names.cache_clear()
    catalog.model_spec.cache_clear()


def main(model: str, start: str, end: str) -> None:
    """One ingestion, with a stop before it becomes visible."""
    from windtunnel.stages.publish import publish

    if model == "trips":
        use_trips()
    audited = until_audited(model, Window.parse(start, end))
    print("audited", flush=True)
    sys.stdin.readline()
    print(json.dumps(publish(audited).to_json()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
