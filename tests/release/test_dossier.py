"""The dossier of a version, from real months in the lake, against the embedded AWS: what it holds, and that it holds."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator

import pandas as pd
import pytest

from tests import flown
from tests.release import findings
from windtunnel.aws import dossiers, evidence, ledger, objects
from windtunnel.aws.clients import client
from windtunnel.core.contracts import Champion, DatasetVersion, Dossier, Shadowed
from windtunnel.core.errors import ReleaseRefused, SourceMissing
from windtunnel.core.settings import settings
from windtunnel.ml.dossier import Document
from windtunnel.stages.document import document

pytestmark = pytest.mark.timeout(1500)
OWN_TAG = 7
"""A generation of the model whose numbers no other test here uses."""


@pytest.fixture(scope="module")
def published(aws_url: str) -> Iterator[DatasetVersion]:
    """January and February in a lake, and a ledger; for all tests of this file."""
    name = f"dossier-{uuid.uuid4().hex[:12]}"
    given = {
        "AWS_ENDPOINT_URL": aws_url,
        "WINDTUNNEL_BUCKET": name,
        "WINDTUNNEL_DATABASE": name.replace("-", "_"),
        "WINDTUNNEL_LEDGER_TABLE": name,
        "WINDTUNNEL_GIT_COMMIT": "9" * 40,
    }
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in given.items():
            patch.setenv(variable, value)
        flown.forget()
        ledger.ensure()
        yield findings.publish()
    flown.forget()


@pytest.fixture(scope="module")
def rows(published: DatasetVersion) -> pd.DataFrame:
    """February, answered."""
    return findings.answered(published)


def first(published: DatasetVersion, rows: pd.DataFrame, champion: Champion | None = None, *, tag: int = 1) -> Shadowed:
    """A version of its own that has passed its rehearsal, and with a champion its shadow."""
    reason = f"Something new, {uuid.uuid4().hex[:8]}."
    hyperparameters = {"max_iter": str(uuid.uuid4().int % 900 + 50)}
    wanted = findings.planned(published, reason=reason, hyperparameters=hyperparameters)
    return findings.shadowed(findings.registered(wanted.model_copy(update={"tag": tag}), rows, champion))


@pytest.fixture(scope="module")
def found(published: DatasetVersion, rows: pd.DataFrame) -> Shadowed:
    """A version that is documented in many tests."""
    return first(published, rows)


@pytest.fixture(scope="module")
def made(found: Shadowed) -> Dossier:
    """Its dossier."""
    dossier = document(found)
    assert dossier is not None
    return dossier


@pytest.fixture(scope="module")
def told(made: Dossier) -> Document:
    """What it says."""
    return Document.from_json(objects.get_json(made.document))


def test_it_lies_under_the_digest_of_its_bytes(made: Dossier) -> None:
    page, body = objects.get(made.page), objects.get(made.document)
    assert (hashlib.sha256(page).hexdigest(), hashlib.sha256(body).hexdigest()) == (made.sha256, made.document_sha256)
    assert made.page == settings().uri("dossiers", "flights", f"{made.sha256}.html")
    assert made.document_sha256 in page.decode()


def test_the_version_waits_for_an_answer_to_exactly_this_page(made: Dossier) -> None:
    history = ledger.history("flights", made.registered.version)
    assert history.record.state == "awaiting-approval"
    assert history.entries[-1].evidence["dossier_sha256"] == made.sha256


def test_made_twice_it_is_the_same(found: Shadowed, made: Dossier) -> None:
    before = len(ledger.history("flights", made.registered.version).entries)
    assert document(found) == made
    assert len(ledger.history("flights", made.registered.version).entries) == before
    assert len(list(objects.keys(made.page.rpartition("/")[0] + "/"))) == 2


def test_it_is_read_back_as_it_was_made(made: Dossier) -> None:
    newest = ledger.history("flights", made.registered.version).entries[-1]
    read = dossiers.read(made.registered, newest.evidence)
    assert json.dumps(read.to_json(), sort_keys=True) == json.dumps(made.to_json(), sort_keys=True)


def test_every_month_stands_with_its_expectations_and_its_quarantine(told: Document) -> None:
    months = told.evidence.months
    assert [month.month.label for month in months] == ["2013-01", "2013-02"]
    assert [month.tag for month in months] == ["d1", "d2"]
    # The counts are the package's own.
    assert [month.rows + month.quarantined for month in months] == [27_004, 24_951]
    assert all(month.expectations > 20 and month.met == month.expectations for month in months)
    assert set(findings.SPEC.features) <= set(months[0].columns)


def test_the_commit_that_was_asked_for_stands_in_the_lineage(found: Shadowed) -> None:
    def folder(commit: str | None) -> str:
        plan = found.rehearsed.registered.evaluated.plan.model_copy(update={"commit": commit})
        evaluated = found.rehearsed.registered.evaluated.model_copy(update={"plan": plan})
        steps = evidence.lineage(found.rehearsed.registered.model_copy(update={"evaluated": evaluated}))
        return next(step.name for step in steps if step.what == "model's folder")

    revision = folder(None)
    assert revision.startswith("revision 1.")
    assert folder("a1" * 20) == f"{revision} of commit {'a1' * 20}"


def test_the_lineage_leads_back_to_the_bytes_of_the_source(told: Document) -> None:
    steps = {step.what: step for step in told.evidence.lineage}
    source = steps["source file of 2013-01"]
    assert source.address is not None
    assert hashlib.sha256(objects.get(source.address)).hexdigest() == source.digest
    plan = told.registered.evaluated.plan
    assert (steps["dataset version"].digest, steps["work"].digest) == (plan.dataset.snapshot_id, plan.work_key)
    assert steps["training manifest"].digest == hashlib.sha256(objects.get(plan.train_manifest)).hexdigest()
    assert steps["version"].name == told.registered.version


def test_drift_is_measured_between_learning_and_judging(told: Document) -> None:
    drift = told.evidence.drift
    assert set(drift) == {*findings.SPEC.features, findings.SPEC.target}
    plan = told.registered.evaluated.plan
    assert 0 < drift["carrier"].reference_rows <= plan.train_rows
    assert all(found.score < 1 for found in drift.values())


def test_the_score_counts_what_is_there(told: Document) -> None:
    rows = {row.id: row for row in told.evidence.score.rows}
    assert {id_: rows[id_].points for id_ in ("D1", "M1", "M5", "I4", "O5", "O6", "I6", "I7")} == {
        "D1": 1, "M1": 0.5, "M5": 1, "I4": 1, "O5": 1, "O6": 1, "I6": 0, "I7": 0,
    }  # fmt: skip
    for row in rows.values():
        assert not row.points or objects.exists(row.evidence or "")


def test_the_link_opens(made: Dossier) -> None:
    import urllib.request

    assert dossiers.link(made.page) in made.summary
    with urllib.request.urlopen(dossiers.link(made.page), timeout=10) as answer:  # noqa: S310 - the embedded AWS
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.read() == objects.get(made.page)


def test_on_aws_the_link_is_the_console_s(made: Dossier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    client.cache_clear()  # type: ignore[attr-defined]  # typed as the overloads it caches
    address = dossiers.link(made.page)
    monkeypatch.undo()
    client.cache_clear()  # type: ignore[attr-defined]
    assert address.startswith("https://us-east-1.console.aws.amazon.com/s3/object/")
    assert made.sha256 in address


def test_other_evidence_is_another_dossier(published: DatasetVersion, rows: pd.DataFrame, made: Dossier) -> None:
    other = document(first(published, rows))
    assert other is not None
    assert other.sha256 != made.sha256


def test_changed_bytes_are_noticed(published: DatasetVersion, rows: pd.DataFrame) -> None:
    dossier = document(first(published, rows))
    assert dossier is not None
    dossiers.require_unchanged(dossier)
    for address in (dossier.document, dossier.page):
        before = objects.get(address)
        objects.put(address, before + b" ", content_type="text/html")
        with pytest.raises(ReleaseRefused, match="written with the SHA-256"):
            dossiers.require_unchanged(dossier)
        objects.put(address, before, content_type="text/html")
    client("s3").delete_object(Bucket=settings().bucket, Key=objects.split(dossier.page)[1])
    with pytest.raises(ReleaseRefused, match="there is `nothing` now"):
        dossiers.require_unchanged(dossier)


@pytest.fixture
def another_ledger(published: DatasetVersion, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: ARG001 - comes first
    """A ledger in which something may go live."""
    monkeypatch.setenv("WINDTUNNEL_LEDGER_TABLE", f"beside-{uuid.uuid4().hex[:12]}")
    flown.forget()
    ledger.ensure()
    yield
    monkeypatch.undo()
    flown.forget()


@pytest.mark.usefixtures("another_ledger")
def test_a_challenger_is_shown_beside_the_champion(published: DatasetVersion, rows: pd.DataFrame) -> None:
    champion = findings.live(first(published, rows, tag=OWN_TAG).rehearsed.registered)
    made = document(first(published, rows, champion, tag=OWN_TAG))
    assert made is not None
    assert made.champion == champion.version
    told = Document.from_json(objects.get_json(made.document))
    assert told.verdict == "open"
    assert told.tally.endswith("checks passed, 1 could not be judged")
    assert told.points[0].about == "Not judged: accuracy as a shadow"
    assert {change.what for change in told.changes} >= {"hyper-parameter max_iter"}
    assert told.registered.gate.better is not None
    assert told.registered.gate.better.high < 0
    assert {"this version", "champion"} <= {errors.name for errors in told.evidence.holdout.errors}
    page = objects.get(made.page).decode()
    assert "RMSE by slice, against the champion" in page
    assert f"RMSE against {champion.version}" in page


def test_a_version_that_was_stopped_has_no_dossier(found: Shadowed) -> None:
    assert document(found.model_copy(update={"passed": False})) is None


def test_evidence_about_two_champions_is_refused(found: Shadowed) -> None:
    with pytest.raises(ReleaseRefused, match="two different champions"):
        document(found.model_copy(update={"champion": "V1.1.0"}))


def test_data_that_cannot_be_shown_any_more_is_refused(found: Shadowed) -> None:
    registered = found.rehearsed.registered
    gone = registered.evaluated.plan.dataset.model_copy(update={"snapshot_id": "4242"})
    plan = registered.evaluated.plan.model_copy(update={"dataset": gone})
    evaluated = registered.evaluated.model_copy(update={"plan": plan})
    version = registered.model_copy(update={"evaluated": evaluated})
    lost = found.model_copy(update={"rehearsed": found.rehearsed.model_copy(update={"registered": version})})
    with pytest.raises(SourceMissing, match=r"`4242` of .* is gone"):
        document(lost)


def test_the_cost_is_in_it_once_it_is_accounted_for(published: DatasetVersion, rows: pd.DataFrame) -> None:
    from windtunnel.stages.account import account

    found = first(published, rows)
    cost = account(found.rehearsed.registered.evaluated.plan)
    dossier = document(found)
    assert dossier is not None
    assert Document.from_json(json.loads(objects.get(dossier.document))).evidence.cost == cost
