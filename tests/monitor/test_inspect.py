"""The requests of two real versions, scored by a real job of the model image and held against what training expects."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests import candidate
from tests.flown import SPEC, flights_aws, registered, release_of_its_own, requests
from tests.release import findings
from windtunnel.aws import objects, parquet, reference, scored
from windtunnel.aws.clients import client
from windtunnel.core.contracts import CollectedPredictions, InspectedRequests, Rescoring
from windtunnel.core.errors import ArtefactInvalid
from windtunnel.core.settings import settings
from windtunnel.core.window import Window
from windtunnel.ml import joined
from windtunnel.stages.inspect import inspect
from windtunnel.stages.rescore import rescore

__all__ = ("flights_aws", "release_of_its_own")

pytestmark = pytest.mark.usefixtures("release_of_its_own")

FIRST, SECOND, *_ = Window.month("2013-05").parts(7)


def asked() -> pd.DataFrame:
    """A good week and a bad one. Good: the control answers first, then the champion, both as they are.

    Bad: the departure delay is asked in seconds, what is served is that model's honest answer plus 20 minutes, and the
    oldest version answers as well.
    """
    rows = requests().copy()
    bad = rows.index >= len(rows) // 2
    rows[joined.VERSION] = np.select([rows.index < 200, rows.index >= 1_900], ["V1.1.0", "V1.0.0"], "V1.1.1")
    rows[joined.PREDICTION] = np.where(rows[joined.VERSION] == "V1.1.0", rows["said_good"], rows["said_newer"])
    rows[joined.DAY] = [date(2013, 5, 9 if late else 2) for late in bad]
    for name in joined.recorded_columns(SPEC):
        rows[joined.recorded(name)] = rows[name]
    rows.loc[bad, "dep_delay"] *= 60
    rows.loc[bad, joined.PREDICTION] = 20.0 + rows["said_newer"]
    rows[joined.CAPTURED_AT] = pd.Timestamp("2013-05-09T12:00:00")
    return rows


def collected() -> CollectedPredictions:
    """The two weeks, as `collect` leaves them: a champion and the frozen version before it."""
    declared, rows = joined.schema(SPEC), asked()
    table = pa.table({name: pa.array(rows[name], from_pandas=True) for name in declared.names}).cast(declared)
    address = settings().uri("monitor", SPEC.name, "2013-05", "e" * 64, "predictions.parquet")
    objects.put_once(address, parquet.encode(table))
    control = registered("good").model_copy(update={"version": "V1.1.0"})
    champion = registered("newer").model_copy(update={"version": "V1.1.1"})
    return candidate.collected(champion=champion, control=control, windows=(FIRST, SECOND), rows=address)


def run(body: dict[str, Any]) -> str:
    """The status in which a job ends."""
    sagemaker, name = client("sagemaker"), body["ProcessingJobName"]
    sagemaker.create_processing_job(**body)
    ended = sagemaker.get_waiter("processing_job_completed_or_stopped")
    try:
        ended.wait(ProcessingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    finally:
        found = sagemaker.describe_processing_job(ProcessingJobName=name)
        print(found["ProcessingJobStatus"], found.get("ExitMessage"))
    return str(found["ProcessingJobStatus"])


def test_the_requests_of_two_weeks() -> None:
    made = collected()
    spoilt = rescore(made)["scoring_job"]
    spoilt["AppSpecification"]["ContainerArguments"] = ["--model", "flights"]
    with pytest.raises(Exception, match="terminal failure state"):
        run(spoilt)

    named = rescore(made)
    rescoring: Rescoring = named["rescoring"]
    assert rescoring.job_name == f"{spoilt['ProcessingJobName']}-2", "work whose job failed takes the next name"
    assert run(named["scoring_job"]) == "Completed"
    assert rescore(made)["rescoring"] == rescoring, "work that is done keeps its name"

    rows, honest = scored.rows(rescoring), requests()
    good = np.arange(len(honest)) < len(honest) // 2
    for column, kind in ((joined.CHAMPION_SAID, "newer"), (joined.CONTROL_SAID, "good")):
        said = rows[column].to_numpy()
        assert said[good] == pytest.approx(honest.loc[good, f"said_{kind}"].to_numpy(), abs=0.001)
        assert np.abs(said - honest[f"said_{kind}"])[~good].max() > 60, "it was asked about another delay"

    inspected = inspect(rescoring)
    first, second = inspected.windows
    assert (first.window, second.window) == (FIRST, SECOND)
    checks = {check.name: check for check in first.checks}
    assert {check.passed for check in checks.values()} == {True}
    assert set(checks) == {"expectations", "answers", "features", "finite", "plausible", "constant"}
    assert checks["answers"].numbers["compared"] == 1_000, "each version beside its own answers"

    faults = {check.name: check for check in second.checks}
    assert {"expectations", "answers", "features"} <= {check.name for check in second.failed}
    assert faults["answers"].numbers["compared"] == 900
    assert faults["answers"].numbers["other_versions"] == 100
    beyond = int((asked().loc[~good, "dep_delay"].pipe(lambda delay: (delay > 3_000) | (delay < -180))).sum())
    assert faults["expectations"].numbers["missed"] == beyond > 20
    skewed = {name for name, share in faults["features"].numbers.items() if name.startswith("differ_") and share}
    assert skewed == {"differ_dep_delay"}
    assert faults["finite"].passed is faults["constant"].passed is True

    for window in inspected.windows:
        assert window.report is not None
        assert f"/reports/monitor/flights/{window.window.label}/" in window.report
    page, document = _page(second.report)
    assert b"dep_delay" in page
    assert b"<script" not in page
    assert document["statistics"]["unsuccessful_expectations"] == 1
    assert inspect(rescoring) == inspected
    assert (page, document) == _page(second.report), "the same work gives the same bytes"
    assert InspectedRequests.from_json(inspected.to_json()) == inspected

    fewer = parquet.encode(parquet.read(rescoring.answers).slice(1))
    objects.put(rescoring.answers, fewer, content_type="application/vnd.apache.parquet")
    with pytest.raises(ArtefactInvalid, match="does not answer the rows of"):
        inspect(rescoring)


def test_the_importance_of_a_version_is_read_back(caplog: pytest.LogCaptureFixture) -> None:
    evaluated = candidate.evaluated(evaluation=settings().uri("evaluations", "flights", "a", "evaluation.json"))
    assert reference.importance(evaluated) == {}, "an evaluation that is gone stops nobody"
    assert "how much each feature matters is not known" in caplog.text
    rows = requests().dropna(subset=[SPEC.target]).assign(prediction=lambda found: found["said_good"])
    told = findings.evaluation(evaluated.plan, rows, None)
    told = told.model_copy(update={"importance": {"dep_delay": 43.7, "carrier": 0.4}})
    objects.put_once(evaluated.evaluation, told.model_dump_json().encode())
    assert reference.importance(evaluated) == {"dep_delay": 43.7, "carrier": 0.4}
    older = told.model_dump(mode="json", exclude={"importance"})
    objects.put(evaluated.evaluation, json.dumps(older).encode(), content_type="application/json")
    assert reference.importance(evaluated) == {}, "it was not measured then"


def _page(address: str | None) -> tuple[bytes, Any]:
    assert address is not None
    return objects.get(address), objects.get_json(address.removesuffix(".html") + ".json")
