"""prove: read back what an endpoint really serves, compare it with what it should, and write the outcome down."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from windtunnel.aws import alarms, artefacts, endpoint, ledger, scaling
from windtunnel.aws.clients import client
from windtunnel.core.contracts import Proof, Release
from windtunnel.core.errors import ReleaseRefused, ServiceUnavailable, quoted
from windtunnel.ml.artefact import Golden

log = logging.getLogger(__name__)


def prove(release: Release) -> Proof:
    """Check the live endpoint, and record that the version is live, or that it was turned back and why.

    An endpoint that is InService proves nothing: after a failed update it is InService with the old config. Checked are
    the config, the model behind it, weights, shadows, capture, alarms, and the golden rows answered as offline.

    Raises:
        ReleaseRefused: The endpoint does not serve the version; the message says what it serves instead, and why.
        FenceLost: Someone else has taken the release over.
        ServiceUnavailable: SageMaker is still at work.
    """
    registered, model = release.registered, release.registered.model
    name = endpoint.endpoint_name(model)
    log.info("prove: %s should serve %s with %s", name, registered.version, release.endpoint_config)
    lease = ledger.lease_of(release)
    ledger.check(lease)
    found = endpoint.describe(model) or {}
    if found.get("EndpointStatus") in endpoint.UNDER_WAY:
        raise ServiceUnavailable(f"`{name}` is still `{found['EndpointStatus']}`. This is tried again.")
    if (found.get("EndpointStatus"), found.get("EndpointConfigName")) != ("InService", release.endpoint_config):
        raise _fell_back(release, found)
    proof = _proof(release, found)
    champion = ledger.live(model)
    if champion is None or (champion.version, champion.endpoint_config) != (registered.version, proof.endpoint_config):
        ledger.go_live(release, proof)
    scaling.put(model)
    ledger.give_back(lease)
    log.info(
        "prove: `%s` serves %s with %s; %d golden rows answered as offline, largest difference %.3g",
        proof.endpoint,
        proof.version,
        proof.endpoint_config,
        proof.golden_rows,
        proof.largest_difference,
    )
    return proof


def _fell_back(release: Release, found: dict[str, Any]) -> ReleaseRefused:
    """Write down that the release did not get there; the refusal says what is in service instead."""
    model, version = release.registered.model, release.registered.version
    said = found.get("FailureReason", "no reason given")
    rang = [
        f"{name}: {state.reason}"
        for name, state in alarms.states([*alarms.names(model), *alarms.names_of_return(model)]).items()
        if state.value == "ALARM" or name in said
    ]
    reason = " ".join([f"SageMaker says: {said}", *rang])
    if ledger.history(model, version).record.state == "releasing":
        ledger.fell_back(release, reason)
    ledger.give_back(ledger.lease_of(release))
    before = release.previous
    as_before = before is not None and found.get("EndpointConfigName") == before.endpoint_config
    return ReleaseRefused(
        f"`{version}` of `{model}` is not in service: the endpoint is `{found.get('EndpointStatus')}` with the config "
        f"`{found.get('EndpointConfigName')}`, not `{release.endpoint_config}`. {reason} "
        + (
            f"`{before.version}` serves as before."
            if before and as_before
            else f"Look at `{endpoint.endpoint_name(model)}` now: the ledger knows "
            f"{f'`{before.version}` with `{before.endpoint_config}`' if before else 'nothing'} before this release."
        )
        + f" `{version}` is on record as rolled-back; train a better one, or bring it in service on purpose with the "
        "rollback DAG."
    )


def _proof(release: Release, found: dict[str, Any]) -> Proof:
    registered = release.registered
    config = endpoint.describe_config(release.endpoint_config)
    if config is None:
        raise ReleaseRefused(
            f"The endpoint config `{release.endpoint_config}` is gone: a restart of the fleet would find nothing. "
            "Clear this run from its first task, which makes it again."
        )
    (serving,) = config["ProductionVariants"]
    described = client("sagemaker").describe_model(ModelName=serving["ModelName"])
    served = described["Containers"][0].get("ModelPackageName")
    _same("model package", served, registered.package_arn, release)
    weights = {variant["VariantName"]: float(variant["CurrentWeight"]) for variant in found["ProductionVariants"]}
    _same("variants and weights", weights, {endpoint.VARIANT: 1.0}, release)
    shadows = [variant["VariantName"] for variant in found.get("ShadowProductionVariants") or []]
    _same("shadow variants", shadows, [], release)
    percent = int(config.get("DataCaptureConfig", {}).get("InitialSamplingPercentage", 0))
    _same("captured share", endpoint.captured_percent(found), percent, release)
    alarms.require(alarms.names(registered.model))
    golden = artefacts.fetch(registered.evaluated).golden
    return Proof(
        model=registered.model,
        version=registered.version,
        endpoint=found["EndpointName"],
        endpoint_config=release.endpoint_config,
        package_arn=registered.package_arn,
        weights=weights,
        capture_percent=percent,
        golden_rows=len(golden.rows),
        largest_difference=_score(release, golden),
        proved_at=datetime.now(UTC),
    )


def _score(release: Release, golden: Golden) -> float:
    """Largest difference between the endpoint's answers to the golden rows and the offline ones."""
    rows = [dict(zip(golden.columns, row, strict=True)) for row in golden.rows]
    served = endpoint.predict(release.registered.model, rows)
    differences = [abs(a - b) for a, b in zip(served, golden.predictions, strict=True)]
    largest = max(differences)
    if not largest <= golden.tolerance:  # a NaN is not either
        wrong = [str(row) for row, difference in enumerate(differences) if not difference <= golden.tolerance]
        raise ReleaseRefused(
            f"The endpoint of `{release.registered.model}` answers golden rows {quoted(wrong)} differently from the "
            f"artefact, by up to {largest:.6g}; allowed is {golden.tolerance:.6g}. {_WHAT_NOW}"
        )
    return largest


_WHAT_NOW = (
    "It is in service and not what was approved: bring the last good version back now with the rollback DAG "
    "(docs/runbooks/rollback.md), then look at the model server's log."
)


def _same(what: str, found: object, wanted: object, release: Release) -> None:
    if found != wanted:
        raise ReleaseRefused(
            f"`{release.registered.version}` has the endpoint, but its {what} is `{found}`, not `{wanted}`. {_WHAT_NOW}"
        )
