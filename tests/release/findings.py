"""What is known about a version before its dossier is written: months in the lake, an evaluation, the gate, a shadow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd

from tests import candidate
from tests.data.journey import ingest
from windtunnel.aws import jobs, lake, ledger, objects
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import (
    Champion,
    Check,
    Comparison,
    DatasetVersion,
    RegisteredVersion,
    Rehearsed,
    Release,
    Shadowed,
    TrainingPlan,
    TrainingRequest,
)
from windtunnel.core.settings import settings
from windtunnel.core.window import Window
from windtunnel.ml import evaluation_report as report
from windtunnel.ml.metrics import by_group, quality
from windtunnel.stages.gate import gate
from windtunnel.stages.plan import plan
from windtunnel.stages.register import register

SPEC = model_spec("flights")
TRAIN, HOLDOUT = Window.month("2013-01"), Window.month("2013-02")


def publish() -> DatasetVersion:
    """January and February, by the stages of `ingest`."""
    made = [ingest("flights", month) for month in (TRAIN, HOLDOUT)]
    return made[-1]


def planned(dataset: DatasetVersion, **wish: Any) -> TrainingPlan:
    """A training on January, judged on February."""
    usual: dict[str, Any] = {"reason": "The winter is over.", "requested_by": "sam", "train": TRAIN, "holdout": HOLDOUT}
    made = plan("flights", dataset, TrainingRequest(model="flights", **usual | wish))
    assert made is not None
    return made


def answered(dataset: DatasetVersion) -> pd.DataFrame:
    """The rows of February that have a label, with four answers: the later in the alphabet, the worse."""
    found: pd.DataFrame = lake.rows(dataset.table, dataset.snapshot_id, HOLDOUT).to_pandas()
    rows: pd.DataFrame = found[(found[SPEC.eligible] == 1) & found[SPEC.target].notna()].reset_index(drop=True)
    noise = np.random.default_rng(1).normal(0, 4, len(rows))
    return rows.assign(
        prediction=rows["dep_delay"] - 4,
        champion_prediction=rows["dep_delay"] - 4 + noise,
        linear_prediction=rows["dep_delay"] - 4 + 3 * noise,
        seasonal_naive_prediction=rows[SPEC.target].mean(),
    )


def registered(made: TrainingPlan, rows: pd.DataFrame, champion: Champion | None = None) -> RegisteredVersion:
    """The version of a training whose evaluation left these rows, as gate and register make it."""
    if champion is None:
        rows = rows.drop(columns="champion_prediction")
    comparison = Comparison(plan=made, champion=champion, job_name=made.job_name)
    folder = jobs.evaluation_folder(comparison)
    body = io.BytesIO()
    rows.to_parquet(body, index=False)
    objects.put(f"{folder}/{report.HOLDOUT}", body.getvalue(), content_type="application/vnd.apache.parquet")
    found = evaluation(made, rows, champion)
    objects.put(f"{folder}/{report.REPORT}", found.model_dump_json().encode(), content_type="application/json")
    version = register(gate(comparison))
    assert version is not None
    return version


def evaluation(made: TrainingPlan, rows: pd.DataFrame, champion: Champion | None) -> report.EvaluationReport:
    """What `evaluate` would write of these answers."""
    target = rows[SPEC.target].to_numpy(dtype=np.float64)
    columns = {"": report.CHALLENGER, "champion_": report.CHAMPION} | {
        f"{name}_": column for name, column in report.BASELINES.items()
    }
    return report.EvaluationReport(
        model="flights",
        artefact_sha256="b" * 64,
        unit="minutes",
        train=report.Rows(window=made.train, rows=made.train_rows),
        holdout=report.Rows(window=made.holdout, rows=len(rows)),
        metrics={
            prefix + name: value
            for prefix, column in columns.items()
            if column in rows
            for name, value in quality(target, rows[column]).model_dump(exclude={"rows"}).items()
        },
        slices={
            name: by_group(rows[name].to_numpy(dtype=object), target, rows["prediction"].to_numpy())
            for name in SPEC.evaluation.slices
        },
        champion=champion
        and report.ScoredChampion(version=champion.version, artefact_sha256=champion.artefact_sha256, why_not=None),
        answers=report.Answers(not_finite=0, distinct=len(set(rows["prediction"]))),
        parity=report.Parity(largest_difference=1e-5, tolerance=SPEC.evaluation.onnx_tolerance),
        serving=report.Serving(size_bytes=420_000, requests=2_000, p50_ms=0.4, p99_ms=0.9),
    )


def shadowed(version: RegisteredVersion, **given: Any) -> Shadowed:
    """What staging and the shadow found of a version, on record in the ledger."""
    folder = settings().uri("shadows", "flights", version.version)
    golden = Check(name="golden-rows", passed=True, sentence="64 golden rows are answered as offline, 0.000002 apart.")
    rehearsed = Rehearsed(
        registered=version,
        passed=True,
        sentence="It served, and answered every question as it should.",
        checks=(golden,),
        golden_rows=64,
        largest_difference=2e-6,
        seconds_to_serve=4.2,
        report=objects.put_json(f"{folder}/rehearsal.json", {"passed": True}),
    )
    ledger.move("flights", version.version, "rehearsed", by="shadow:test", why=rehearsed.sentence)
    usual: dict[str, Any] = {
        "rehearsed": rehearsed,
        "champion": version.gate.champion,
        "passed": True,
        "sentence": "A first release: nothing was in service to stand beside, so it was checked on staging only.",
        "checks": (),
        "requests": 0,
        "labelled": 0,
        "report": None,
    }
    if version.gate.champion:
        usual |= {
            "sentence": "It answered every mirrored request, as fast as the champion and no worse.",
            "checks": (
                Check(name="errors", passed=True, sentence="0 of 1,204 mirrored requests failed; 0.1% may."),
                Check(
                    name="latency", passed=True, sentence="99 of 100 answers took 3.1 ms at most, the champion's 3.0."
                ),
                Check(
                    name="accuracy", passed=None, sentence="212 labels of 1 day have come: one day compares nothing."
                ),
            ),
            "requests": 1204,
            "labelled": 212,
            "report": objects.put_json(f"{folder}/shadow.json", {"passed": True}),
        }
    ledger.move("flights", version.version, "shadowed", by="shadow:test", why=str(usual["sentence"]))
    return Shadowed.model_validate(usual | given)


def live(version: RegisteredVersion) -> Champion:
    """The version in service, as the ledger has it after a rollout."""
    for state in ("awaiting-approval", "approved"):
        ledger.move("flights", version.version, state, by="rita", why="It flies.")
    lease = ledger.take("flights", "rollout:test")
    ledger.move("flights", version.version, "releasing", by="rita", why="It flies.", lease=lease)
    config = f"flights-{version.version}-live"
    release = Release(
        registered=version,
        previous=None,
        owner=lease.owner,
        epoch=lease.epoch,
        endpoint_config=config,
        by="rita",
        why="It flies.",
    )
    ledger.go_live(release, candidate.proof(version, config))
    ledger.give_back(lease)
    champion = ledger.live("flights")
    assert champion is not None
    return champion
