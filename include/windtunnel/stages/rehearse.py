"""rehearse: a version on the staging endpoint -> asked everything a client may ask, and taken down again."""

from __future__ import annotations

import logging
from typing import Any

from windtunnel.aws import artefacts, endpoint, ledger, objects, staging
from windtunnel.aws.endpoint import staging_name
from windtunnel.core.contracts import Check, Lease, RegisteredVersion, Rehearsed
from windtunnel.core.errors import ArtefactInvalid, ModelRejected, ServiceUnavailable
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings

log = logging.getLogger(__name__)

NOT_ITS_FAULT = ("capacity", "availability zone", "request to service failed", "internalservererror")
"""What SageMaker says, in lower case, when an endpoint failed and no version could have served."""


def rehearse(registered: RegisteredVersion, owner: str) -> Rehearsed:
    """Serve a version where nobody asks it but we: form of requests and answers, refusals, golden rows.

    The endpoint is taken down whatever was found; one that a killed task left behind is adopted by its retry.

    Args:
        registered: The version.
        owner: `shadow:<run id>`.

    Raises:
        ModelRejected: A check failed; the ledger says `stopped`, and the report has every check.
        LeaseHeld: A rehearsal or a drill of another run is under way there.
        ServiceUnavailable: SageMaker could not give an instance.
        FenceLost: Another copy of this task has begun anew.
    """
    log.info("rehearse: %s on `%s`", registered.version, staging_name(registered.model))
    lease = staging.take(registered.model, owner)
    if (passed := _passed_before(registered, owner)) is not None:
        staging.take_down(registered, lease)
        ledger.give_back(lease)
        log.info("rehearse: adopted, this run has it on record. %s %s", passed.sentence, passed.report)
        return passed
    staging.stand_up(registered, lease)
    found = endpoint.settled(staging_name(registered.model))
    try:
        checks = _checks(registered, found)
    finally:
        staging.take_down(registered, lease)
    rehearsed = _written(registered, found, checks, lease)
    ledger.check(lease)
    ledger.move(
        registered.model,
        registered.version,
        "rehearsed" if rehearsed.passed else "stopped",
        by=owner,
        why=rehearsed.sentence,
        evidence={"rehearsal": rehearsed.report},
    )
    ledger.give_back(lease)
    log.info("rehearse: %s %s", rehearsed.sentence, rehearsed.report)
    if not rehearsed.passed:
        raise ModelRejected(
            f"`{registered.version}` of `{registered.model}` is stopped. {rehearsed.sentence} Train a version that "
            "passes; if the cause lay outside the model, clear this run.",
            report=rehearsed.report,
        )
    return rehearsed


def _passed_before(registered: RegisteredVersion, owner: str) -> Rehearsed | None:
    """What this run's earlier copy found, when it wrote that down and Airflow never heard of it."""
    newest = ledger.history(registered.model, registered.version).entries[-1]
    if (newest.state, newest.by) != ("rehearsed", owner):
        return None
    said = objects.get_json(newest.evidence["rehearsal"])
    return Rehearsed.from_json({name: said[name] for name in Rehearsed.model_fields} | {"registered": registered})


def _checks(registered: RegisteredVersion, found: dict[str, Any]) -> tuple[Check, ...]:
    from windtunnel.ml import rehearsal

    served = _in_service(registered, found)
    try:
        artefact = artefacts.fetch(registered.evaluated)
    except ArtefactInvalid as error:
        return served, Check(name="artefact", passed=False, sentence=str(error))
    whole = Check(
        name="artefact", passed=True, sentence=f"Its bytes have the registered digest `{artefact.sha256[:12]}`."
    )
    if not served.passed:
        return served, whole
    asked = (
        rehearsal.judge(question, endpoint.ask(staging_name(registered.model), question), artefact.golden.tolerance)
        for question in rehearsal.questions(artefact)
    )
    return served, whole, *asked


def _in_service(registered: RegisteredVersion, found: dict[str, Any]) -> Check:
    from windtunnel.aws.deployment import staging as bodies

    wanted = bodies(registered)["EndpointConfig"]["EndpointConfigName"]
    if found["EndpointStatus"] == "InService" and found["EndpointConfigName"] == wanted:
        seconds = _seconds(found)
        return Check(
            name="in-service", passed=True, sentence=f"Served after {seconds:.0f} s.", numbers={"seconds": seconds}
        )
    reason = str(found.get("FailureReason", "SageMaker gives no reason."))
    if any(said in reason.lower() for said in NOT_ITS_FAULT):
        raise ServiceUnavailable(f"SageMaker could not stand up `{found['EndpointName']}`: {reason} Tried again.")
    return Check(name="in-service", passed=False, sentence=f"It never served: {reason}")


def _written(
    registered: RegisteredVersion, found: dict[str, Any], checks: tuple[Check, ...], lease: Lease
) -> Rehearsed:
    """The outcome, kept under the rehearsal's own epoch: a version that is rehearsed again has two."""
    passed = all(check.passed for check in checks)
    golden = next((check.numbers for check in checks if check.name == "golden-rows"), {})
    largest = golden.get("largest_difference")
    rehearsed = Rehearsed(
        registered=registered,
        passed=passed,
        sentence=_sentence(checks, passed=passed),
        checks=checks,
        golden_rows=int(golden.get("rows") or 0),
        largest_difference=None if largest is None else float(largest),
        seconds_to_serve=_seconds(found),
        report=settings().uri("rehearsals", registered.model, registered.version, str(lease.epoch), "rehearsal.json"),
    )
    said = rehearsed.to_json() | {
        "registered": {"version": registered.version, "package_arn": registered.package_arn},
        "endpoint": found["EndpointName"],
        "owner": lease.owner,
    }
    with shared_write("rehearsal.report"):
        objects.put_json(rehearsed.report, said)
    return rehearsed


def _seconds(found: dict[str, Any]) -> float:
    """From the request to stand up until the endpoint settled."""
    return float((found["LastModifiedTime"] - found["CreationTime"]).total_seconds())


def _sentence(checks: tuple[Check, ...], *, passed: bool) -> str:
    if passed:
        return f"On staging it passed all {len(checks)} checks."
    return "Stopped on staging: " + " ".join(
        f"`{check.name}`: {check.sentence}" for check in checks if not check.passed
    )
