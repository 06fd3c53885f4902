"""What the pages say of versions, held against what the ledger and the registry answer."""

from __future__ import annotations

import pytest

from tests.feed import pages
from tests.release import flight
from tests.release.dossiers import waiting
from tests.release.flight import MODEL, moved
from tests.release.made import gated
from windtunnel.aws import ledger, objects, registry
from windtunnel.aws.feed import documents
from windtunnel.core.contracts import Feed, FeedVersion, RegisteredVersion
from windtunnel.stages.register import register

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


def registered(reason: str, **gate: object) -> RegisteredVersion:
    made = register(gated(reason, **gate))
    assert made is not None
    return made


def to_live(version: str) -> None:
    for state in ("rehearsed", "shadowed", "awaiting-approval", "approved"):
        moved(version, state)
    flight.brought_live(flight.released(version, f"rollout:{version}"))


def version(feed: Feed, name: str) -> FeedVersion:
    return next(one for one in feed.versions if one.version == name)


def test_every_version_is_as_the_ledger_and_the_registry_say() -> None:
    first, second = registered("The first."), registered("The second.", forced_by="ada", forced_because="I know.")
    to_live(first.version)
    asked = waiting(requested_by="sam")
    feed = pages.shown(MODEL)
    records = ledger.versions(MODEL)
    assert [one.version for one in feed.versions] == [record.version for record in reversed(records)]
    for record in records:
        one, full = version(feed, record.version), registry.read(str(record.package_arn))
        plan, gate = full.evaluated.plan, full.gate
        for name in ("state", "created_at", "requested_by", "reason", "dataset_tag", "snapshot_id", "image"):
            assert getattr(one, name) == getattr(record, name), name
        assert (one.package_arn, one.artefact_sha256) == (record.package_arn, record.artefact_sha256)
        assert (one.train, one.holdout, one.train_rows) == (plan.train.label, plan.holdout.label, plan.train_rows)
        assert (one.metrics, one.hyperparameters) == (full.evaluated.metrics, plan.hyperparameters)
        assert (one.gate, one.gate_sentence, one.forced_by) == (gate.answer, gate.sentence, gate.forced_by)
    assert version(feed, second.version).forced_by == "ada"
    assert version(feed, first.version).approved_by == "sam"
    assert feed.summary.awaiting == (asked.registered.version,)
    assert (feed.summary.versions, feed.summary.champion) == (3, first.version)


def test_the_whole_journal_stands_newest_first_and_nothing_of_it_is_lost() -> None:
    first = registered("The first.")
    to_live(first.version)
    feed = pages.shown(MODEL)
    entries = ledger.history(MODEL, first.version).entries
    assert [entry.to_json() for entry in reversed(feed.entries)] == [
        entry.model_dump(mode="json", include={"sequence", "version", "state", "at", "by", "why"}) for entry in entries
    ]


def test_a_dossier_is_opened_by_the_version_it_is_about_and_the_newest_one_counts() -> None:
    asked = waiting()
    name = asked.registered.version
    one = version(pages.shown(MODEL), name)
    assert one.dossier == documents.identity(asked.page)
    feed = pages.shown(MODEL)
    (report,) = feed.reports
    assert (report.id, report.kind, report.version) == (one.dossier, "dossier", name)
    assert objects.get(report.address)
    moved(name, "expired", evidence={"dossier": asked.page, "dossier_sha256": asked.sha256})
    newer = {"dossier": "s3://elsewhere/newer.html", "dossier_sha256": "f" * 64}
    moved(name, "awaiting-approval", evidence=newer)
    again = version(pages.shown(MODEL), name)
    assert (again.dossier, again.dossier_sha256) == (documents.identity(newer["dossier"]), newer["dossier_sha256"])


def test_what_was_live_when_is_what_the_ledger_answers() -> None:
    first, second, third = (registered(f"Number {at}.").version for at in range(3))
    to_live(first)
    to_live(second)
    flight.back(first)
    for state in ("rehearsed", "shadowed", "awaiting-approval", "approved"):
        moved(third, state)
    failed = flight.released(third, "rollout:failed")
    during = pages.shown(MODEL)
    assert (during.summary.releasing, during.summary.champion) == (third, first)
    ledger.fell_back(failed, "An alarm rang.")
    feed = pages.shown(MODEL)
    assert [service.version for service in feed.services] == [first, second, first]
    for service in feed.services:
        champion = ledger.live_at(MODEL, service.since)
        assert champion is not None
        assert (champion.version, champion.live_since) == (service.version, service.since)
    assert [service.until for service in feed.services[1:]] == [service.since for service in feed.services[:-1]]
    assert feed.services[0].until is None
    assert (feed.summary.champion_since, feed.summary.releasing) == (feed.services[0].since, None)
    assert [version(feed, name).state for name in (first, second, third)] == ["live", "rolled-back", "rolled-back"]


def test_a_number_without_a_registration_stands_in_the_journal_alone_until_it_has_one() -> None:
    wanted = gated("Killed on the way.")
    name = ledger.allocate(wanted)
    feed = pages.shown(MODEL)
    assert (feed.versions, feed.summary.versions) == ((), 1)
    assert [(entry.version, entry.state) for entry in feed.entries] == [(name, "allocated")]
    assert register(wanted) is not None
    assert [(one.version, one.state) for one in pages.shown(MODEL).versions] == [(name, "registered")]


def test_only_new_versions_are_asked_for() -> None:
    for at in range(5):
        registered(f"Number {at}.")
    pages.shown(MODEL)
    name = registered("One more.").version
    with pages.calls() as made:
        feed = pages.shown(MODEL)
    assert feed.versions[0].version == name
    assert made["sagemaker:DescribeModelPackage"] == 0
    # Four documents, those of the test among them; the newest verdict, and one record.
    assert made["s3:GetObject"] <= 6
