"""The whole journey on real flights, top to bottom. Each part says what it does and why. Run by `make demo`.

The demo only does what people and programs do: `admin` unpauses the ingestion through Airflow's REST API, the reviewer
`rita` answers the approval, and every departing flight asks the live endpoint. A part that was done before is not
done again.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from functools import partial
from typing import Any

from local.airflow_api import AirflowApi, ended, failures, wait
from local.ending import show
from local.keys import passwords
from local.place import place
from local.screen import Screen, Step
from windtunnel.core.window import Window

MODEL = "flights"
HISTORY = ("2013-01", "2013-02", "2013-03", "2013-04")
NEXT = "2013-05"
DAYS_OF_TRAFFIC = 7
PATIENCE_SECONDS = 600


def main() -> None:
    """Walk the journey; exit 1 with the failed task's log if a step fails."""
    where, screen = place(), Screen()
    people = passwords(where.home)
    airflow = AirflowApi(where.web_url, "admin", people["admin"])
    rita = AirflowApi(where.web_url, "rita", people["rita"])

    screen.title("January to April arrive, month by month: landed, checked, audited on a branch, published")
    april = ingest(airflow, screen, HISTORY)

    screen.title("January to March train a candidate; April, which it has not seen, judges it beside two baselines")
    training = follow(airflow, screen, "train", april)

    screen.title("The wind tunnel: the version serves on a staging endpoint, is checked there, and gets its dossier")
    shadowing = follow(airflow, screen, "shadow", training)

    screen.title("A reviewer reads the dossier, and says yes to exactly these bytes")
    approval = approve(airflow, rita, screen, shadowing)

    screen.title("Rollout: deploy, then prove that the endpoint serves exactly this version")
    follow(airflow, screen, "rollout", approval)

    screen.title("The first week of May leaves New York: every departure asks the endpoint")
    flights = traffic(airflow, screen)

    screen.title("May arrives, and with it the truth about those flights")
    may = ingest(airflow, screen, (NEXT,))

    screen.title("Monitor: captured answers meet their labels, drift and damage are weighed, a verdict is given")
    monitoring = follow(airflow, screen, "monitor", may)

    screen.title("May also trained a challenger. The gate judges it beside the champion, on the same flights of May")
    challenge = follow(airflow, screen, "train", may)

    show(
        screen,
        airflow,
        where,
        flights,
        dossier=airflow.result(shadowing, "document"),
        measured=airflow.result(monitoring, "measure"),
        report=airflow.result(monitoring, "report"),
        gate=airflow.result(challenge, "gate")["gate"],
    )


def ingest(airflow: AirflowApi, screen: Screen, months: tuple[str, ...]) -> dict[str, Any]:
    """Let the schedule catch up over some months, then hold it: a month can only arrive when its time has come."""
    dag = f"{MODEL}_ingest"
    run: dict[str, Any] = {}
    for month in months:
        with screen.step(f"ingest {month}") as step:
            done_before = _run_of(airflow, month)
            if done_before is None or done_before["state"] != "success":
                airflow.pause(dag, paused=False)
            run = wait(f"the run of {dag} for {month}", partial(_run_of, airflow, month), PATIENCE_SECONDS)
            run = watch(airflow, step, run)
            if month == months[-1]:
                airflow.pause(dag)
            made = airflow.result(run, "publish")
            step.done(f"{made['rows']:,} rows published as {made['tag']}, {made['quarantined']} quarantined")
    return run


def follow(airflow: AirflowApi, screen: Screen, stage: str, cause: dict[str, Any]) -> dict[str, Any]:
    """Watch the run that an earlier run's asset event started, task by task, to its end."""
    dag = f"{MODEL}_{stage}"
    with screen.step(stage) as step:
        run = wait(f"the run of {dag}", lambda: airflow.started_by(dag, cause), PATIENCE_SECONDS)
        run = watch(airflow, step, run)
        step.done(RESULTS[stage](airflow, run))
    return run


def approve(airflow: AirflowApi, rita: AirflowApi, screen: Screen, cause: dict[str, Any]) -> dict[str, Any]:
    """Answer the approval as the reviewer."""
    dag = f"{MODEL}_approve"
    with screen.step("approve, as rita") as step:
        run = wait(f"the run of {dag}", lambda: airflow.started_by(dag, cause), PATIENCE_SECONDS)
        dossier = airflow.result(cause, "document")
        waiting = wait(
            "the question",
            lambda: airflow.state(run, "decide") in {"awaiting_input", "deferred", "success"},
            PATIENCE_SECONDS,
        )
        if waiting and airflow.state(run, "decide") != "success":
            rita.decide(run, "decide", "Approve", note=_read(dossier["registered"]))
        run = watch(airflow, step, run)
        made = airflow.result(run, "record_yes")
        step.done(
            f"{dossier['registered']['version']} approved by {made['approved_by']}, dossier {made['dossier']['sha256'][:12]}"
        )
    return run


def traffic(airflow: AirflowApi, screen: Screen) -> list[Any]:
    """Ask the endpoint about each departure of the week; one of them only when all were asked before."""
    from local.traffic import ask, departures

    start = Window.month(NEXT).start
    rows = departures(MODEL, Window(start=start, end=start + timedelta(days=DAYS_OF_TRAFFIC)))
    arrived = _run_of(airflow, NEXT)
    asked_before = arrived is not None and arrived["state"] == "success"
    chosen = rows.head(1) if asked_before else rows
    with screen.step("ask the endpoint") as step:
        answers = ask(MODEL, chosen, lambda done: step.progress(f"{done:,} of {len(chosen):,} flights"))
        each_ms = step.seconds * 1000 / len(answers)
        flights = "1 flight" if len(answers) == 1 else f"{len(answers):,} flights"
        step.done(
            f"{flights} answered, {each_ms:.1f} ms each" + (" (the week was asked before)" if asked_before else "")
        )
    return answers


def watch(airflow: AirflowApi, step: Step, run: dict[str, Any]) -> dict[str, Any]:
    """Show the running task until the run has ended. A run that failed in an earlier demo is run again first."""
    if run["state"] == "failed":
        airflow.clear_failed(run)
        run = wait("the run to begin again", partial(_begun, airflow, run), PATIENCE_SECONDS)
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        run = airflow.run(run)
        if ended(run):
            break
        busy = [task["task_id"] for task in airflow.tasks(run) if task["state"] in {"running", "deferred", "queued"}]
        step.progress(", ".join(busy))
        time.sleep(0.5)
    if run["state"] != "success":
        _explain(airflow, run)
        sys.exit(1)
    return run


def _begun(airflow: AirflowApi, run: dict[str, Any]) -> dict[str, Any] | None:
    found = airflow.run(run)
    return found if found["state"] != "failed" else None


def _explain(airflow: AirflowApi, run: dict[str, Any]) -> None:
    print(f"\n{run['dag_id']} is {run['state']}: {airflow.link(run)}", file=sys.stderr)
    for task in failures(airflow.tasks(run)):
        print(
            f"--- {task['task_id']}\n{airflow.log(run, task['task_id'], task['try_number'])[-3000:]}", file=sys.stderr
        )


def _run_of(airflow: AirflowApi, month: str) -> dict[str, Any] | None:
    scheduled = (run for run in airflow.runs(f"{MODEL}_ingest") if run["run_type"] == "scheduled")
    over = str(Window.month(month).end)
    return next((run for run in scheduled if run["data_interval_end"].startswith(over)), None)


def _read(registered: dict[str, Any]) -> str:
    """What the reviewer saw, for the record."""
    metrics = registered["evaluated"]["metrics"]
    return (
        f"RMSE {metrics['rmse']:.2f} on April; the linear baseline has {metrics['linear_rmse']:.2f}, "
        f"the seasonal-naive one {metrics['seasonal_naive_rmse']:.2f}."
    )


def _trained(airflow: AirflowApi, run: dict[str, Any]) -> str:
    gated = airflow.result(run, "gate")
    gate, metrics = gated["gate"], gated["evaluated"]["metrics"]
    if not any(task["task_id"] == "register" and task["state"] == "success" for task in airflow.tasks(run)):
        return f"not registered. {gate['sentence']}"
    version = airflow.result(run, "register")["version"]
    return f"{version}: RMSE {metrics['rmse']:.2f} {gated['evaluated']['unit']}, the gate says {gate['answer']}"


def _rehearsed(airflow: AirflowApi, run: dict[str, Any]) -> str:
    dossier = airflow.result(run, "document")
    return f"{dossier['registered']['version']} passed, dossier {dossier['sha256'][:12]}"


def _proved(airflow: AirflowApi, run: dict[str, Any]) -> str:
    proof = airflow.result(run, "prove")
    return f"{proof['endpoint']} serves {proof['version']}: {proof['golden_rows']} golden rows, largest difference {proof['largest_difference']:.2g}"


def _monitored(airflow: AirflowApi, run: dict[str, Any]) -> str:
    report = airflow.result(run, "report")
    labelled = f"{report['labelled']:,} of {report['predictions']:,} answers have their label"
    return f"{labelled}, the verdict is {report['verdict']}"


RESULTS = {"train": _trained, "shadow": _rehearsed, "rollout": _proved, "monitor": _monitored}


if __name__ == "__main__":
    main()
