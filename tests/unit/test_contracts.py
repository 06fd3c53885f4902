from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from windtunnel.core.contracts import CheckedFile, DatasetVersion, LandedFile
from windtunnel.core.window import Window

LANDED = LandedFile(
    model="flights", window=Window.month("2013-01"), uri="s3://b/landing/x.csv", sha256="0" * 64, size_bytes=3
)


def test_a_contract_comes_back_from_its_json() -> None:
    checked = CheckedFile(landed=LANDED, rows=2, flagged="s3://b/flagged.json", report="s3://b/raw.html")
    assert CheckedFile.from_json(json.loads(json.dumps(checked.to_json()))) == checked


def test_a_snapshot_id_keeps_all_its_64_bits() -> None:
    version = DatasetVersion(
        model="flights",
        table="windtunnel.flights",
        snapshot_id=str(2**63 - 1),
        tag="d1",
        window=LANDED.window,
        rows=1,
        quarantined=0,
        report="s3://b/audit.html",
    )
    assert DatasetVersion.from_json(json.loads(json.dumps(version.to_json()))).snapshot_id == "9223372036854775807"


def test_a_contract_takes_no_unknown_name_and_does_not_change() -> None:
    with pytest.raises(ValidationError):
        LandedFile.from_json(LANDED.to_json() | {"latest": True})
    with pytest.raises(ValidationError):
        LANDED.uri = "s3://b/other.csv"  # type: ignore[misc]


def test_nothing_stays_nothing() -> None:
    assert LandedFile.optional(None) is None
    assert LandedFile.optional(LANDED.to_json()) == LANDED
