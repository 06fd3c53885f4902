"""prove: read back what an endpoint really serves, and compare it with what it should."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from windtunnel.aws import artefacts, deployment, endpoint
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import ApprovedVersion, Proof
from windtunnel.core.errors import ReleaseRefused, quoted
from windtunnel.ml.artefact import Golden

log = logging.getLogger(__name__)


def prove(approved: ApprovedVersion) -> Proof:
    """Check the live endpoint: config, weights, capture, and the golden rows answered as they were offline.

    An endpoint that is InService proves nothing: after a failed update it is InService with the old config.

    Raises:
        ReleaseRefused: The endpoint does not serve the approved version; the message says what it serves instead.
    """
    registered = approved.registered
    wanted = deployment.deployment(registered)
    log.info("prove: %s should serve %s", wanted["Endpoint"]["EndpointName"], registered.package_arn)
    found = endpoint.describe(registered.model) or {}
    _same("status", found.get("EndpointStatus"), "InService", found)
    _same("endpoint config", found.get("EndpointConfigName"), wanted["EndpointConfig"]["EndpointConfigName"], found)
    weights = {v["VariantName"]: float(v["CurrentWeight"]) for v in found["ProductionVariants"]}
    _same("variants and weights", weights, {endpoint.VARIANT: 1.0}, found)
    capture = found.get("DataCaptureConfig", {})
    percent = model_spec(registered.model).serving.capture_percent
    _same(
        "capture", (capture.get("CaptureStatus"), capture.get("CurrentSamplingPercentage")), ("Started", percent), found
    )
    golden = artefacts.fetch(registered.evaluated).golden
    largest = _score(registered.model, golden)
    proof = Proof(
        model=registered.model,
        endpoint=found["EndpointName"],
        endpoint_config=found["EndpointConfigName"],
        package_arn=registered.package_arn,
        weights=weights,
        capture_percent=percent,
        golden_rows=len(golden.rows),
        largest_difference=largest,
        proved_at=datetime.now(UTC),
    )
    log.info("prove: %s", proof.to_json())
    return proof


def _score(model: str, golden: Golden) -> float:
    """Largest difference between the endpoint's answers to the golden rows and the offline ones."""
    rows = [dict(zip(golden.columns, row, strict=True)) for row in golden.rows]
    served = endpoint.predict(model, rows)
    differences = [abs(a - b) for a, b in zip(served, golden.predictions, strict=True)]
    largest = max(differences)
    if not largest <= golden.tolerance:  # a NaN is not either
        wrong = [str(row) for row, difference in enumerate(differences) if not difference <= golden.tolerance]
        raise ReleaseRefused(
            f"The endpoint of `{model}` answers golden rows {quoted(wrong)} differently from the artefact, by up to "
            f"{largest:.6g}; allowed is {golden.tolerance:.6g}. Do not route traffic to it; look at the model server's log."
        )
    return largest


def _same(what: str, found: object, wanted: object, described: dict[str, Any]) -> None:
    if found != wanted:
        raise ReleaseRefused(
            f"The endpoint's {what} is `{found}`, not `{wanted}`: it does not serve the approved version. "
            f"SageMaker says: {described.get('FailureReason', 'no reason given')}. "
            "What was in service before still is; mend the cause and clear this run."
        )
