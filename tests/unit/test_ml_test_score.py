"""The ML Test Score: all 28 questions, no point without evidence that stands at its address and is young enough."""

from __future__ import annotations

from tests import candidate
from tests.evidence import AT, WHOLE, beside_a_champion, dated, rehearsed, scored, shadowed
from windtunnel.core.contracts import Check, Shadowed
from windtunnel.ml.test_score import QUESTIONS, SECTIONS, TestScore


def points(found: TestScore) -> dict[str, float]:
    return {row.id: row.points for row in found.rows}


def with_checks(*checks: Check) -> Shadowed:
    version = candidate.registered(gate=candidate.gate(checks=checks))
    return shadowed(rehearsed=rehearsed(registered=version))


PASSED = tuple(
    Check(name=name, passed=True, sentence="Fine.")
    for name in ("numbers", "parity", "latency", "size", "baseline:linear", "baseline:seasonal_naive")
)


def test_every_question_of_the_paper_is_asked() -> None:
    found = scored(shadowed())
    assert [row.id for row in found.rows] == [f"{section}{number}" for section in "DMIO" for number in range(1, 8)]
    assert set(QUESTIONS) == set(points(found))


def test_the_score_is_the_smallest_section() -> None:
    found = scored(with_checks(*PASSED))
    assert found.sections == {
        section: sum(row.points for row in found.rows if row.section == section) for section in SECTIONS
    }
    assert found.score == min(found.sections.values()) > 0


def test_a_row_without_evidence_is_0_and_says_so() -> None:
    found = {row.id: row for row in scored(shadowed()).rows}
    for id_ in ("D3", "D5", "D7", "M3", "M7", "I1", "O1", "O2", "O4"):
        assert (found[id_].points, found[id_].evidence) == (0, None)
        assert found[id_].why == "No evidence is collected yet."


def test_evidence_that_is_not_at_its_address_is_none() -> None:
    assert set(points(scored(with_checks(*PASSED), written_at={})).values()) == {0}


def test_a_check_that_failed_gives_no_point() -> None:
    slow = Check(name="latency", passed=False, sentence="It takes 80 ms.")
    found = {row.id: row for row in scored(with_checks(*PASSED, slow)).rows}
    assert (found["O6"].points, found["O6"].why) == (0, "It takes 80 ms.")
    assert (found["O5"].points, found["M5"].points) == (1, 1)


def test_a_feature_without_an_expectation_costs_half_a_point() -> None:
    assert points(scored(shadowed()))["D1"] == 1
    assert points(scored(shadowed(), expected=WHOLE - {"dest"}))["D1"] == 0.5
    assert points(scored(shadowed(), expected=frozenset()))["D1"] == 0


def test_features_are_beneficial_when_shuffling_them_hurts() -> None:
    found = {row.id: row for row in scored(shadowed()).rows}
    assert (found["D2"].points, found["D2"].evidence) == (0, None)
    assert points(scored(shadowed(), importance={"dest": 0.4, "origin": 0.01}))["D2"] == 1
    idle = {row.id: row for row in scored(shadowed(), importance={"dest": 0.4, "origin": -0.01}).rows}["D2"]
    assert (idle.points, idle.why) == (0.5, "The error does not grow when origin is shuffled.")


def test_forcing_it_past_the_gate_is_no_validation() -> None:
    assert points(scored(shadowed()))["I4"] == 1
    forced = beside_a_champion(answer="reject", forced_by="sam", forced_because="The old one is broken.")["shadowed"]
    assert points(scored(forced))["I4"] == 0


def test_old_evidence_counts_0() -> None:
    young, old = (points(scored(shadowed(), drill=dated(days), rollout=dated(days))) for days in (30, 40))
    assert (young["I7"], old["I7"]) == (1, 0)
    assert (young["I6"], old["I6"]) == (1, 1)
    ancient = {row.id: row for row in scored(shadowed(), rollout=dated(200)).rows}["I6"]
    assert (ancient.points, ancient.age_days) == (0, 200)
    assert "200 days old" in ancient.why


def test_slices_count_in_full_when_they_are_judged_beside_a_champion() -> None:
    assert points(scored(shadowed()))["M6"] == 0.5
    assert points(scored(beside_a_champion()["shadowed"]))["M6"] == 1


def test_a_commit_that_is_none_is_no_evidence() -> None:
    unknown = candidate.registered(evaluated=candidate.evaluated(plan=candidate.plan(git_commit="unknown")))
    assert points(scored(shadowed(rehearsed=rehearsed(registered=unknown))))["M1"] == 0
    assert points(scored(shadowed()))["M1"] == 0.5


def test_the_age_is_told_in_days() -> None:
    found = {row.id: row for row in scored(shadowed(), drill=dated(3)).rows}
    assert (found["I7"].age_days, found["I4"].age_days) == (3, 0)
    assert dated(0).at == AT
