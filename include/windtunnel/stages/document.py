"""document: what was found about a version -> the dossier that a reviewer reads, under the digest of its bytes."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime
from typing import TYPE_CHECKING

from windtunnel.aws import deployment, dossiers, evidence, ledger, objects, reference, registry
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Dossier, DriftScore, Evaluated, RegisteredVersion, RunCost, Shadowed
from windtunnel.core.errors import ReleaseRefused
from windtunnel.core.spec import ModelSpec
from windtunnel.stages.account import cost_address

if TYPE_CHECKING:
    import pyarrow as pa

    from windtunnel.ml import dossier, test_score

log = logging.getLogger(__name__)


def document(shadowed: Shadowed) -> Dossier | None:
    """Gather the evidence for a version, write its page and its JSON, and put the version before the reviewers.

    The same evidence gives the same bytes at the same address.

    Returns:
        The dossier, or None for a version that staging or its shadow stopped: there is nothing to ask.

    Raises:
        ReleaseRefused: The gate and the shadow compared it with two different champions.
        SourceMissing: The data it was trained on, or a report about it, is gone.
    """
    from windtunnel.ml import dossier

    registered = shadowed.rehearsed.registered
    model, version = registered.model, registered.version
    log.info("document: %s %s, %s", model, version, shadowed.sentence)
    if not shadowed.passed:
        log.info("document: nothing to do, %s was stopped: %s", version, shadowed.sentence)
        return None
    if registered.gate.champion != shadowed.champion:
        raise ReleaseRefused(
            f"The gate compared {version} with `{registered.gate.champion or 'nothing'}`, its shadow stood beside "
            f"`{shadowed.champion or 'nothing'}`: the evidence is about two different champions. Ask for a retrain, which "
            "compares with what is in service."
        )
    found = dossier.write(_gather(shadowed), _as_released(model))
    body, page = found.bytes(), dossier.render(found)
    page_address, document_address = dossiers.put(model, page, body)
    made = Dossier(
        registered=registered,
        champion=shadowed.champion,
        page=page_address,
        sha256=hashlib.sha256(page).hexdigest(),
        document=document_address,
        document_sha256=hashlib.sha256(body).hexdigest(),
        summary=dossier.summary(found, dossiers.link(page_address)),
    )
    ledger.move(
        model,
        version,
        "awaiting-approval",
        by="document",
        why=found.headline,
        evidence={"dossier": made.page, "dossier_sha256": made.sha256, "dossier_document": made.document},
    )
    log.info("document: %s. %s", found.headline, dossiers.link(page_address))
    return made


def _gather(shadowed: Shadowed) -> dossier.Evidence:
    from windtunnel.ml import dossier, holdout

    registered = shadowed.rehearsed.registered
    evaluated, champion = registered.evaluated, registered.evaluated.champion
    answers = reference.holdout_predictions(evaluated)
    months, at = evidence.months(evaluated.plan), _moment(registered)
    return dossier.Evidence(
        shadowed=shadowed,
        at=at,
        months=months,
        holdout=holdout.judge(answers.to_pandas(), model_spec(registered.model)),
        drift=_drift(evaluated, answers),
        contributions=reference.contributions(evaluated),
        lineage=evidence.lineage(registered),
        score=_score(shadowed, months, at),
        cost=_cost(registered),
        champion=champion,
        champion_evaluated=registry.read(champion.package_arn).evaluated if champion else None,
    )


def _as_released(model: str) -> ModelSpec:
    """The spec with the times that a rollout will really take here."""
    spec = model_spec(model)
    rollout = spec.rollout.model_copy(update={"watch_seconds": deployment.watch_seconds(model)})
    return spec.model_copy(update={"rollout": rollout})


def _moment(registered: RegisteredVersion) -> datetime:
    """When the last finding about it went on record: the dossier's own time, which a repeat has too."""
    entries = ledger.history(registered.model, registered.version).entries
    return next(entry.at for entry in reversed(entries) if entry.state in ("registered", "rehearsed", "shadowed"))


def _drift(evaluated: Evaluated, answers: pa.Table) -> dict[str, DriftScore]:
    from windtunnel.ml.drift import drift_scores

    spec = model_spec(evaluated.plan.model)
    kinds = {name: spec.column(name).kind for name in (*spec.features, spec.target)}
    return drift_scores(reference.training_rows(evaluated), answers, kinds)


def _score(shadowed: Shadowed, months: tuple[dossier.Month, ...], at: datetime) -> test_score.TestScore:
    from windtunnel.ml import test_score

    registered = shadowed.rehearsed.registered
    reports = (registered.gate.report, registered.evaluated.evaluation, months[-1].report, shadowed.rehearsed.report)
    written = {address: evidence.written_at(address) for address in (*reports, shadowed.report) if address}
    return test_score.score(
        test_score.Facts(
            spec=model_spec(registered.model),
            shadowed=shadowed,
            expected=frozenset.intersection(*(frozenset(month.columns) for month in months)),
            data_report=months[-1].report,
            importance=reference.importance(registered.evaluated),
            rollout=evidence.last_rollout(registered.model),
            drill=evidence.last_drill(registered.model),
            written_at={address: moment for address, moment in written.items() if moment},
            now=at,
        )
    )


def _cost(registered: RegisteredVersion) -> RunCost | None:
    address = cost_address(registered.model, registered.evaluated.plan.work_key)
    return RunCost.from_json(objects.get_json(address)) if objects.exists(address) else None
