"""The second release, through Airflow: forced past the gate, shadowed, approved, shifted gradually, and brought back.

All the while real flights ask the live endpoint, and each answer must be that of the version before or after.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from local.airflow_api import AirflowApi, ended, wait
from local.traffic import departures
from tests.browser import Browser
from tests.e2e.journey import MODEL, Journey, windtunnel
from tests.e2e.test_browsing import answered
from windtunnel.core.catalog import model_spec
from windtunnel.core.window import Window

pytestmark = pytest.mark.timeout(1500)
SPEC = model_spec(MODEL)
WEEK = Window(start=date(2013, 5, 8), end=date(2013, 5, 15))
PER_SECOND = 20


class Asked:
    """What was asked and answered; failures with their text."""

    def __init__(self) -> None:
        self.answers: list[float] = []
        self.failures: list[str] = []


@contextmanager
def traffic(journey: Journey) -> Iterator[Asked]:
    """Flights of the second week of May ask the live endpoint, steadily, until the block ends."""
    rows = departures(MODEL, WEEK)
    features = rows[list(SPEC.features)].astype(object).where(rows[list(SPEC.features)].notna(), None)
    requests = list(zip(rows[SPEC.key], features.to_dict(orient="records"), strict=True))
    asked, stop, runtime = Asked(), threading.Event(), journey.stack.aws("sagemaker-runtime")

    def ask() -> None:
        for at in range(10**9):
            if stop.wait(1 / PER_SECOND):
                return
            key, row = requests[at % len(requests)]
            try:
                answer = runtime.invoke_endpoint(
                    EndpointName=f"windtunnel-{MODEL}",
                    ContentType="application/json",
                    InferenceId=f"{key}",
                    Body=json.dumps({"instances": [row]}),
                )
                (value,) = json.loads(answer["Body"].read())["predictions"]
                asked.answers.append(float(value))
            except (BotoCoreError, ClientError, ValueError) as error:
                asked.failures.append(repr(error))

    thread = threading.Thread(target=ask)
    thread.start()
    yield asked
    stop.set()
    thread.join()


def succeeded(airflow: AirflowApi, run: dict[str, Any]) -> dict[str, Any]:
    """The run once it has ended, which it must do well."""
    wait("its end", lambda: ended(airflow.run(run)), 1200)
    found = airflow.run(run)
    tasks = [(task["task_id"], task["state"]) for task in airflow.tasks(run)]
    assert found["state"] == "success", tasks
    return found


def test_a_second_version_flies_goes_live_gradually_and_is_brought_back(journey: Journey, browser: Browser) -> None:
    admin, sam, rita = (journey.stack.airflow(person) for person in ("admin", "sam", "rita"))
    with traffic(journey) as asked:
        wish = sam.trigger(f"{MODEL}_retrain", max_iter=100, reason="A smaller model for the summer.", force=True)
        training = wait("the training", lambda: sam.started_by(f"{MODEL}_train", wish), 900)
        succeeded(sam, training)
        version = sam.result(training, "register")["version"]

        shadowing = wait("the shadow", lambda: admin.started_by(f"{MODEL}_shadow", training), 900)
        succeeded(admin, shadowing)
        judged = admin.result(shadowing, "judge")
        assert judged["champion"] == "V1.1.0"
        assert judged["requests"] > 100
        assert judged["labelled"] > 100

        question = wait("the question", lambda: rita.started_by(f"{MODEL}_approve", shadowing), 900)
        wait("its turn", lambda: any(t["state"] == "awaiting_input" for t in rita.tasks(question)), 900)
        answered(browser, question["dag_run_id"], version, "Forced, and the shadow shows no harm.")
        succeeded(rita, question)

        release = wait("the rollout", lambda: admin.started_by(f"{MODEL}_rollout", question), 900)
        succeeded(admin, release)
        assert admin.result(release, "prove")["version"] == version
        steps = admin.log(release, "deploy")
        assert re.search(r"traffic enabled on 10% of capacity", steps)

        back = admin.trigger(f"{MODEL}_rollback", reason="The drill of the year.")
        succeeded(admin, back)
        assert admin.result(back, "prove")["version"] == "V1.1.0"
    assert asked.failures == []
    assert len(asked.answers) > 500

    said = windtunnel(journey, "history", MODEL, version)
    for word in ("allocated", "registered", "rehearsed", "shadowed", "approved", "live", "rolled-back", "rita", "sam"):
        assert word in said
    assert "V1.1.0" in windtunnel(journey, "live", MODEL)
    assert version in windtunnel(journey, "live-at", MODEL, str(admin.run(back)["start_date"]))

    # The week's flights asked after their labels had come; started by hand, the monitor takes its daily look.
    look = admin.trigger(f"{MODEL}_monitor")
    succeeded(admin, look)
    collected, report = (admin.result(look, task) for task in ("collect", "report"))
    assert (report["version"], collected["champion"]["version"]) == ("V1.1.0", "V1.1.0")
    assert WEEK.label in report["reports"]
    assert collected["counts"]["between"] > 0, "while traffic was shifted two versions answered"
    assert report["sentence"] in windtunnel(journey, "verdicts", MODEL)


def test_nobody_but_admin_starts_a_rollback(journey: Journey) -> None:
    for person in ("dana", "sam", "rita", "vic"):
        refused = journey.stack.airflow(person).status(
            "POST", f"/dags/{MODEL}_rollback/dagRuns", {"logical_date": None, "conf": {"reason": "Not my right."}}
        )
        assert refused == 403, person
