"""compare and gate against ledger and S3: whom a candidate is judged beside, and how its answer is kept."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from tests.release import findings, made, released
from tests.unit.test_gate import errors, holdout, report
from windtunnel.aws import jobs, ledger, objects
from windtunnel.core.contracts import Champion, Comparison, Gate, Gated, TrainingPlan, TrainingRequest
from windtunnel.core.errors import ReleaseRefused
from windtunnel.core.window import Window
from windtunnel.ml.checks import Holdout
from windtunnel.models.flights.spec import SPEC
from windtunnel.stages.compare import compare
from windtunnel.stages.gate import gate
from windtunnel.stages.register import register
from windtunnel.stages.request import request

pytestmark = pytest.mark.usefixtures("lake_of_its_own")

OLDER = {"train": Window.parse("2012-12", "2013-03"), "holdout": Window.month("2013-03")}
FORCE: dict[str, Any] = {"force": True, "requested_by": "sam", "reason": "The spring timetable is new."}


def live(reason: str) -> Champion:
    """Another version goes live, as the ledger sees it."""
    gated = made.gated(reason)
    plan = gated.evaluated.plan.model_copy(update=OLDER)
    registered = register(gated.model_copy(update={"evaluated": gated.evaluated.model_copy(update={"plan": plan})}))
    assert registered is not None
    return released.record_live(released.say_yes(registered))


def plan(**given: Any) -> TrainingPlan:
    return made.evaluated("The candidate.").plan.model_copy(update=given)


def evaluate(comparison: Comparison, rows: Holdout) -> None:
    """Leave behind what the evaluation job does."""
    repeated = 10  # `flights` wants 1,000 rows and slices of 500
    table = pd.DataFrame(
        {
            SPEC.event_time: rows.days.astype("datetime64[us]"),
            SPEC.target: rows.target,
            "prediction": rows.challenger,
            "linear_prediction": rows.baselines["linear"],
            "seasonal_naive_prediction": rows.baselines["seasonal_naive"],
            "origin": rows.slices["origin"],
            "carrier": "UA",
        }
    )
    if rows.champion is not None:
        table["champion_prediction"] = rows.champion
    body = io.BytesIO()
    pd.concat([table] * repeated).to_parquet(body, index=False)
    folder = jobs.evaluation_folder(comparison)
    objects.put(f"{folder}/holdout.parquet", body.getvalue(), content_type="application/vnd.apache.parquet")
    said = report(artefact_sha256="b" * 64, metrics={"rmse": 9.0}).model_dump_json().encode()
    objects.put(f"{folder}/evaluation.json", said, content_type="application/json")


def judged(rows: Holdout | None = None, **given: Any) -> tuple[Comparison, Gated]:
    comparison = compare(plan(**given))
    evaluate(comparison, rows or holdout())
    return comparison, gate(comparison)


def test_the_first_release_is_judged_beside_nobody_and_under_the_trainings_own_name() -> None:
    comparison = compare(plan())
    assert (comparison.champion, comparison.job_name) == (None, plan().job_name)
    evaluate(comparison, holdout(champion=None))
    answered = gate(comparison).gate
    assert (answered.answer, answered.champion, answered.goes_on) == ("promote", None, True)


def test_a_champion_is_pinned_and_names_the_evaluation() -> None:
    champion = live("The first.")
    comparison = compare(plan())
    assert comparison.champion == champion == ledger.live("flights")
    assert comparison.job_name == f"{plan().job_name}-vs-V1-1-0"


def test_the_answer_is_kept_with_its_numbers_and_the_same_when_asked_again(
    misbehave: Callable[..., Callable[[], int]],
) -> None:
    live("The first.")
    comparison = compare(plan())
    evaluate(comparison, holdout())
    lost = misbehave(kind="drop_reply", operation="s3:PutObject", times=1)
    first = gate(comparison)
    assert lost() == 1
    assert first.gate.answer == "promote"
    assert first.evaluated.champion == comparison.champion
    assert first.evaluated.evaluation == f"{jobs.evaluation_folder(comparison)}/evaluation.json"
    assert Gate.from_json(objects.get_json(first.gate.report)) == first.gate
    assert gate(comparison) == first


def test_a_version_that_went_live_in_between_was_never_compared() -> None:
    live("The first.")
    comparison, before = judged()
    live("The second.")
    after = gate(comparison).gate
    assert after.answer == "not-enough-evidence"
    assert "evaluated beside V1.1.0, and V1.1.1 is in service now" in after.sentence
    assert after.checks[0].passed is None
    assert after.checks[1:] == before.gate.checks
    assert after.report != before.gate.report
    assert Gate.from_json(objects.get_json(before.gate.report)) == before.gate  # what was said stands
    assert compare(plan()).job_name.endswith("-vs-V1-1-1")


def test_what_was_found_against_it_stands_whoever_is_in_service() -> None:
    live("The first.")
    comparison, before = judged(holdout(challenger=1.2 * errors(1)))
    live("The second.")
    after = gate(comparison).gate
    assert (before.gate.answer, after.answer) == ("reject", "reject")
    assert after.sentence == before.gate.sentence


def test_a_person_may_go_on_against_the_gate_and_is_named() -> None:
    live("The first.")
    worse = holdout(challenger=1.2 * errors(1))
    _, refused = judged(worse)
    _, forced = judged(worse, **FORCE)
    assert (refused.gate.answer, refused.gate.forced_by, refused.gate.goes_on) == ("reject", None, False)
    assert (forced.gate.answer, forced.gate.goes_on) == ("reject", True)
    assert (forced.gate.forced_by, forced.gate.forced_because) == ("sam", "The spring timetable is new.")
    assert {refused.gate.report, forced.gate.report} == set(objects.keys(refused.gate.report.removesuffix(".json")))
    assert Gate.from_json(objects.get_json(forced.gate.report)) == forced.gate


def test_what_the_gate_promotes_needs_no_force_and_is_not_marked() -> None:
    live("The first.")
    _, promoted = judged(**FORCE)
    assert (promoted.gate.answer, promoted.gate.forced_by, promoted.gate.forced_because) == ("promote", None, None)


@pytest.mark.parametrize(("by", "reason"), [("unknown", "A good reason."), ("", "A good reason."), ("sam", " " * 12)])
def test_nobody_forces_without_a_name_and_a_reason(by: str, reason: str) -> None:
    wish = TrainingRequest(model="flights", reason=reason, requested_by=by, force=True)
    with pytest.raises(ReleaseRefused, match="a person must stand for it by name, with a reason"):
        request(wish)
    live("The first.")
    with pytest.raises(ReleaseRefused, match="a person must stand for it by name, with a reason"):
        judged(holdout(challenger=1.2 * errors(1)), force=True, requested_by=by, reason=reason)


def test_a_wish_is_accepted_forced_with_a_name_and_not_forced_without_one() -> None:
    findings.publish()
    months = {"train": findings.TRAIN, "holdout": findings.HOLDOUT}
    for given in (FORCE, {"requested_by": "unknown", "reason": "A good reason."}):
        wish = TrainingRequest(model="flights", **given, **months)
        assert request(wish) == wish
