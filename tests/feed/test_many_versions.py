"""A thousand versions: the first show reads the record of each once, every later one those that are new."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable
from typing import Any

import pytest

from tests import candidate
from tests.feed import pages
from tests.release.flight import MODEL, moved
from tests.release.made import gated
from windtunnel.aws import ledger, objects
from windtunnel.aws.clients import client
from windtunnel.aws.feed import documents
from windtunnel.aws.ledger import journal, table
from windtunnel.core.contracts import Entry, State, VersionRecord
from windtunnel.core.settings import settings
from windtunnel.core.version import Version
from windtunnel.stages.register import register

VERSIONS = 1_000
STATES: tuple[State, ...] = ("allocated", "registered", "expired")
MOVING = "V1.1.7"
"""The one that something happens to; the others' entries are not found by their version, as nobody asks for them."""


@pytest.fixture
def thousand(lake_of_its_own: None) -> None:
    """A ledger as so many versions leave it, item by item as its own functions write them."""
    del lake_of_its_own
    items: list[Any] = []
    sequence = 0
    head = journal.Head(MODEL)
    record = gated("New data.")
    address = objects.put_json(settings().uri("versions", MODEL, "V1.1.0", "record.json"), record.to_json())
    for number in range(VERSIONS):
        version, at = str(Version(1, 1, number)), head.now()
        made = VersionRecord(
            model=MODEL,
            version=version,
            state=STATES[-1],
            work_key=uuid.uuid4().hex * 2,
            package_arn=f"arn:aws:sagemaker:us-east-1:000000000000:model-package/flights/{number + 1}",
            dataset_tag="d4",
            snapshot_id="1",
            table="windtunnel.flights",
            code_sha256="c" * 64,
            git_commit="0" * 40,
            image=record.evaluated.plan.image,
            artefact_sha256="b" * 64,
            requested_by="ingest",
            reason="New data: d4.",
            created_at=at,
        )
        items.append(table.put((MODEL, table.version_key(version)), made.to_json()))
        for state in STATES:
            sequence += 1
            said = {"version": version, "state": state, "by": "ingest", "why": "It flies.", "epoch": None}
            entry = Entry(sequence=sequence, model=MODEL, at=at, evidence={}, **said)
            by_version, by_model = journal._put(entry)
            items += [by_version, by_model] if version == MOVING else [by_model]
        if number:
            bucket, key = objects.split(address)
            target = key.replace("V1.1.0", version)
            client("s3").copy_object(Bucket=bucket, Key=target, CopySource={"Bucket": bucket, "Key": key})
    items.append(table.put(journal.key(MODEL), {"sequence": sequence, "at": head.now().isoformat(), "champion": None}))
    items.append(table.put((MODEL, "counter#000001.000001"), {"next": VERSIONS, "folder_sha256": "f" * 64}))
    _write(items)


def test_a_thousand_versions_are_read_once(thousand: None) -> None:
    del thousand
    with pages.calls() as first:
        feed = pages.shown(MODEL)
    assert [one.version for one in feed.versions] == [
        str(Version(1, 1, number)) for number in reversed(range(VERSIONS))
    ]
    assert len(feed.entries) == VERSIONS * len(STATES)
    assert VERSIONS <= first["s3:GetObject"] <= VERSIONS + 10
    assert sum(first.values()) <= VERSIONS + 60

    moved(MOVING, "awaiting-approval")
    new = register(gated("One more."))
    assert new is not None
    with pages.calls() as later:
        feed = pages.shown(MODEL)
    assert feed.versions[0].version == new.version == f"V1.1.{VERSIONS}"
    assert feed.summary.awaiting == (MOVING,)
    assert feed.summary.versions == VERSIONS + 1
    assert later["s3:GetObject"] <= 10
    assert sum(later.values()) <= 60, later
    assert len(objects.get(documents.address(MODEL, "model.json"))) < 8 * 2**20
    assert ledger.live(MODEL) is None
    assert candidate.gate().answer == feed.versions[0].gate


def _write(items: Iterable[Any]) -> None:
    """Without conditions, so many at once as DynamoDB takes."""
    name, every = settings().ledger_table, iter(items)
    while part := list(itertools.islice(every, 25)):
        asked: Any = {name: [{"PutRequest": {"Item": write["Put"]["Item"]}} for write in part]}
        while asked:
            asked = client("dynamodb").batch_write_item(RequestItems=asked)["UnprocessedItems"]
