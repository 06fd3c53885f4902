"""The verdict's rules, each on windows small enough to be clear, and what holds for any windows."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Check, Finding, WindowChecks
from windtunnel.core.spec import Monitoring
from windtunnel.core.window import Window
from windtunnel.ml.verdict import Judgement, cooling, judge
from windtunnel.ml.verdict_sentence import sentence

RULES = Monitoring(windows=5, damaged=2, cooldown_days=28)
SPEC = model_spec("flights").model_copy(update={"monitoring": RULES})
VERSION, CONTROL = "V1.1.2", "V1.1.1"
FIRST_DAY = date(2013, 4, 1)


def week(at: int) -> Window:
    """The week that begins so many weeks after the first of April."""
    start = FIRST_DAY + timedelta(weeks=at)
    return Window(start=start, end=start + timedelta(weeks=1))


def finding(at: int, **given: Any) -> Finding:
    """A week with labels whose error is where it should be."""
    usual: dict[str, Any] = {
        "window": week(at),
        "version": VERSION,
        "labelled": 900,
        "coverage": 0.9,
        "mature": True,
        "drift": 0.8,
        "drifted": (),
        "importance": 0.0,
        "error": 15.2,
        "expected": 19.8,
        "worse": False,
        "outdone_by": None,
        "damage": 0.77,
        "failed": (),
        "says": "quiet",
        "labels_until": week(at).end - timedelta(days=1),
    }
    return Finding.model_validate(usual | given)


def worse(at: int, **given: Any) -> Finding:
    return finding(at, **{"error": 24.1, "worse": True, "damage": 1.2, "says": "damage", **given})


def drifted(at: int, **given: Any) -> Finding:
    moved = {"drift": 3.14, "drifted": ("dep_delay", "carrier"), "importance": 0.92, "says": "drift"}
    return finding(at, **moved | given)


def waiting(at: int, **given: Any) -> Finding:
    """A week whose labels have not all come."""
    late = {"mature": False, "worse": None, "coverage": 0.12, "labelled": 120, "labels_until": None}
    return finding(at, **late | given)


def said(*findings: Finding) -> tuple[str, str]:
    judged = judge(findings, VERSION, RULES)
    return judged.word, sentence(judged, SPEC)


def test_a_model_that_does_as_promised_is_left_alone() -> None:
    word, text = said(finding(0), finding(1))
    assert word == "ignore"
    assert text == (
        "Nothing to do for V1.1.2: from 8 April to 14 April 2013 its RMSE was 15.20 minutes where its holdout promises at "
        "most 19.80, and no drift was found (as of labels until 2013-04-14)."
    )


def test_damage_in_k_of_n_windows_with_the_newest_asks_for_a_retrain() -> None:
    word, text = said(worse(0), finding(1), finding(2), worse(3))
    assert word == "retrain"
    assert text == (
        "Retrain V1.1.2: from 22 April to 28 April 2013 its RMSE was 24.10 minutes where its holdout promises at most "
        "19.80, and so it was in 2 of the last 4 windows with labels (as of labels until 2013-04-28)."
    )


def test_the_newest_window_must_be_among_the_damaged() -> None:
    assert said(worse(0), worse(1), finding(2))[0] == "ignore"


def test_one_damaged_window_is_a_hint() -> None:
    word, text = said(finding(0), worse(1))
    assert word == "watch"
    assert "in 1 of the last 2 windows with labels where a retrain takes 2" in text


def test_windows_older_than_the_last_n_are_forgotten() -> None:
    assert said(worse(0), finding(1), finding(2), finding(3), finding(4), worse(5))[0] == "watch"


def test_a_retrain_names_the_drift_beside_it() -> None:
    moved = drifted(1, error=24.1, worse=True)
    assert (
        "; `dep_delay` and 1 more drifted, to 3.1 times its threshold, with 92% of the model's importance"
        in (said(worse(0), moved)[1])
    )


def test_drift_is_watched_while_labels_are_missing() -> None:
    word, text = said(finding(0), drifted(1, mature=False, worse=None, coverage=0.12))
    assert word == "watch"
    assert text == (
        "Watch V1.1.2: from 8 April to 14 April 2013 `dep_delay` and 1 more drifted, to 3.1 times its threshold, with 92% "
        "of the model's importance, and labels that would say whether it hurts are there for 12% of the predictions "
        "(as of labels until 2013-04-14)."
    )


def test_drift_that_does_not_hurt_is_ignored_with_the_reason() -> None:
    word, text = said(drifted(0, drift=40.0))
    assert word == "ignore"
    assert "its RMSE was 15.20 minutes where its holdout promises at most 19.80, although `dep_delay`" in text


def test_drift_of_what_the_model_hardly_uses_is_ignored_while_labels_are_missing() -> None:
    word, text = said(waiting(0, drift=3.0, drifted=("origin",), importance=0.01))
    assert word == "ignore"
    assert "`origin` drifted, to 3.0 times its threshold, but with 1% of the model's importance" in text


def test_drift_of_unknown_importance_is_watched() -> None:
    assert said(waiting(0, drift=1.5, drifted=("origin",), importance=None))[0] == "watch"


def test_a_holdout_that_promises_nothing_leaves_drift_to_be_watched() -> None:
    word, text = said(drifted(0, worse=None, expected=None))
    assert word == "watch"
    assert "its holdout is too small to say which error is normal" in text


@pytest.mark.parametrize("broken", [worse(2, failed=("answers",)), waiting(3, failed=("features", "answers"))])
def test_failed_checks_block_a_retrain_and_say_mend_it_first(broken: Finding) -> None:
    word, text = said(worse(0), worse(1), broken)
    assert word == "watch"
    assert "mend the way of its data first" in text
    assert "a retrain would learn the fault, so its RMSE, worse than promised in " in text


def test_failed_checks_that_are_at_hand_are_told_in_their_own_words() -> None:
    judged = judge([finding(0, failed=("answers", "features"))], VERSION, RULES)
    skew = "Asked and recorded values differ: `distance` in 100.0% of 6,351 rows; allowed are 1%. Look at the client."
    check = Check(name="features", passed=False, sentence=skew)
    text = sentence(judged, SPEC, checks=[WindowChecks(window=week(0), checks=(check,), report=None)])
    assert "`answers`, `features` (asked and recorded values differ: `distance` in 100.0% of 6,351 rows;" in text
    assert "allowed are 1%), and a retrain would learn the fault" in text


def test_damage_under_failed_checks_does_not_count() -> None:
    word, _ = said(worse(0, failed=("features",)), finding(1), worse(2))
    assert word == "watch"


def test_a_control_that_is_surely_better_is_the_way_back() -> None:
    word, text = said(finding(0, outdone_by=CONTROL), finding(1), finding(2, outdone_by=CONTROL))
    assert word == "watch"
    assert "V1.1.1, frozen since, was surely better on the same rows in 2 of the last 3 windows with labels" in text
    assert "the `rollback` DAG brings V1.1.1 back" in text


def test_a_retrain_names_the_control_that_is_better_meanwhile() -> None:
    word, text = said(worse(0, outdone_by=CONTROL), worse(1, outdone_by=CONTROL))
    assert word == "retrain"
    assert "V1.1.1 before it was surely better on the same rows in 2 of them, so bring it back" in text


def test_controls_of_different_releases_are_not_added_up() -> None:
    assert said(finding(0, outdone_by="V1.1.0"), finding(1, outdone_by=CONTROL))[0] == "ignore"


def test_a_version_that_has_answered_nothing_is_not_judged_by_the_one_before() -> None:
    word, text = said(worse(0, version=CONTROL), worse(1, version=CONTROL))
    assert word == "ignore"
    assert text == ("Nothing to do for V1.1.2 yet: none of its answers lies in a measured window.")


def test_before_the_first_label_there_is_nothing_to_do() -> None:
    assert said(waiting(0))[1] == (
        "Nothing to do for V1.1.2 yet: from 1 April to 7 April 2013 no drift was found, and labels have come for 12% of the "
        "predictions."
    )


def test_a_retrain_that_cools_down_says_so() -> None:
    judged = judge([worse(0), worse(1)], VERSION, RULES)
    assert (
        "; a retrain was asked for after those of 1 April to 7 April 2013 and is not asked for again within 28 days"
        in (sentence(judged, SPEC, week(0)))
    )


@st.composite
def some_findings(draw: st.DrawFn) -> list[Finding]:
    """Any weeks of two versions, in any order."""
    found = []
    for at in draw(st.lists(st.integers(0, 14), unique=True, max_size=12)):
        mature = draw(st.booleans())
        names = draw(st.lists(st.sampled_from(["dep_delay", "carrier", "prediction"]), unique=True))
        found.append(
            finding(
                at,
                version=draw(st.sampled_from([VERSION, VERSION, VERSION, CONTROL])),
                mature=mature,
                worse=draw(st.sampled_from([True, False, None])) if mature else None,
                drift=draw(st.floats(1.01, 1000)) if names else draw(st.floats(0, 1)),
                drifted=tuple(names),
                importance=draw(st.none() | st.floats(0, 1)),
                outdone_by=draw(st.sampled_from([None, CONTROL, "V1.1.0"])) if mature else None,
                failed=tuple(draw(st.lists(st.sampled_from(["answers", "features"]), unique=True, max_size=2))),
                coverage=draw(st.floats(0, 1)),
                labels_until=draw(st.none() | st.just(week(at).end)),
            )
        )
    return found


def judged(findings: list[Finding]) -> Judgement:
    return judge(findings, VERSION, RULES)


def own(findings: list[Finding]) -> list[Finding]:
    return sorted((found for found in findings if found.version == VERSION), key=lambda found: found.window.start)


@given(some_findings(), st.none() | st.just(week(0)))
def test_there_is_always_exactly_one_sentence(findings: list[Finding], asked: Window | None) -> None:
    text = sentence(judged(findings), SPEC, asked)
    assert re.fullmatch(r"[^\n]+[^.]\.", text)
    assert not re.search(r"[.!?] ", text), "a second sentence begins"
    assert VERSION in text
    assert text.isascii()


@given(some_findings())
def test_a_retrain_rests_on_k_of_n_labelled_windows_with_the_newest(findings: list[Finding]) -> None:
    told = [found for found in own(findings) if found.worse is not None][-RULES.windows :]
    sound = [found for found in told if found.worse and not found.failed]
    if judged(findings).word == "retrain":
        assert told[-1] in sound
        assert len(sound) >= RULES.damaged
        later = [found for found in own(findings) if found.window.start > told[-1].window.start]
        assert not any(found.failed for found in (told[-1], *later[-RULES.windows :]))


@given(some_findings())
def test_k_of_n_labelled_windows_with_nothing_broken_are_always_a_retrain(findings: list[Finding]) -> None:
    whole = [found.model_copy(update={"failed": ()}) for found in findings]
    told = [found for found in own(whole) if found.worse is not None][-RULES.windows :]
    due = bool(told) and bool(told[-1].worse) and sum(bool(found.worse) for found in told) >= RULES.damaged
    assert (judged(whole).word == "retrain") == due


@given(some_findings())
def test_drift_alone_never_retrains(findings: list[Finding]) -> None:
    spared = [found.model_copy(update={"worse": False if found.worse else found.worse}) for found in findings]
    assert judged(spared).word != "retrain"


@given(some_findings(), st.floats(1.01, 1000))
def test_drift_of_a_window_whose_labels_have_come_changes_no_word(findings: list[Finding], ratio: float) -> None:
    moved = [
        found if found.worse is None else found.model_copy(update={"drift": ratio, "drifted": ("dep_delay",)})
        for found in findings
    ]
    assert judged(moved).word == judged(findings).word


@given(some_findings())
def test_the_error_of_an_immature_window_changes_nothing(findings: list[Finding]) -> None:
    wild = [
        found if found.worse is not None else found.model_copy(update={"error": 1e6, "damage": 999.0})
        for found in findings
    ]
    assert judged(wild).word == judged(findings).word


@given(some_findings(), st.randoms(use_true_random=False))
def test_order_and_other_versions_play_no_part(findings: list[Finding], random: Any) -> None:
    shuffled = [found for found in findings if found.version == VERSION]
    random.shuffle(shuffled)
    assert judged(shuffled) == judged(findings)


@given(some_findings())
def test_what_was_looked_at_is_enough_to_judge_again(findings: list[Finding]) -> None:
    first = judged(findings)
    assert len(first.told) <= RULES.windows
    assert len(first.waiting) <= RULES.windows
    assert judge(first.findings, VERSION, RULES) == first


@given(some_findings())
def test_failed_checks_in_the_newest_window_are_never_overlooked(findings: list[Finding]) -> None:
    newest = own(findings)[-1:]
    if newest and newest[0].failed:
        assert judged(findings).word == "watch"
        assert judged(findings).because == "broken"


@given(some_findings(), st.integers(0, 11))
def test_one_more_damaged_window_never_calms_a_retrain(findings: list[Finding], at: int) -> None:
    if judged(findings).word != "retrain":
        return
    told = [found for found in findings if found.worse is False and found.version == VERSION]
    if told:
        hurt = told[at % len(told)]
        more = [found.model_copy(update={"worse": True}) if found is hurt else found for found in findings]
        assert judged(more).word == "retrain"


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_a_cooldown_lasts_its_days_and_never_less_than_a_window(asked: int, now: int, days: int) -> None:
    first = Window(start=FIRST_DAY + timedelta(days=asked), end=FIRST_DAY + timedelta(days=asked + 7))
    second = Window(start=FIRST_DAY + timedelta(days=now), end=FIRST_DAY + timedelta(days=now + 7))
    held = cooling(first, second, days)
    assert held == (now - asked < days or now <= asked)
    assert cooling(first, first, days)
