"""The gate on real jobs: a candidate is trained and evaluated beside the champion by the model image's own programs."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.monitor import live_model
from tests.release import released
from windtunnel.aws import jobs, ledger, objects
from windtunnel.aws.clients import client
from windtunnel.core.code import folder_sha256
from windtunnel.core.contracts import Comparison, DatasetVersion, Gate, Gated, TrainingRequest
from windtunnel.core.window import Window
from windtunnel.stages.compare import compare
from windtunnel.stages.gate import gate
from windtunnel.stages.plan import plan
from windtunnel.stages.register import register

pytestmark = [pytest.mark.usefixtures("release_of_its_own"), pytest.mark.timeout(1500)]

WORSE = TrainingRequest(
    model="flights",
    hyperparameters={"max_iter": "1", "learning_rate": "0.001"},
    reason="To see what one small tree is worth.",
    requested_by="sam",
)


def published() -> DatasetVersion:
    """The real flights of January to April, in a lake of their own."""
    for month in ("2013-01", "2013-02", "2013-03", "2013-04"):
        version = live_model.publish(Window.month(month), live_model.rows_of(Window.month(month)))
    return version


def run(kind: str, body: dict[str, Any]) -> None:
    """A job of the embedded AWS, to its end."""
    sagemaker: Any = client("sagemaker")
    getattr(sagemaker, f"create_{kind}_job")(**body)
    name = {f"{kind.capitalize()}JobName": body[f"{kind.capitalize()}JobName"]}
    for _ in range(600):
        found = getattr(sagemaker, f"describe_{kind}_job")(**name)
        if (status := found[f"{kind.capitalize()}JobStatus"]) not in ("InProgress", "Stopping"):
            assert status == "Completed", found
            return
        time.sleep(0.2)
    raise TimeoutError(name)


def evaluated(wish: TrainingRequest, dataset: DatasetVersion) -> Comparison:
    """The flow of `train` up to the gate."""
    made = plan("flights", dataset, wish)
    assert made is not None
    run("training", jobs.training_job(made))
    comparison = compare(made)
    run("processing", jobs.evaluation_job(comparison))
    return comparison


def test_a_worse_challenger_is_stopped_and_goes_on_by_a_persons_name_only() -> None:
    folder = folder_sha256("flights")  # of today's code, as the challenger's is
    champion = released.record_live(released.approved("good", folder_sha256=folder))
    comparison = evaluated(WORSE, published())
    assert comparison.champion == champion
    assert comparison.job_name == f"{comparison.plan.job_name}-vs-V1-1-0"

    stopped = gate(comparison)
    assert stopped.gate.answer == "reject"
    assert stopped.gate.champion == "V1.1.0"
    assert stopped.gate.better is not None
    assert 0 < stopped.gate.better.low < stopped.gate.better.estimate < stopped.gate.better.high
    assert stopped.gate.rows > 27_000
    assert stopped.gate.days == 30
    assert stopped.evaluated.metrics["rmse"] > stopped.evaluated.metrics["champion_rmse"]
    checks = {check.name: check.passed for check in stopped.gate.checks}
    sound = ("newer", "unseen", "numbers", "parity", "latency", "size", "evidence")
    assert {name: checks[name] for name in sound} == dict.fromkeys(sound, True)
    assert checks["overall"] is False
    assert "It is worse than V1.1.0: RMSE" in stopped.gate.sentence
    assert {"baseline:linear", "baseline:seasonal_naive", "slice:origin=EWR", "slice:carrier=UA"} <= checks.keys()
    assert register(stopped) is None
    assert [record.version for record in ledger.versions("flights")] == ["V1.1.0"]

    # The same work, with a name and a reason: no job runs again, and what the gate said stands beside the force.
    wish = {"force": True, "reason": "A drill: it must be stopped further on."}
    again = compare(comparison.plan.model_copy(update=wish))
    assert again.job_name == comparison.job_name
    forced = gate(again)
    assert forced.gate.model_copy(update={"forced_by": None, "forced_because": None}) == stopped.gate.model_copy(
        update={"report": forced.gate.report}
    )
    registered = register(Gated.from_json(forced.to_json()))
    assert registered is not None
    assert (registered.version, registered.gate.forced_by) == ("V1.1.1", "sam")
    assert registered.gate.forced_because == "A drill: it must be stopped further on."
    assert Gate.from_json(objects.get_json(forced.gate.report)) == forced.gate
    assert Gate.from_json(objects.get_json(stopped.gate.report)) == stopped.gate
    entry = ledger.history("flights", "V1.1.1").entries[-1]
    assert (entry.state, entry.by, entry.evidence["gate"]) == ("registered", "sam", forced.gate.report)
    assert ledger.live("flights") == champion
