"""gate: an evaluation -> promote, reject, or not enough evidence; with the numbers and one sentence."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from windtunnel.aws import jobs, ledger, objects, parquet
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Champion, Check, Comparison, Evaluated, Gate, Gated
from windtunnel.core.marks import shared_write
from windtunnel.core.spec import ModelSpec
from windtunnel.core.workkey import work_key
from windtunnel.stages.force import force

if TYPE_CHECKING:
    import pyarrow as pa

    from windtunnel.ml.checks import Holdout

log = logging.getLogger(__name__)


def gate(comparison: Comparison) -> Gated:
    """Judge an evaluated candidate beside the champion that its evaluation was pinned to, and keep the answer.

    When another version went live in between, the two were never compared: there is not enough evidence.

    Returns:
        The candidate and the answer, which is also kept beside the evaluation. `gate.goes_on` says whether it becomes
        a version: the gate promotes it, or a person forces it and is named.

    Raises:
        ClientError: The evaluation is not there: its job has not run.
        ReleaseRefused: It is forced, and no person stands for it with a reason.
    """
    from windtunnel.ml.evaluation_report import HOLDOUT, REPORT, EvaluationReport
    from windtunnel.ml.gate import judge

    plan, folder = comparison.plan, jobs.evaluation_folder(comparison)
    log.info("gate: %s", comparison.job_name)
    spec, live = model_spec(plan.model), ledger.live(plan.model)
    report = EvaluationReport.model_validate_json(objects.get(f"{folder}/{REPORT}"))
    found = judge(_holdout(parquet.read(f"{folder}/{HOLDOUT}"), spec), report, comparison, spec.gate)
    answered = Gate(
        answer=found.answer,
        sentence=found.sentence,
        champion=_version(comparison.champion),
        better=found.better,
        rows=found.rows,
        days=found.days,
        checks=found.checks,
        report=f"{folder}/gate.json",
    )
    kept = _keep(force(plan, _in_time(answered, live)), live)
    log.info("gate: %s. %s%s", kept.answer, kept.sentence, f" Forced by {kept.forced_by}." if kept.forced_by else "")
    evaluated = Evaluated(
        plan=plan,
        champion=comparison.champion,
        model_data=jobs.model_data(plan),
        artefact_sha256=report.artefact_sha256,
        metrics=report.metrics,
        unit=report.unit,
        evaluation=f"{folder}/{REPORT}",
    )
    return Gated(evaluated=evaluated, gate=kept)


def _holdout(rows: pa.Table, spec: ModelSpec) -> Holdout:
    import numpy as np

    from windtunnel.ml.checks import Holdout
    from windtunnel.ml.evaluation_report import BASELINES, CHALLENGER, CHAMPION

    def numbers(name: str) -> Any:
        return rows[name].to_numpy().astype(np.float64)

    return Holdout(
        days=rows[spec.event_time].to_numpy().astype("datetime64[D]"),
        target=numbers(spec.target),
        challenger=numbers(CHALLENGER),
        champion=numbers(CHAMPION) if CHAMPION in rows.column_names else None,
        baselines={name: numbers(column) for name, column in BASELINES.items()},
        slices={name: rows[name].to_numpy().astype(object) for name in spec.evaluation.slices},
    )


def _in_time(gate: Gate, live: Champion | None) -> Gate:
    """The answer, unless it is about a champion that is none any more."""
    if gate.champion == _version(live):
        return gate
    sentence = (
        f"It was evaluated beside {gate.champion or 'nobody'}, and {_version(live) or 'nobody'} is in service now: "
        "nothing is known of the two on the same rows. Clear the run from `compare`."
    )
    check = Check(name="in-time", passed=None, sentence=sentence, numbers={"live": _version(live)})
    checks = (check, *gate.checks)
    # What was found against it stays a reject, whoever is in service.
    if gate.answer == "reject":
        return gate.model_copy(update={"checks": checks})
    return gate.model_copy(update={"answer": "not-enough-evidence", "sentence": sentence, "checks": checks})


def _keep(gate: Gate, live: Champion | None) -> Gate:
    """Write the answer down, once. The same evaluation answers anew when asked by force or beside another champion."""
    if gate.forced_by is not None or gate.champion != _version(live):
        asked = work_key(live=_version(live), forced_by=gate.forced_by, forced_because=gate.forced_because)
        gate = gate.model_copy(update={"report": f"{gate.report.removesuffix('.json')}-{asked[:12]}.json"})
    with shared_write("gate.keep"):
        objects.put_json(gate.report, gate.to_json())
    return gate


def _version(champion: Champion | None) -> str | None:
    return champion.version if champion else None
