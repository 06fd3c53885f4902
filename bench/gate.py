"""The gate on a month of `flights`: about 28,000 rows of 30 days, 3 airports and 16 carriers, beside a champion.

    PYTHONPATH=include .venvs/airflow/bin/python bench/gate.py

Prints CPU and wall seconds of one judgement and how many checks it made. Ends with an error when it takes 2 s of CPU.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

import numpy as np

from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Champion, Comparison, DatasetVersion, TrainingPlan
from windtunnel.core.window import Window
from windtunnel.ml.checks import Holdout
from windtunnel.ml.evaluation_report import Answers, EvaluationReport, Parity, Rows, ScoredChampion, Serving
from windtunnel.ml.gate import judge

ROWS, DAYS = 28_000, 30
MOST_CPU_SECONDS = 2.0
SPEC = model_spec("flights")
TRAIN, BEFORE, HOLDOUT = Window.parse("2013-02", "2013-05"), Window.parse("2013-01", "2013-04"), Window.month("2013-05")


def main() -> None:
    """Judge once, and say what it took."""
    rows, report, comparison = holdout(), evaluated(), compared()
    wall, cpu = time.perf_counter(), time.process_time()
    judged = judge(rows, report, comparison, SPEC.gate)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{len(judged.checks)} checks on {judged.rows:,} rows: {cpu:.2f} s of CPU, {wall:.2f} s. {judged.sentence}")
    if cpu > MOST_CPU_SECONDS:
        sys.exit(f"{cpu:.2f} s of CPU, {MOST_CPU_SECONDS} are allowed")


def holdout() -> Holdout:
    """Heavy tails, days that are bad for everybody, and carriers from 20 % of the rows down to a handful."""
    random = np.random.default_rng(0)
    day = random.integers(0, DAYS, ROWS)
    target = random.standard_t(4, ROWS) * 12 * np.exp(random.normal(0, 0.5, DAYS))[day]
    shares = 0.8 ** np.arange(16)
    return Holdout(
        days=np.datetime64("2013-05-01", "D") + day,
        target=target,
        challenger=0.02 * target,
        champion=random.normal(0, 1, ROWS),
        baselines={name: random.normal(0, 4, ROWS) for name in ("linear", "seasonal_naive")},
        slices={
            "origin": random.choice(np.array(["EWR", "JFK", "LGA"], dtype=object), ROWS),
            "carrier": random.choice(np.array([*"ABCDEFGHIJKLMNOP"], dtype=object), ROWS, p=shares / shares.sum()),
        },
    )


def evaluated() -> EvaluationReport:
    """What else an evaluation says."""
    return EvaluationReport(
        model=SPEC.name,
        artefact_sha256="b" * 64,
        unit=SPEC.unit,
        train=Rows(window=TRAIN, rows=80_000),
        holdout=Rows(window=HOLDOUT, rows=ROWS),
        metrics={},
        slices={},
        champion=ScoredChampion(version="V1.1.0", artefact_sha256="d" * 64, why_not=None),
        answers=Answers(not_finite=0, distinct=ROWS),
        parity=Parity(largest_difference=1e-5, tolerance=SPEC.evaluation.onnx_tolerance),
        serving=Serving(size_bytes=200_000, requests=2_000, p50_ms=0.07, p99_ms=0.14),
    )


def compared() -> Comparison:
    """A challenger of February to April beside a champion of January to March."""
    dataset = DatasetVersion(
        model=SPEC.name,
        table="bench.flights",
        snapshot_id="1",
        tag="d5",
        window=HOLDOUT,
        rows=ROWS,
        quarantined=0,
        report="",
    )
    plan = TrainingPlan(
        model=SPEC.name,
        dataset=dataset,
        train=TRAIN,
        holdout=HOLDOUT,
        hyperparameters={},
        reason="To measure.",
        requested_by="bench",
        tag=SPEC.tag,
        revision=SPEC.revision,
        folder_sha256="f" * 64,
        code_sha256="c" * 64,
        git_commit="0" * 40,
        image="bench",
        work_key="a" * 64,
        job_name="flights-a",
        train_manifest="",
        holdout_manifest="",
        train_rows=80_000,
        holdout_rows=ROWS,
    )
    champion = Champion(
        model=SPEC.name,
        version="V1.1.0",
        package_arn="",
        model_data="",
        artefact_sha256="d" * 64,
        train=BEFORE,
        holdout=Window.month("2013-04"),
        endpoint_config="",
        live_since=datetime(2013, 4, 2, tzinfo=UTC),
    )
    return Comparison(plan=plan, champion=champion, job_name="flights-a-vs-V1-1-0")


if __name__ == "__main__":
    main()
