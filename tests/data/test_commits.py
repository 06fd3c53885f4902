"""A retrain may name a commit: one that was deployed from main, whose folder of the model is the one deployed here."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.data import journey
from tests.data.test_plan import published
from windtunnel.aws import commits
from windtunnel.aws.clients import client
from windtunnel.core.code import folder_sha256
from windtunnel.core.contracts import DeployedCommit, TrainingRequest
from windtunnel.core.errors import CommitAwaited, CommitConflict, CommitRefused
from windtunnel.stages.plan import plan
from windtunnel.stages.request import request

ON_MAIN = "a1" * 20
ELSEWHERE = "b2" * 20


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket of the code. Returns its name."""
    name = f"code-{uuid4().hex[:12]}"
    client("s3").create_bucket(Bucket=name)
    monkeypatch.setenv("WINDTUNNEL_CODE_BUCKET", name)
    monkeypatch.setenv("WINDTUNNEL_GIT_COMMIT", ON_MAIN)
    journey.forget()
    return name


@pytest.fixture
def months(trips: str) -> str:
    """The small model with data enough for a training. Returns its name."""
    published(trips, "2020-01", "2020-02")
    return trips


def wish(model: str, commit: str | None) -> TrainingRequest:
    return TrainingRequest(model=model, reason="Merged to main: deeper.", requested_by="ci", commit=commit)


def deploy(code: str, model: str, folder: str | None = None, commit: str = ON_MAIN) -> None:
    commits.record(code, DeployedCommit(commit=commit, folders={model: folder or folder_sha256(model)}))


def test_a_commit_that_was_deployed_from_main_is_trained_and_stays_with_the_work(code: str, months: str) -> None:
    deploy(code, months)
    asked = request(wish(months, ON_MAIN))
    assert asked.commit == ON_MAIN
    made = plan(months, None, asked)
    assert made is not None
    assert (made.commit, made.git_commit, made.folder_sha256) == (ON_MAIN, ON_MAIN, folder_sha256(months))
    without = plan(months, None, wish(months, None))
    assert without is not None
    assert (without.commit, without.work_key) == (None, made.work_key), "the same work, whoever names a commit"


def test_a_commit_that_is_not_on_main_is_refused_before_anything_starts(code: str, months: str) -> None:
    deploy(code, months)
    for stage in (lambda: request(wish(months, ELSEWHERE)), lambda: plan(months, None, wish(months, ELSEWHERE))):
        with pytest.raises(CommitRefused) as refused:
            stage()
        said = str(refused.value)
        assert f"Commit `{ELSEWHERE}` was not deployed here from main" in said
        assert f"`s3://{code}/commits/{ELSEWHERE}.json` does not exist" in said
        assert f"leave it out, and what is deployed, `{ON_MAIN}`, is trained" in said


@pytest.mark.usefixtures("code")
def test_without_a_commit_people_ask_as_before(months: str) -> None:
    assert request(wish(months, None)).commit is None


def test_where_nothing_says_what_is_on_main_a_commit_is_refused(months: str) -> None:
    with pytest.raises(CommitRefused, match=r"`WINDTUNNEL_CODE_BUCKET` is empty.*Allowed: no commit\. Leave it out"):
        request(wish(months, ON_MAIN))
    assert request(wish(months, None)).commit is None


@pytest.mark.usefixtures("code")
@pytest.mark.parametrize("commit", ["main", "a1" * 19, "A1" * 20, "../" + "a1" * 19, f"{ON_MAIN}\n"])
def test_what_is_no_commit_is_refused_without_a_look(trips: str, commit: str) -> None:
    with pytest.raises(CommitRefused, match=r"is no commit\. Allowed: forty digits"):
        request(wish(trips, commit))


@pytest.mark.parametrize("folder", ["0" * 64, None], ids=["another folder", "no such model"])
def test_code_that_is_not_here_yet_is_waited_for(code: str, trips: str, folder: str | None) -> None:
    theirs = {trips: folder} if folder else {}
    commits.record(code, DeployedCommit(commit=ON_MAIN, folders=theirs))
    with pytest.raises(CommitAwaited, match=f"its folder is `{folder_sha256(trips)[:12]}` here"):
        request(wish(trips, ON_MAIN))


def test_a_folder_that_was_changed_since_is_not_passed_off_as_the_one_asked_for(
    code: str, months: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(code, months)
    asked = request(wish(months, ON_MAIN))
    monkeypatch.setattr("windtunnel.aws.commits.folder_sha256", lambda _: "f" * 64)
    with pytest.raises(CommitAwaited, match="ask for its commit"):
        plan(months, None, asked)


def test_a_record_is_written_once(code: str, trips: str) -> None:
    deploy(code, trips)
    deploy(code, trips)
    with pytest.raises(CommitConflict):
        deploy(code, trips, folder="0" * 64)
