"""The fields of the forms, and what a filled-in form means."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError

from windtunnel.core.catalog import model_spec
from windtunnel.core.errors import SpecInvalid, WindowInvalid
from windtunnel.core.hyperparameters import Hyperparameter
from windtunnel.core.spec import Arrival
from windtunnel.core.window import Window
from windtunnel.orchestration import form, trigger

SPEC = model_spec("flights")
ENDLESS = SPEC.model_copy(update={"arrival": Arrival(first="2024-11")})
REASON = "Fewer trees may do as well."


@pytest.fixture
def filled_in(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes this process the task of a run that somebody started with a form."""

    def fill(fields: dict[str, Param], **conf: Any) -> None:
        params = {name: field.value for name, field in fields.items()} | conf
        run = SimpleNamespace(conf=conf, dag_id="flights_dag", triggering_user_name="sam")
        context = {"dag_run": run, "params": params}
        monkeypatch.setattr(form, "get_current_context", lambda: context)
        monkeypatch.setattr(trigger, "get_current_context", lambda: context)

    return fill


def refused(field: Param, value: Any) -> str:
    with pytest.raises(ParamValidationError) as error:
        field.resolve(value)
    return str(error.value)


def test_a_source_that_has_ended_offers_its_months_and_no_other() -> None:
    field = form.retrain(SPEC)["training_from"]
    assert field.schema["enum"] == [None, *(f"2013-{month:02}" for month in range(1, 13))]
    assert field.schema["values_display"] == {"null": "The 3 months before the holdout"}
    assert (field.resolve(None), field.resolve("2013-12")) == (None, "2013-12")
    assert "'2014-01' is not one of" in refused(field, "2014-01")


def test_a_source_that_goes_on_suggests_months_and_takes_any() -> None:
    field = form.ingest(ENDLESS)["month_from"]
    assert field.schema["examples"][:3] == ["2024-11", "2024-12", "2025-01"]
    assert field.resolve("2061-01") == "2061-01"
    for wrong in ("2024-13", "2024-1", "2024-11-01", ""):
        assert "Written as `2024-11`" in refused(field, wrong)


@pytest.mark.parametrize("reason", ["", "too short", "   x   y   z   ", None, 1234567890])
def test_a_reason_is_ten_characters_that_say_something(reason: Any) -> None:
    assert "Ten characters or more" in refused(form.reason("On record."), reason)


@pytest.mark.parametrize("value", [0, 2001, 1.5, "50", None, True])
def test_a_hyperparameter_out_of_its_range_is_refused_with_the_range(value: Any) -> None:
    assert "Number of trees. From 1 to 2,000" in refused(form.retrain(SPEC)["max_iter"], value)


def test_months_are_meant_with_the_last_one_included(filled_in: Any) -> None:
    months = {
        "training_from": "2013-01",
        "training_to": "2013-03",
        "holdout_from": "2013-12",
        "holdout_to": "2013-12",
    }
    filled_in(form.retrain(SPEC), reason=f"  {REASON} ", **months)
    wish = form.wish(SPEC)
    assert (wish.train, wish.holdout) == (Window.parse("2013-01", "2013-04"), Window.parse("2013-12", "2014-01"))
    assert (wish.reason, wish.requested_by, wish.force) == (REASON, "sam", False)


def test_a_form_left_alone_asks_for_the_same_work_as_new_data_does(filled_in: Any) -> None:
    defaults = {name: field.value for name, field in form.retrain(SPEC).items() if name != "reason"}
    filled_in(form.retrain(SPEC), **(defaults | {"reason": REASON}))
    wish = form.wish(SPEC)
    assert (wish.train, wish.holdout, wish.hyperparameters) == (None, None, {})


@pytest.mark.parametrize("commit", ["main", "a1" * 19, "A1" * 20, "a1" * 20 + "0", "", 7])
def test_a_commit_is_forty_digits(commit: Any) -> None:
    assert "Forty digits of a commit of main" in refused(form.retrain(SPEC)["commit"], commit)


def test_a_commit_is_nobodys_duty_and_travels_with_the_wish(filled_in: Any) -> None:
    filled_in(form.retrain(SPEC), reason=REASON)
    assert form.wish(SPEC).commit is None
    filled_in(form.retrain(SPEC), reason=REASON, commit="a1" * 20)
    assert form.wish(SPEC).commit == "a1" * 20


def test_whole_numbers_travel_as_such(filled_in: Any) -> None:
    filled_in(form.retrain(SPEC), reason=REASON, max_iter=50.0, learning_rate=0.1)
    assert form.wish(SPEC).hyperparameters == {"max_iter": "50", "learning_rate": "0.1"}


@pytest.mark.parametrize(
    ("months", "said"),
    [
        (
            {"training_from": "2013-03", "training_to": "2013-01"},
            "Training runs from `2013-03` to `2013-01`, backwards",
        ),
        ({"holdout_from": "2013-03"}, "Holdout runs from `2013-03` to `None`. Choose both months, or neither"),
    ],
)
def test_months_that_are_no_window_are_refused(months: dict[str, str], said: str, filled_in: Any) -> None:
    filled_in(form.retrain(SPEC), reason=REASON, **months)
    with pytest.raises(WindowInvalid, match=said):
        form.wish(SPEC)


def test_a_field_that_the_form_does_not_have_is_refused_with_those_it_has(filled_in: Any) -> None:
    filled_in(form.retrain(SPEC), reason=REASON, train_start="2013-01-01")
    with pytest.raises(
        AirflowFailException, match=r"`flights_dag` has no field `train_start`. It has: `commit`, `force`, `holdout"
    ):
        form.wish(SPEC)


@pytest.mark.parametrize(
    ("conf", "window"),
    [
        ({}, None),
        ({"month_from": "2013-02"}, Window.month("2013-02")),
        ({"month_from": "2013-02", "month_to": "2013-03"}, Window.parse("2013-02", "2013-04")),
    ],
    ids=["none", "one month", "two months"],
)
def test_an_ingestion_by_hand_takes_one_month_or_several(conf: Any, window: Window | None, filled_in: Any) -> None:
    filled_in(form.ingest(SPEC), **conf)
    assert form.months(SPEC) == window


def test_a_last_month_without_a_first_is_refused(filled_in: Any) -> None:
    filled_in(form.ingest(SPEC), month_to="2013-02")
    with pytest.raises(WindowInvalid, match="Ingestion runs from `None` to `2013-02`"):
        form.months(SPEC)


def test_a_hyperparameter_may_not_hide_another_field(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Hyperparameter(kind="int", default=1, low=0, high=2, about="A number.")
    monkeypatch.setattr(form, "declared", lambda _: {"reason": rule})
    with pytest.raises(SpecInvalid, match="`flights` calls a hyper-parameter `reason`"):
        form.retrain(SPEC)
