"""The release path, killed at the marks before and after every shared write: each retry ends with one effect.

One pass on one embedded AWS, with the real stages in processes of their own. Where a mark is reached for the first time,
the process dies there, and so does its retry at the next mark, until one gets through; each stage that was killed
everywhere once is killed once more, later, after its last write, by `WINDTUNNEL_KILL_AT` alone. checker.py judges.
"""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from local.place import ROOT
from tests import flown
from tests.forked import Child, run
from tests.release import checker, findings, released, staged
from tests.release.staged import KilledEverywhere, KilledOnce
from windtunnel.aws import endpoint, ledger, staging
from windtunnel.aws.clients import client
from windtunnel.aws.endpoint import endpoint_name, staging_name
from windtunnel.core.contracts import DatasetVersion, Drilled, Proof, RegisteredVersion, Release
from windtunnel.core.errors import FenceLost, ReleaseRefused
from windtunnel.core.settings import settings
from windtunnel.stages.begin import begin
from windtunnel.stages.deploy import deploy
from windtunnel.stages.drill import drill
from windtunnel.stages.enter import enter
from windtunnel.stages.prove import prove
from windtunnel.stages.recall import recall
from windtunnel.stages.register import register
from windtunnel.stages.sweep import sweep

SHORT = ("allocated", "registered", "rehearsed", "awaiting-approval", "approved")
"""How tests bring a version to its rollout that are not about the way there."""
TO_LIVE = ("allocated", "registered", "rehearsed", "shadowed", "awaiting-approval", "approved", "releasing", "live")
SOURCE = ROOT / "include/windtunnel"
MONITORING = ("alert.", "guard.", "measurements.", "outbox.", "predictions.", "verdict.")
"""Prefixes of the marks that tests/monitor/test_monitor_kill_points.py is about."""
SHOWING = ("feed.",)
"""Those that tests/feed/test_show_kill_points.py is about."""


def writes() -> Iterator[tuple[str, Path]]:
    """Every `shared_write(...)` of the source, with its file."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "shared_write":
                (name,) = node.args
                assert isinstance(name, ast.Constant), f"{path}: give `shared_write` its name as a literal"
                yield str(name.value), path


def marks() -> set[str]:
    release = (name for name, _ in writes() if not name.startswith((*MONITORING, *SHOWING)))
    return {f"{side}:{name}" for name in release for side in ("before", "after")}


def test_each_shared_write_has_a_name_of_its_own() -> None:
    found = list(writes())
    assert len(found) > 25
    assert [name for name, times in Counter(name for name, _ in found).items() if times > 1] == []


@pytest.fixture
def counted(release_of_its_own: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[checker.Counted]:
    del release_of_its_own
    monkeypatch.setenv("WINDTUNNEL_WATCH_SECONDS", "1")
    monkeypatch.setenv("WINDTUNNEL_ENDPOINT_INSTANCE_COUNT", "")  # as on AWS: the spec says how many, and autoscaling
    flown.forget()
    with staged.patient_spec():
        yield checker.Counted(settings().ledger_table)


@pytest.mark.timeout(1500)
def test_the_release_path_survives_a_kill_at_every_mark(
    counted: checker.Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere, live = KilledEverywhere(), endpoint_name("flights")
    _new_ledger(everywhere, monkeypatch)
    dataset = findings.publish()

    first = staged.to_registered(everywhere, "good", dataset)
    approved = staged.to_approved(everywhere, staged.to_dossier(everywhere, first, "1"))
    staged.to_live(everywhere, approved, "1")
    assert checker.states("flights") == {first.version: [*TO_LIVE]}
    assert counted.changes(live) == {"CREATING": 1, "UPDATING": 0}
    checker.check("flights")

    with Child(staged.ask_on) as clients:
        _second_release_and_what_follows(everywhere, counted, dataset, first.version)
        assert clients.still_at_it(), "a request was not answered"
    assert {mark for killed in everywhere.killed.values() for mark in killed} == marks()


def _second_release_and_what_follows(
    everywhere: KilledEverywhere, counted: checker.Counted, dataset: DatasetVersion, first: str
) -> None:
    live = endpoint_name("flights")
    once = KilledOnce(everywhere, new=frozenset({"mirror", "withdraw", "judge", "deploy"}))
    second = staged.to_registered(once, "newer", dataset)
    approved = staged.to_approved(once, staged.to_dossier(once, second, "2"))
    staged.to_live(once, approved, "2")
    assert checker.states("flights") == {first: [*TO_LIVE, "retired"], second.version: [*TO_LIVE]}
    assert counted.changes(live) == {"CREATING": 1, "UPDATING": 3}, "the shadow on, the shadow off, the rollout"
    checker.check("flights")

    _drilled(first, second.version)
    third = _turned_back(everywhere)
    assert counted.changes(live) == {"CREATING": 1, "UPDATING": 4}
    fourth = _taken_back(everywhere)
    assert counted.changes(live) == {"CREATING": 1, "UPDATING": 5}
    proof = _rolled_back(everywhere)
    assert counted.changes(live) == {"CREATING": 1, "UPDATING": 6}
    assert proof.version == first
    assert checker.states("flights") == {
        first: [*TO_LIVE, "retired", "releasing", "live"],
        second.version: [*TO_LIVE, "rolled-back"],
        third: [*SHORT, "releasing", "rolled-back"],
        fourth: [*SHORT, "releasing", "rolled-back"],
    }
    checker.check("flights")

    _swept(everywhere, second, proof)
    everywhere("export", lambda: ledger.export("flights"))
    assert checker.exported("flights") == list(range(1, len(checker.entries("flights")) + 1))
    checker.check("flights")


def _new_ledger(everywhere: KilledEverywhere, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("WINDTUNNEL_LEDGER_TABLE", f"{settings().ledger_table}-new")
        everywhere("ensure", ledger.ensure)
        assert run(lambda: ledger.versions("flights")) == []


def _drilled(old: str, new: str) -> None:
    """The drill dies on the staging endpoint's way to the live version."""

    def work() -> Drilled | None:
        return drill("flights", "drill:1")

    with Child(work, kill_at="after:endpoint.update") as child:
        child.killed()
    drilled: Drilled = run(work)
    assert [step.version for step in (drilled.there, drilled.forth, drilled.back)] == [old, new, old]
    assert staging_name("flights") not in checker.standing("flights")["EndpointName"]
    checker.check("flights")


def _turned_back(everywhere: KilledEverywhere) -> str:
    """SageMaker turns a rollout back, and the proof that finds out is killed."""
    begun = _begun("turned back by SageMaker")
    released.arm("roll_back", "sagemaker:UpdateEndpoint", reason="An alarm rang.")
    with pytest.raises(ReleaseRefused, match=r"An alarm rang\."):
        staged.to_proof(everywhere, begun)
    checker.check("flights")
    return begun.registered.version


def _taken_back(everywhere: KilledEverywhere) -> str:
    """A person takes a rollout back that is under way, and the rollback is killed."""
    begun = _begun("taken back by a person")
    released.arm("slow_in_service", "sagemaker:UpdateEndpoint", seconds=8)
    while (watch := run(lambda: deploy(begun))).until == "heard":
        staged.followed(watch)
    wish = ("flights", None, "ada", "Its first answers look wrong.", "rollback:1")
    release: Release = everywhere("recall", lambda: recall(*wish))
    staged.to_proof(everywhere, release)
    with pytest.raises(FenceLost):  # the rollout that was overtaken, when its task wakes up
        run(lambda: prove(begun))
    checker.check("flights")
    return begun.registered.version


def _begun(reason: str) -> Release:
    given = {"champion": ledger.live("flights"), "reason": reason}
    approved = released.say_yes(flown.registered("newer", **given))
    begun: Release = run(lambda: begin(approved, f"rollout:{reason}"))
    return begun


def _rolled_back(everywhere: KilledEverywhere) -> Proof:
    wish = ("flights", None, "ada", "It is worse than the one before.", "rollback:2")
    release: Release = everywhere("recall", lambda: recall(*wish))
    return staged.to_proof(everywhere, release)


def _swept(everywhere: KilledEverywhere, left: RegisteredVersion, proof: Proof) -> None:
    """The sweep is killed among configs, models, and a staging endpoint that a dead rehearsal left standing."""
    run(lambda: enter(left, "shadow:dead"))
    endpoint.settled(staging_name("flights"))
    ledger.give_back(staging.take("flights", "shadow:dead"))  # an hour later, when its lease is over
    work = functools.partial(sweep, "flights", "sweep:1", remove=True, grace=timedelta(0))
    everywhere("sweep", work)
    assert run(work).orphans == ()
    standing = checker.standing("flights")
    assert standing["EndpointName"] == {proof.endpoint}
    assert standing["EndpointConfigName"] == {proof.endpoint_config}
    assert len(standing["ModelName"]) == 1


def test_the_checker_sees_what_a_kill_could_leave_behind(release_of_its_own: None) -> None:
    del release_of_its_own
    made = flown.registered("good", reason="To be spoilt.")
    checker.check("flights")

    lease = ledger.take("flights", "someone:dead")
    with pytest.raises(AssertionError, match="a lease that nobody gave back"):
        checker.check("flights")
    ledger.give_back(lease)

    described = client("sagemaker").describe_model_package(ModelPackageName=made.package_arn)
    second = client("sagemaker").create_model_package(
        ModelPackageGroupName="flights",
        InferenceSpecification=described["InferenceSpecification"],
        CustomerMetadataProperties=described["CustomerMetadataProperties"],
    )
    with pytest.raises(AssertionError, match="one package per version"):
        checker.check("flights")
    client("sagemaker").delete_model_package(ModelPackageName=second["ModelPackageArn"])
    checker.check("flights")

    entry = {"pk": {"S": "flights"}, "sk": {"S": f"entry#{1:010d}"}}
    client("dynamodb").delete_item(TableName=settings().ledger_table, Key=entry)
    with pytest.raises(AssertionError, match="an entry that is missing"):
        checker.check("flights")


def test_a_candidate_killed_once_at_any_mark_becomes_one_version(release_of_its_own: None) -> None:
    """Each candidate meets one death, by the setting alone, and one retry."""
    del release_of_its_own
    numbered = []
    with Child(lambda: register(flown.gated("good", reason="So that the group exists."))) as child:
        reached = child.ended().reached
    for mark in reached:
        gated = flown.gated("good", reason=f"Killed at {mark}.")
        with Child(lambda gated=gated: register(gated), kill_at=mark) as child:  # type: ignore[misc]
            child.killed()
        numbered.append(run(lambda gated=gated: register(gated)).version)  # type: ignore[misc]
    assert numbered == [f"V1.1.{auto}" for auto in range(1, len(reached) + 1)]
    assert set(map(tuple, checker.states("flights").values())) == {("allocated", "registered")}
    checker.check("flights")
