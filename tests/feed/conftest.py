"""Fixtures of the feed's tests: the small model of the ingest tests, in a lake and a ledger of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import windtunnel.models
from tests.data import journey
from tests.release.conftest import misbehave
from windtunnel.aws.clients import client
from windtunnel.core import catalog

__all__ = ["misbehave", "trips"]


@pytest.fixture
def trips(lake_of_its_own: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The only model there is, with an empty source. Returns its name."""
    del lake_of_its_own
    monkeypatch.setattr(windtunnel.models, "__path__", windtunnel.models.__path__)
    monkeypatch.setattr(catalog, "MODELS", catalog.MODELS)
    journey.use_trips()
    s3 = client("s3")
    s3.create_bucket(Bucket=journey.TRIPS)
    for found in s3.list_objects_v2(Bucket=journey.TRIPS).get("Contents", []):
        s3.delete_object(Bucket=journey.TRIPS, Key=found["Key"])
    yield "trips"
    monkeypatch.undo()
    journey.forget()
