"""The whole journey, as `make demo` walks it, on a stack of its own; then what people do after it."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

import pytest

from local.airflow_api import AirflowApi, ended, wait
from tests.e2e.journey import MODEL, Journey, demo
from tests.stack import Stack

pytestmark = pytest.mark.timeout(1500)


def only_run(stack: Stack, dag: str, task: str) -> dict[str, Any]:
    """The one run of a DAG in which a task succeeded."""
    airflow = stack.airflow()
    found = [
        run
        for run in airflow.runs(f"{MODEL}_{dag}")
        if any(found["task_id"] == task and found["state"] == "success" for found in airflow.tasks(run))
    ]
    assert len(found) == 1, f"{dag}: {[run['dag_run_id'] for run in found]}"
    return found[0]


def test_it_ends_with_a_prediction_beside_its_truth_and_the_metrics(journey: Journey) -> None:
    assert re.search(r"2013-05-0\d-(EWR|JFK|LGA)-\w+ left [+-]\d+ minutes", journey.printed)
    assert re.search(r"predicted arrival [+-][\d.]+ minutes, true arrival [+-]\d+ minutes", journey.printed)
    assert re.search(r"live endpoint, \d,\d{3} flights of May +[\d.]+ +[\d.]+ +[\d.]+ +0\.\d+", journey.printed)


def test_the_version_beats_both_baselines_on_rows_it_has_not_seen(journey: Journey) -> None:
    proof = journey.stack.airflow().result(only_run(journey.stack, "rollout", "prove"), "prove")
    (package,) = [p for p in packages(journey.stack) if p["ModelPackageArn"] == proof["package_arn"]]
    record = s3_json(journey.stack, package["CustomerMetadataProperties"]["windtunnel_record"])["evaluated"]
    assert record["metrics"]["rmse"] < record["metrics"]["linear_rmse"] < record["metrics"]["seasonal_naive_rmse"]
    assert record["plan"]["train"]["end"] <= record["plan"]["holdout"]["start"]


def test_every_month_is_published_once_and_whole(journey: Journey) -> None:
    airflow = journey.stack.airflow()
    runs = [run for run in airflow.runs(f"{MODEL}_ingest") if run["state"] == "success"]
    made = [airflow.result(run, "publish") for run in runs]
    assert [version["tag"] for version in made] == ["d1", "d2", "d3", "d4", "d5"]
    # The counts are the package's own, month by month.
    assert [version["rows"] + version["quarantined"] for version in made] == [27_004, 24_951, 28_834, 28_330, 28_796]


def test_the_reports_open(journey: Journey) -> None:
    links = dict(
        re.findall(r"^  ([\w ]+?)  +(http://127\.0\.0\.1:\d+/windtunnel/\S+)$", journey.printed, flags=re.MULTILINE)
    )
    assert links.keys() == {"drift report", "its numbers", "data docs", "dossier", "challenger"}
    pages = {name: urllib.request.urlopen(link, timeout=30).read().decode() for name, link in links.items()}  # noqa: S310
    assert "would have fired" in pages["drift report"]
    numbers = json.loads(pages["its numbers"])
    assert (numbers["version"], numbers["window"]["start"]) == ("V1.1.0", "2013-05-01")
    assert numbers["verdict"]["sentence"] in journey.printed
    assert "first release" in pages["dossier"].lower()
    assert json.loads(pages["challenger"])["champion"] == "V1.1.0"
    assert "dep_delay" in pages["data docs"]


def test_the_endpoint_serves_what_was_approved(journey: Journey) -> None:
    proof = journey.stack.airflow().result(only_run(journey.stack, "rollout", "prove"), "prove")
    described = journey.stack.aws("sagemaker").describe_endpoint(EndpointName=f"windtunnel-{MODEL}")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", proof["endpoint_config"])
    (package,) = [p for p in packages(journey.stack) if p["ModelPackageArn"] == proof["package_arn"]]
    assert package["ModelApprovalStatus"] == "Approved"
    assert "rita" in package["ApprovalDescription"]


def test_the_second_demo_does_nothing_again(journey: Journey) -> None:
    jobs = {
        job["TrainingJobName"] for job in journey.stack.aws("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    }
    again = demo(journey.stack)
    assert "the week was asked before" in again
    table = re.compile(r"^.*(?:holdout|flights of May) .*$", flags=re.MULTILINE)
    assert table.findall(again) == table.findall(journey.printed)
    after = {
        job["TrainingJobName"] for job in journey.stack.aws("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    }
    # At most the challenger that May trains by itself, whenever it comes.
    assert len(after - jobs) <= 1


def test_a_scientists_retrain_is_rejected_by_the_reviewer_and_changes_nothing(journey: Journey) -> None:
    sam, rita = journey.stack.airflow("sam"), journey.stack.airflow("rita")
    serving = journey.stack.aws("sagemaker").describe_endpoint(EndpointName=f"windtunnel-{MODEL}")["EndpointConfigName"]
    # Forced: the gate would want more evidence than a month of flights gives of fewer trees.
    form = {"max_iter": 20, "reason": "Fewer trees may do as well.", "force": True}
    wish = sam.trigger(f"{MODEL}_retrain", **form)
    training = wait("the training", lambda: sam.started_by(f"{MODEL}_train", wish), 900)
    wait("its end", lambda: ended(sam.run(training)), 1200)
    made = sam.result(training, "register")
    assert made["gate"]["forced_by"] == "sam"
    assert (made["evaluated"]["plan"]["requested_by"], made["evaluated"]["plan"]["reason"]) == ("sam", form["reason"])
    assert made["evaluated"]["plan"]["hyperparameters"]["max_iter"] == "20"

    shadowing = wait("the shadow", lambda: rita.started_by(f"{MODEL}_shadow", training), 900)
    question = wait("the question", lambda: rita.started_by(f"{MODEL}_approve", shadowing), 900)
    wait("its turn", lambda: ("decide", "awaiting_input") in states(rita, question), 900)
    rita.decide(question, "decide", "Reject", note="Not worth it.")
    wait("its end", lambda: ended(rita.run(question)), 900)
    arn = made["package_arn"]
    (package,) = [found for found in packages(journey.stack) if found["ModelPackageArn"] == arn]
    assert package["ModelApprovalStatus"] == "Rejected"
    assert "Not worth it." in package["ApprovalDescription"]
    assert (
        journey.stack.aws("sagemaker").describe_endpoint(EndpointName=f"windtunnel-{MODEL}")["EndpointConfigName"]
        == serving
    )


def test_a_wish_that_cannot_come_true_is_refused_at_once(journey: Journey) -> None:
    sam = journey.stack.airflow("sam")
    wish = sam.trigger(f"{MODEL}_retrain", depth=3, reason="There is no such parameter.")
    run = wait("its end", lambda: ended(sam.run(wish)) and sam.run(wish), 300)
    (task,) = sam.tasks(run)
    assert (run["state"], task["try_number"]) == ("failed", 1)
    assert "has no field `depth`. It has:" in sam.log(run, "request")


@pytest.mark.parametrize("stage", ["train", "shadow", "approve", "rollout"])
def test_what_events_start_says_so_when_it_is_started_by_hand(journey: Journey, stage: str) -> None:
    admin = journey.stack.airflow()
    by_hand = admin.trigger(f"{MODEL}_{stage}")
    run = wait("its end", lambda: ended(admin.run(by_hand)) and admin.run(by_hand), 300)
    (failed,) = [task for task in admin.tasks(run) if task["state"] == "failed"]
    assert failed["try_number"] == 1
    assert "This DAG is started by the asset" in admin.log(run, failed["task_id"])


def states(airflow: AirflowApi, run: dict[str, Any]) -> list[tuple[str, str]]:
    return [(task["task_id"], task["state"]) for task in airflow.tasks(run)]


def packages(stack: Stack) -> list[dict[str, Any]]:
    sagemaker = stack.aws("sagemaker")
    listed = sagemaker.list_model_packages(ModelPackageGroupName=MODEL)["ModelPackageSummaryList"]
    return [sagemaker.describe_model_package(ModelPackageName=found["ModelPackageArn"]) for found in listed]


def s3_json(stack: Stack, uri: str) -> dict[str, Any]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return dict(json.loads(stack.aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read()))
