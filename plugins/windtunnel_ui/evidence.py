"""Reports and rejected rows, served by an id that stands in the model's document; no address comes from a request."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from windtunnel_ui import feed
from windtunnel_ui.store import Read

MOST_BYTES = 24 * 2**20
"""A report over that is not loaded: a page of Evidently has 4 MB."""

ID = re.compile(r"^[0-9a-f]{32}$")

SCRIPTED = frozenset({"drift"})
"""Kinds of report whose pictures are drawn by scripts of their own."""

_CLOSED = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; connect-src 'none'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)


def policy(kind: str) -> str:
    """The Content-Security-Policy that a report of a kind is served with.

    A report holds names and values that came with the data, and Evidently writes them into scripts unescaped. The
    sandbox gives the page an origin of its own: it reaches no cookie, no page of Airflow, and nothing outside.
    """
    if kind in SCRIPTED:
        return f"sandbox allow-scripts; script-src 'unsafe-inline'; {_CLOSED}"
    return f"sandbox; script-src 'none'; {_CLOSED}"


def find(document: dict[str, Any], report_id: str) -> dict[str, Any] | None:
    """The report of an id; None where the model has none."""
    if not ID.match(report_id):
        return None
    return next((report for report in document["reports"] if report["id"] == report_id), None)


def rejected_id(address: str) -> str:
    """The id under which the rejected rows of an address are downloaded."""
    return hashlib.sha256(address.encode()).hexdigest()[:32]


def rejected(document: dict[str, Any], rows_id: str) -> dict[str, Any] | None:
    """The batch whose rejected rows have an id; None where there is none."""
    batches = (batch for batch in document["batches"] if batch["rejected"])
    return next((batch for batch in batches if rejected_id(batch["rejected"]) == rows_id), None)


async def read(address: str, most_bytes: int = MOST_BYTES) -> Read:
    """The bytes of an address that stands in a document.

    Raises:
        Missing: It is not there, or not in the project's bucket.
        Away: S3 does not answer.
        TooLarge: It is larger than a page loads.
    """
    from windtunnel_ui.store import Missing

    bucket, _, key = address.removeprefix("s3://").partition("/")
    if bucket != feed.store.bucket or not key.startswith(("dossiers/", "reports/", "feed/")):
        raise Missing(f"`{address}` is not where reports lie.")
    return await feed.store.get(key, most_bytes)
