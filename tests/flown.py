"""Versions of `flights` that really serve: real artefacts, some with a planted fault, on an embedded AWS with our image.

pytest_plugins or an import of the fixtures makes them usable: from tests.flown import flights_aws, release_of_its_own
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Literal

import pandas as pd
import pytest

from local.place import ROOT, VENVS
from local.ports import unused
from tests import candidate
from tests.stack import RUNS, embedded_aws
from windtunnel.aws import lake, ledger, objects
from windtunnel.aws.clients import client
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Gated, RegisteredVersion
from windtunnel.core.settings import settings
from windtunnel.core.window import Window
from windtunnel.core.workkey import work_key
from windtunnel.stages.register import register

Kind = Literal["good", "newer", "shifted", "implausible", "slow"]
SPEC = model_spec("flights")
IMAGE = ROOT / "include/model_image/local.json"

FAST = {
    "WINDTUNNEL_MODEL_IMAGE": "000000000000.dkr.ecr.us-east-1.amazonaws.com/windtunnel-model:local",
    "WINDTUNNEL_ENDPOINT_INSTANCE_COUNT": "1",
    "WINDTUNNEL_POLL_SECONDS": "1",
    "WINDTUNNEL_WATCH_SECONDS": "3",
    "WINDTUNNEL_SHADOW_SECONDS": "30",
    "WINDTUNNEL_ALARM_SECONDS": "10",
    "WINDTUNNEL_LEASE_SECONDS": "30",
}
"""Settings of a laptop, and less patience."""


@cache
def planted() -> Path:
    """The folder that tests/plant.py writes, once per test session."""
    run = RUNS / str(os.getpid())
    run.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix="planted-", dir=run))
    command = [str(VENVS / "model_image/bin/python"), "-m", "tests.plant", str(folder)]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "include")])
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={"PYTHONPATH": paths, "OMP_WAIT_POLICY": "PASSIVE", "PATH": os.defpath},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def flights_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an embedded AWS that runs the real model image."""
    with embedded_aws(tmp_path_factory.mktemp("flights") / "aws", unused(1), IMAGE) as url:
        yield url


@pytest.fixture
def release_of_its_own(flights_aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty bucket, database and ledger; no endpoint and no alarm when it begins and when it ends."""
    name = f"flown-{uuid.uuid4().hex[:12]}"
    given = {
        **FAST,
        "AWS_ENDPOINT_URL": flights_aws,
        "WINDTUNNEL_BUCKET": name,
        "WINDTUNNEL_DATABASE": name.replace("-", "_"),
        "WINDTUNNEL_LEDGER_TABLE": name,
    }
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    forget()
    lake.ensure()
    ledger.ensure()
    yield
    clear()
    client("dynamodb").delete_table(TableName=name)  # the embedded AWS writes all tables to disk at every change
    forget()


def forget() -> None:
    """Drop what was cached of another environment; also what a forked process must not share with its parent."""
    cached: tuple[Any, ...] = (settings, client, lake.catalog)
    for function in cached:
        function.cache_clear()


def clear() -> None:
    """End the model's endpoints and remove its alarms."""
    sagemaker = client("sagemaker")
    names = [
        found["EndpointName"]
        for found in sagemaker.list_endpoints(NameContains=f"windtunnel-{SPEC.name}", MaxResults=100)["Endpoints"]
    ]
    for name in names:
        wait_endpoint(name, "InService", "Failed")
        sagemaker.delete_endpoint(EndpointName=name)
    for name in names:
        sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1})
    alarms = client("cloudwatch").describe_alarms(AlarmNamePrefix=f"windtunnel-{SPEC.name}")["MetricAlarms"]
    if alarms:
        client("cloudwatch").delete_alarms(AlarmNames=[alarm["AlarmName"] for alarm in alarms])


def wait_endpoint(name: str, *states: str, seconds: float = 120) -> dict[str, Any]:
    """The endpoint's description once it is in one of these states."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = dict(client("sagemaker").describe_endpoint(EndpointName=name))
        if found["EndpointStatus"] in states:
            return found
        time.sleep(0.2)
    raise TimeoutError(f"`{name}` is `{found['EndpointStatus']}` after {seconds} s, not {states}.")


def gated(kind: Kind, **plan: Any) -> Gated:
    """A candidate of a kind, its artefact and holdout in this test's bucket, with a gate that says promote.

    Args:
        kind: Which artefact.
        plan: Fields of the `TrainingPlan`, such as `requested_by`; also `gate`, fields of the `Gate`.
    """
    said = json.loads((planted() / "kinds.json").read_text())[kind]
    answered = plan.pop("gate", {})
    champion = plan.pop("champion", None)
    key = work_key(kind=kind, bucket=settings().bucket, **{name: str(value) for name, value in plan.items()})
    usual = {
        "train": Window.model_validate(said["train"]),
        "holdout": Window.model_validate(said["holdout"]),
        "train_rows": said["rows"][0],
        "holdout_rows": said["rows"][1],
        "image": settings().model_image,
        "work_key": key,
        "job_name": f"flights-{key[:16]}",
    }
    planned = candidate.plan(**usual | plan)
    model_data = settings().uri("jobs", planned.job_name, "output", "model.tar.gz")
    folder = settings().uri("evaluations", "flights", planned.job_name)
    tar = "application/gzip"
    objects.put(model_data, (planted() / kind / "model.tar.gz").read_bytes(), content_type=tar)
    objects.put(f"{folder}/holdout.parquet", (planted() / kind / "holdout.parquet").read_bytes(), content_type=tar)
    made = candidate.evaluated(
        plan=planned,
        champion=champion,
        model_data=model_data,
        artefact_sha256=said["artefact_sha256"],
        metrics=said["metrics"],
        evaluation=f"{folder}/evaluation.json",
    )
    compared = {"champion": champion and champion.version, "report": f"{folder}/gate.json"}
    return candidate.gated(evaluated=made, gate=candidate.gate(**compared | answered))


def registered(kind: Kind, **plan: Any) -> RegisteredVersion:
    """A version of a kind, registered by the stage."""
    made = register(gated(kind, **plan))
    assert made is not None
    return made


@cache
def requests() -> pd.DataFrame:
    """Real flights of May in order: the published columns and `said_<kind>`, what each kind answers offline."""
    return pd.read_parquet(planted() / "requests.parquet")


def rows(count: int, *, start: int = 0) -> list[dict[str, Any]]:
    """Request rows, one dict of features each."""
    part = requests().iloc[start : start + count][list(SPEC.features)]
    return [
        {str(name): value for name, value in row.items()}
        for row in part.astype(object).where(part.notna(), None).to_dict(orient="records")
    ]


def keys(count: int, *, start: int = 0) -> list[str]:
    """The keys of the same rows: their InferenceIds."""
    return [str(key) for key in requests()[SPEC.key].iloc[start : start + count]]


def answers(kind: Kind, count: int, *, start: int = 0) -> list[float]:
    """What a kind answers to the same rows."""
    return [float(value) for value in requests()[f"said_{kind}"].iloc[start : start + count]]
