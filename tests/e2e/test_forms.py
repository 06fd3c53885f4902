"""The forms as people fill them in, by REST and in a browser, and the buttons of the tasks after a whole journey."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from local.airflow_api import AirflowApi, ended, wait
from tests.browser import Browser
from tests.e2e.journey import MODEL, Journey

pytestmark = pytest.mark.timeout(1500)
REASON = "To see what the form says."


def refusal(airflow: AirflowApi, stage: str, **form: Any) -> str:
    """What the API answers to a form that it does not take."""
    before = len(airflow.runs(f"{MODEL}_{stage}"))
    path = f"/dags/{MODEL}_{stage}/dagRuns"
    answer = airflow._http.post(f"/api/v2{path}", json={"logical_date": None, "conf": form})
    assert answer.status_code == 400, answer.text
    assert len(airflow.runs(f"{MODEL}_{stage}")) == before
    return str(answer.json()["detail"])


def failed(airflow: AirflowApi, run: dict[str, Any]) -> str:
    """The log of `request` once its run has failed, at the first try."""
    run = wait("its end", lambda: ended(airflow.run(run)) and airflow.run(run), 600)
    (task,) = airflow.tasks(run)
    assert (run["state"], task["state"], task["try_number"]) == ("failed", "failed", 1)
    return airflow.log(run, "request")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "Invalid input for param reason: No value passed"),
        ({"reason": "Because."}, "Ten characters or more"),
        ({"reason": " . " * 9}, "Ten characters or more"),
        ({"reason": REASON, "max_iter": 0}, "0 is less than the minimum of 1"),
        ({"reason": REASON, "max_iter": 20.5}, "20.5 is not of type 'integer'"),
        ({"reason": REASON, "learning_rate": 2}, "Weight of each tree. From 0.001 to 1"),
        ({"reason": REASON, "training_from": "2012-12"}, "'2012-12' is not one of"),
        ({"reason": REASON, "commit": "main"}, "Forty digits of a commit of main"),
        ({"reason": REASON, "force": "yes"}, "'yes' is not of type 'boolean'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_wish_that_no_estimator_could_grant_is_not_even_a_run(
    journey: Journey, form: dict[str, Any], said: str
) -> None:
    assert said in refusal(journey.stack.airflow("sam"), "retrain", **form)


def test_an_ingestion_of_a_month_that_the_source_does_not_have_is_not_even_a_run(journey: Journey) -> None:
    assert "'2014-01' is not one of" in refusal(journey.stack.airflow("dana"), "ingest", month_from="2014-01")


@pytest.mark.parametrize(
    ("months", "said"),
    [
        (("2013-01", "2013-04", "2013-04", "2013-05"), "reaches into the holdout `2013-04-01..2013-06-01`"),
        (("2013-03", "2013-05", "2013-01", "2013-01"), "lies before the training window"),
        (("2013-01", "2013-03", "2013-11", "2013-11"), "has no rows in `2013-11`. It has: `2013-01`, `2013-02`"),
        (("2013-03", "2013-01", None, None), "Training runs from `2013-03` to `2013-01`, backwards"),
    ],
    ids=["overlap", "holdout first", "not published", "backwards"],
)
def test_months_that_cannot_be_are_refused_before_train_starts(
    journey: Journey, months: tuple[str | None, ...], said: str
) -> None:
    sam = journey.stack.airflow("sam")
    names = ("training_from", "training_to", "holdout_from", "holdout_to")
    run = sam.trigger(f"{MODEL}_retrain", reason=REASON, **dict(zip(names, months, strict=True)))
    assert said in failed(sam, run)
    assert sam.started_by(f"{MODEL}_train", run) is None
    assert buttons(sam, run, "request") == {"Model": f"/windtunnel/models/{MODEL}"}, "also where it failed"


def test_a_commit_that_nobody_vouches_for_is_refused_before_train_starts(journey: Journey) -> None:
    sam = journey.stack.airflow("sam")
    run = sam.trigger(f"{MODEL}_retrain", reason=REASON, commit="a1" * 20)
    assert "CommitRefused" in failed(sam, run)
    assert sam.started_by(f"{MODEL}_train", run) is None


def test_the_names_of_an_older_form_are_refused_with_those_of_now(journey: Journey) -> None:
    sam = journey.stack.airflow("sam")
    run = sam.trigger(f"{MODEL}_retrain", reason=REASON, train_start="2013-01-01", hyperparameters={"max_iter": 20})
    said = failed(sam, run)
    assert "has no field `hyperparameters`, `train_start`. It has: `commit`, `force`, `holdout_from`" in said
    assert "`max_iter`" in said


def test_every_task_that_made_something_leads_to_it(journey: Journey) -> None:
    vic = journey.stack.airflow("vic")
    model, version = f"/windtunnel/models/{MODEL}", "V1.1.0"
    for task in ("extract", "check", "load", "audit", "publish"):
        assert made_by(vic, "ingest", task, "Data quality")[0] == f"{model}/data?window=2013-01", task
    assert made_by(vic, "train", "gate", "Model")[0] == model
    for dag, task in (("train", "register"), ("shadow", "rehearse"), ("shadow", "judge"), ("rollout", "prove")):
        assert made_by(vic, dag, task, "Version")[0] == f"{model}/versions/{version}", task
    for dag, task in (("shadow", "document"), ("approve", "decide"), ("approve", "record_yes")):
        assert made_by(vic, dag, task, "Dossier")[0] == f"{model}/dossiers/{version}", task
    for task in ("report", "conclude", "alert"):
        (path,) = set(made_by(vic, "monitor", task, "Drift report"))
        assert path == f"{model}/drift?window=2013-05-01_2013-05-08", task


def made_by(airflow: AirflowApi, stage: str, task: str, name: str) -> list[str]:
    """Where a button leads in the runs in which the task went well, oldest first."""
    runs = [run for run in airflow.runs(f"{MODEL}_{stage}") if airflow.state(run, task) == "success"]
    found = [buttons(airflow, run, task)[name] for run in runs]
    assert found, f"{stage}: `{task}` never went well"
    return found


def buttons(airflow: AirflowApi, run: dict[str, Any], task: str) -> dict[str, str]:
    """The pages that the buttons of a task open inside Airflow."""
    path = f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances/{task}/links"
    found = airflow.get(path)["extra_links"]
    assert all(address.startswith(f"{airflow.url}/plugin/models?") for address in found.values()), found
    return {name: parse_qs(urlsplit(address).query)["view"][0] for name, address in found.items()}


def test_a_scientist_fills_in_the_form_and_gets_it_back_after_a_mistake(journey: Journey, browser: Browser) -> None:
    sam = journey.stack.airflow("sam")
    before = len(sam.runs(f"{MODEL}_retrain"))
    page = browser.page("sam")
    page.goto(f"{browser.url}/dags/{MODEL}_retrain")
    page.get_by_test_id("trigger-dag-button").click()
    page.locator("#element_reason").fill("Holdout before training.")
    page.get_by_role("button", name="Months").click()
    for name, month in (
        ("training_from", "2013-03"),
        ("training_to", "2013-05"),
        ("holdout_from", "2013-01"),
        ("holdout_to", "2013-01"),
    ):
        page.locator(f"#element_{name}").click()
        page.get_by_role("option", name=month, exact=True).click()
    page.get_by_role("button", name="Hyper-parameters").click()
    page.locator("input[name=element_max_iter]").fill("150")
    page.get_by_role("button", name="Trigger", exact=True).last.click()
    run = wait("the run", lambda: sam.runs(f"{MODEL}_retrain")[before:], 180)[0]
    assert "lies before the training window" in failed(sam, run)

    page.goto(f"{browser.url}/dags/{MODEL}_retrain/runs/{run['dag_run_id']}")
    page.get_by_test_id("trigger-dag-button").click()
    page.get_by_role("menuitem", name="Trigger again with this config").click()
    assert page.locator("#element_reason").input_value() == "Holdout before training."
    page.get_by_role("button", name="Months").click()
    assert page.locator("#element_holdout_from").inner_text().strip() == "2013-01"
    assert sam.run(run)["conf"]["max_iter"] == 150
