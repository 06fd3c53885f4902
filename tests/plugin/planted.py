"""Models that were never trained, as the stages would have shown them: documents made from the stages' own contracts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from windtunnel.core.contracts import feed as made

BEGAN = datetime(2026, 1, 1, 6, tzinfo=UTC)
SHA = "5e" * 32


def report(kind: made.ReportKind, address: str, title: str = "") -> made.FeedReport:
    """A report at an address, under the id that the feed gives it."""
    identity = hashlib.sha256(address.encode()).hexdigest()[:32]
    return made.FeedReport(id=identity, kind=kind, title=title or kind, address=address)


def version(at: int, **changes: Any) -> made.FeedVersion:
    """V1.1.<at>, as good as the others."""
    values: dict[str, Any] = {
        "version": f"V1.1.{at}",
        "state": "retired",
        "created_at": BEGAN + timedelta(days=at),
        "requested_by": "new data",
        "reason": "A month was published.",
        "dataset_tag": f"d{at + 1}",
        "snapshot_id": str(9_000_000 + at),
        "train": "2026-01-01_2026-04-01",
        "holdout": "2026-04",
        "train_rows": 80_789,
        "hyperparameters": {"max_iter": str(100 + at)},
        "git_commit": "c0ffee" * 6 + "c0ff",
        "image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/windtunnel-model:local",
        "artefact_sha256": SHA,
        "package_arn": f"arn:aws:sagemaker:us-east-1:000000000000:model-package/m/{at + 1}",
        "metrics": {"rmse": 18.4 - at / 100, "r2": 0.85, "champion_rmse": 18.5, "linear_rmse": 18.6},
        "gate": "promote",
        "gate_sentence": "It is better by 0.5%.",
        "forced_by": None,
        "dossier": None,
        "dossier_sha256": None,
        "approved_by": "rita",
    }
    return made.FeedVersion(**{**values, **changes})


def window(at: int, **changes: Any) -> made.FeedWindow:
    """A quiet week."""
    first = BEGAN.date() + timedelta(days=7 * at)
    values: dict[str, Any] = {
        "label": f"{first}_{first + timedelta(days=7)}",
        "version": "V1.1.0",
        "labelled": 6_464,
        "coverage": 0.997,
        "error": 17.0 + at / 10,
        "expected": 23.9,
        "worse": False,
        "drift": 0.4,
        "drifted": (),
        "failed": (),
        "says": "quiet",
        "report": None,
    }
    return made.FeedWindow(**{**values, **changes})


def batch(at: int, **changes: Any) -> made.FeedBatch:
    """A month that was published whole."""
    values: dict[str, Any] = {
        "label": f"2026-{at + 1:02d}",
        "work": f"{at:016x}",
        "start": f"2026-{at + 1:02d}-01",
        "end": f"2026-{at + 2:02d}-01",
        "at": BEGAN + timedelta(days=31 * at),
        "published": True,
        "tag": f"d{at + 1}",
        "rows": 28_000,
        "quarantined": 0,
        "reasons": (),
        "unmet": (),
        "reports": (),
        "rejected": None,
    }
    return made.FeedBatch(**{**values, **changes})


def document(model: str, count: int = 3, **changes: Any) -> made.Feed:
    """A model with so many versions, the last but one in service.

    Args:
        model: Its name.
        count: Of versions.
        changes: Fields of the `Feed`, or of its summary where they are the summary's.
    """
    versions = [version(at) for at in range(count)]
    champion = versions[max(count - 2, 0)].version if count else None
    versions = [v.model_copy(update={"state": "live"}) if v.version == champion else v for v in versions]
    entries = [
        made.FeedEntry(
            sequence=at + 1, version=v.version, state=v.state, at=v.created_at, by="train:run", why="It was due."
        )
        for at, v in enumerate(versions)
    ]
    services = [
        made.FeedService(version=v.version, since=v.created_at, until=after.created_at if after else None)
        for v, after in zip(versions, [*versions[1:], None], strict=True)
        if v.version <= (champion or "") or len(v.version) < len(champion or "")
    ]
    windows = [window(at) for at in range(4)]
    verdict = made.FeedVerdict(
        at=BEGAN + timedelta(days=60),
        version=champion or "V1.1.0",
        label=windows[-1].label,
        word="ignore",
        sentence="Nothing to do.",
        id="0" * 32,
        asks=False,
    )
    said: dict[str, Any] = {
        "model": model,
        "about": "Planted for the tests of the pages.",
        "owner": "windtunnel",
        "task": "regression",
        "unit": "minutes",
        "metric": "rmse",
        "at": BEGAN + timedelta(days=90),
        "generation": 1,
        "versions": count,
        "champion": champion,
        "champion_since": BEGAN,
        "awaiting": (),
        "releasing": None,
        "verdict": verdict,
        "windows": tuple(windows),
        "data_until": "2026-05-01",
        "data_at": BEGAN + timedelta(days=124),
        "data_due": None,
        "refused": None,
    }
    own = {name: value for name, value in changes.items() if name in said and name not in made.Feed.model_fields}
    values: dict[str, Any] = {
        "summary": made.FeedSummary(**{**said, **own}),
        "versions": tuple(reversed(versions)),
        "entries": tuple(reversed(entries)),
        "services": tuple(reversed(services)),
        "windows": tuple(reversed(windows)),
        "verdicts": (verdict,),
        "batches": tuple(batch(at) for at in reversed(range(4))),
        "predictions": (),
        "reports": (),
    }
    rest = {name: value for name, value in changes.items() if name not in own}
    return made.Feed(**{**values, **rest})


def put(s3: Any, bucket: str, documents: Iterable[made.Feed]) -> None:
    """Write them where the pages read."""
    for one in documents:
        folder = f"feed/{one.summary.model}"
        body = json.dumps(one.to_json()).encode()
        s3.put_object(Bucket=bucket, Key=f"{folder}/model.json", Body=body)
        s3.put_object(Bucket=bucket, Key=f"{folder}/summary.json", Body=json.dumps(one.summary.to_json()).encode())


def month(label: str, digits: int) -> made.FeedMonth:
    """A month whose predictions can be looked up."""
    return made.FeedMonth(label=label, digits=digits, made_of="collected")


def json_of(value: Any) -> bytes:
    """A value as an object of S3."""
    return json.dumps(value).encode()


def reason(text: str, rows: int) -> made.FeedReason:
    """Why rows were set aside."""
    return made.FeedReason(reason=text, rows=rows)


def verdict(word: str, sentence: str) -> made.FeedVerdict:
    """What the monitor says."""
    return document("any").verdicts[0].model_copy(update={"word": word, "sentence": sentence})
