"""The checks of serving on real flights: each passes on what is right, and finds the one fault that is planted."""

from __future__ import annotations

from functools import cache
from importlib.metadata import distribution
from types import ModuleType
from typing import Any

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pytest
from great_expectations.expectations.row_conditions import Column

from windtunnel.core.catalog import model_expectations, model_spec
from windtunnel.core.contracts import Check
from windtunnel.core.spec import PackageCsv
from windtunnel.ml import expectations, serving_checks, serving_expectations
from windtunnel.ml.joined import CHAMPION_SAID, CONTROL_SAID, PREDICTION, VERSION, recorded
from windtunnel.ml.scoring_report import ScoredVersion, ScoringReport

SPEC = model_spec("flights")
ROWS = 2_000


def asked_of(version: str, **given: Any) -> ScoredVersion:
    usual = {"why_not": None, "tolerance": 0.001, "unaskable": 0, "not_finite": 0}
    return ScoredVersion(version=version, artefact_sha256="b" * 64, **usual | given)


BOTH = ScoringReport(model="flights", rows=ROWS, champion=asked_of("V1.1.2"), control=asked_of("V1.1.1"))


@cache
def flights() -> pd.DataFrame:
    """The first flights of January that left, as they are published."""
    assert isinstance(SPEC.source, PackageCsv)
    raw = pd.read_csv(str(distribution(SPEC.source.distribution).locate_file(SPEC.source.member)), nrows=3 * ROWS)
    published: pd.DataFrame = SPEC.derive(raw)
    return published[published[SPEC.eligible] == 1].head(ROWS).reset_index(drop=True)


@pytest.fixture
def rows() -> pd.DataFrame:
    """A window without a fault: all but 100 rows known to ingestion, a twentieth answered by the version before."""
    made = flights()[[SPEC.key, *SPEC.features, SPEC.event_time, SPEC.target]].copy()
    for name in SPEC.features:
        made[recorded(name)] = made[name].where(made.index < ROWS - 100)
    made[SPEC.event_time] = made[SPEC.event_time].where(made.index < ROWS - 100)
    said = (made["dep_delay"] - 4.123456789).astype(np.float32).astype(np.float64)
    made[VERSION] = np.where(made.index % 20 == 7, "V1.1.1", "V1.1.2")
    made[CHAMPION_SAID], made[CONTROL_SAID] = said, said + 1
    served = said.where(made[VERSION] == "V1.1.2", made[CONTROL_SAID])
    made[PREDICTION] = [float(str(np.float32(value))) for value in served]  # as the model server writes it
    return made


def judged(rows: pd.DataFrame, report: ScoringReport = BOTH) -> dict[str, Check]:
    return {check.name: check for check in serving_checks.judge(rows, SPEC, report)}


def failed(rows: pd.DataFrame) -> set[str]:
    return {name for name, check in judged(rows).items() if check.passed is False}


def test_a_window_without_a_fault_passes_every_check(rows: pd.DataFrame) -> None:
    found = judged(rows)
    assert {name: check.passed for name, check in found.items()} == dict.fromkeys(
        ("answers", "features", "finite", "plausible", "constant"), True
    )
    assert found["answers"].numbers["compared"] == ROWS
    assert found["answers"].numbers["largest_difference"] == 0
    assert found["features"].numbers["rows"] == ROWS - 100
    assert found["features"].sentence == "Every feature was asked as it was recorded, in 1,900 rows."


def test_answers_of_another_model_are_found(rows: pd.DataFrame) -> None:
    rows.loc[::100, PREDICTION] += 0.002
    found = judged(rows)["answers"]
    assert found.passed is False
    assert found.numbers["apart"] == ROWS // 100
    assert found.sentence.startswith("20 of 2,000 served answers are not what the same version says offline")
    assert failed(rows) == {"answers"}


def test_a_difference_within_the_golden_tolerance_is_none(rows: pd.DataFrame) -> None:
    rows[PREDICTION] += 0.0005
    assert judged(rows)["answers"].passed is True


def test_a_second_around_a_release_is_allowed_for(rows: pd.DataFrame) -> None:
    rows.loc[:1, PREDICTION] += 10
    assert judged(rows)["answers"].passed is True
    rows.loc[:2, PREDICTION] += 10
    assert judged(rows)["answers"].passed is False


def test_versions_that_were_not_asked_are_counted_and_not_compared(rows: pd.DataFrame) -> None:
    rows[VERSION] = rows[VERSION].replace("V1.1.1", "V1.0.0")
    found = judged(rows)["answers"]
    assert found.passed is True
    assert found.numbers["other_versions"] == 100
    assert found.numbers["compared"] == ROWS - 100
    assert "100 were not compared, 100 of them of other versions." in found.sentence


def test_a_champion_that_says_nothing_offline_leaves_the_question_open(rows: pd.DataFrame) -> None:
    silent = asked_of("V1.1.2", why_not="It takes `runway`, which the rows do not have.")
    alone = ScoringReport(model="flights", rows=ROWS, champion=silent, control=None)
    found = judged(rows.assign(**{CHAMPION_SAID: np.nan, CONTROL_SAID: np.nan}), alone)["answers"]
    assert found.passed is None
    assert "V1.1.2 said nothing offline: It takes `runway`" in found.sentence


@pytest.mark.parametrize(
    ("feature", "change"),
    [
        ("dep_delay", lambda column: column * 60),
        ("distance", lambda column: (column * 1.609).astype("int64")),
        ("carrier", lambda column: column.str.lower()),
        ("dep_delay", lambda column: column.where(column.index % 50 > 0)),
    ],
    ids=["seconds for minutes", "kilometres for miles", "another spelling", "missing where it was recorded"],
)
def test_a_feature_that_serving_computes_otherwise_is_found(rows: pd.DataFrame, feature: str, change: Any) -> None:
    rows[feature] = change(rows[feature])
    found = judged(rows)["features"]
    assert found.passed is False
    assert f"`{feature}` in " in found.sentence
    differ = {name for name, share in found.numbers.items() if name.startswith("differ_") and share}
    assert differ == {f"differ_{feature}"}


def test_corrections_of_the_source_stay_within_the_budget(rows: pd.DataFrame) -> None:
    rows.loc[:18, recorded("dep_delay")] += 1
    found = judged(rows)["features"]
    assert (found.passed, found.numbers["differ_dep_delay"]) == (True, 19 / 1_900)
    assert found.sentence.startswith("`dep_delay` differs most often, in 19 of 1,900 rows")
    rows.loc[19:19, recorded("dep_delay")] += 1
    assert judged(rows)["features"].passed is False


def test_rows_that_ingestion_does_not_know_are_not_compared(rows: pd.DataFrame) -> None:
    unknown = rows.iloc[-100:].reset_index(drop=True)
    assert judged(unknown)["features"].passed is None


def test_one_odd_row_of_a_few_is_no_incident(rows: pd.DataFrame) -> None:
    few = rows.head(12).copy()
    few.loc[3, "dep_delay"] = 500
    assert judged(few)["features"].passed is True
    few.loc[4, "dep_delay"] = 500
    assert judged(few)["features"].passed is False


def test_answers_that_are_no_numbers_or_not_plausible_are_found(rows: pd.DataFrame) -> None:
    rows.loc[5, PREDICTION] = np.inf
    assert judged(rows)["finite"].passed is False
    assert judged(rows)["plausible"].passed is True, "a rollout allows 5 % of unusable answers"
    rows.loc[:100, PREDICTION] = 1e4
    found = judged(rows)["plausible"]
    assert (found.passed, found.numbers["wrong"]) == (False, 101)


def test_one_answer_to_all_questions_is_found_and_to_one_question_is_right(rows: pd.DataFrame) -> None:
    stuck = rows.assign(**{PREDICTION: rows[PREDICTION].where(rows[VERSION] == "V1.1.1", 7.5)})
    found = judged(stuck)["constant"]
    assert found.passed is False
    assert found.sentence == "V1.1.2 answered 7.5 minutes to all 1,900 questions."
    same = pd.concat([rows.head(1)] * 50, ignore_index=True)
    assert judged(same)["constant"].passed is None
    missing = same.assign(dep_delay=np.nan, **{PREDICTION: 3.0})
    assert judged(missing)["constant"].passed is None, "missing values are the same question too"


def requested(rows: pd.DataFrame) -> tuple[expectations.Validated, Check]:
    asked = serving_expectations.requests(rows, SPEC)
    suite = serving_expectations.suite(SPEC, model_expectations("flights"))
    found = expectations.validate(asked, suite, "requests")
    return found, serving_expectations.judge(found, len(rows), SPEC)


def test_real_requests_meet_the_expectations_of_training(rows: pd.DataFrame) -> None:
    found, check = requested(rows)
    assert check.passed is True
    assert check.numbers == {"rows": ROWS, "missed": 0, "allowed": SPEC.quarantine_budget}
    judged_columns = {outcome["expectation_config"]["kwargs"]["column"] for outcome in found.to_json()["results"]}
    assert judged_columns == set(SPEC.features)


def test_requests_that_training_would_quarantine_are_counted_once_each(rows: pd.DataFrame) -> None:
    rows["weekday"] = rows["weekday"].astype("float64").where(rows.index != 1)
    rows.loc[:40, "sched_dep_minute"] = 2_400
    rows.loc[:2, "carrier"] = "American"
    rows.loc[41:43, "dep_delay"] = np.nan
    _, check = requested(rows)
    assert (check.passed, check.numbers["missed"]) == (False, 44)
    for said in (
        "44 of 2,000 requests miss an expectation of training; allowed are 2.0%",
        "`sched_dep_minute` lies outside 0 to 1,439 (41)",
        "`carrier` is not two letters or digits (3)",
        "`dep_delay` is empty though the flight left (3)",
        "`weekday` is empty (1)",
    ):
        assert said in check.sentence
    rows.loc[3:40, "sched_dep_minute"] = 600
    assert requested(rows)[1].passed is True


def test_only_expectations_on_rows_of_features_are_asked_of_requests() -> None:
    by_text: Any = {"row_condition": "distance > 2 and air_time > 3", "condition_parser": "pandas"}
    both = (Column("carrier") == "month") & (Column("weekday") > 2)
    rows = [
        gxe.ExpectColumnValuesToBeBetween(column="distance", min_value=1),
        gxe.ExpectColumnValuesToBeBetween(column="arr_delay", min_value=-240),
        gxe.ExpectColumnMeanToBeBetween(column="distance", min_value=700),
        gxe.ExpectColumnValuesToNotBeNull(column="dep_delay", row_condition=Column("departed") == 1),
        gxe.ExpectColumnValuesToNotBeNull(column="dep_delay", row_condition=Column("diverted") == 1),
        gxe.ExpectColumnValuesToNotBeNull(column="dep_delay", row_condition=both),
        gxe.ExpectColumnValuesToNotBeNull(column="dep_delay", **by_text),
    ]
    raw = [
        gxe.ExpectColumnValuesToMatchRegex(column="carrier", regex="^.{2}$"),
        gxe.ExpectColumnValuesToMatchRegex(column="tailnum", regex="^.{6}$"),
        gxe.ExpectColumnValuesToMatchRegex(column="distance", regex="^[0-9]+$"),
    ]
    module = ModuleType("expectations")
    vars(module).update(rows=lambda: rows, raw=lambda: raw)
    required = sum(not SPEC.column(name).nullable for name in SPEC.features)
    kept = serving_expectations.suite(SPEC, module)
    assert [each.description for each in kept[:required]] == [
        f"`{name}` is empty" for name in SPEC.features if not SPEC.column(name).nullable
    ]
    assert kept[required:] == [rows[0], rows[3], rows[5], raw[0]]


def test_an_expectation_that_cannot_be_judged_fails_the_check(rows: pd.DataFrame) -> None:
    asked = serving_expectations.requests(rows, SPEC)
    found = expectations.validate(asked, [gxe.ExpectColumnValuesToBeBetween(column="runway", min_value=1)], "requests")
    check = serving_expectations.judge(found, len(asked), SPEC)
    assert check.passed is False
    assert 'The column "runway" in BatchData does not exist' in check.sentence
