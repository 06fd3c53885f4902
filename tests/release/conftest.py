"""Fixtures of the release tests: versions that really serve, and an AWS that misbehaves when told."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.flown import flights_aws, release_of_its_own
from tests.release.released import patient, thresholds

__all__ = ["flights_aws", "misbehave", "patient", "release_of_its_own", "thresholds"]


@pytest.fixture
def misbehave(aws_url: str) -> Iterator[Callable[..., Callable[[], int]]]:
    """Tell the embedded AWS of `lake_of_its_own` to misbehave: `misbehave(kind="drop_reply", operation="s3:Put*")`.

    Returns a function that says how often it has misbehaved since.
    """

    def call(method: str, fault: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        body = json.dumps(fault or {}).encode()
        request = urllib.request.Request(f"{aws_url}/_localaws/faults", body, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own address
            assert answer.status < 300
            return list(json.load(answer)["faults"])

    def arm(**fault: Any) -> Callable[[], int]:
        at = len(call("PUT", fault)) - 1
        return lambda: int(call("GET")[at]["struck"])

    yield arm
    call("DELETE")
